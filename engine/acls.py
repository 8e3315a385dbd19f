"""Who may do what on a broker with an authorizer: one allowed operation as a value, and how it is granted."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType
from kafka.errors import KafkaError

from engine.admin import admin_client
from engine.settings import Broker


class Operation(StrEnum):
    """What may be done, in the words of Kafka's own tools. `Read` and `Write` include `Describe`."""

    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    ALTER = "Alter"
    DESCRIBE = "Describe"
    DESCRIBE_CONFIGS = "DescribeConfigs"
    ALTER_CONFIGS = "AlterConfigs"


class Resource(StrEnum):
    """What it is done with, in the same words."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"


class Grant(NamedTuple):
    """One operation that one user is allowed. `prefixed`: on every resource whose name begins so."""

    user: str
    operation: Operation
    resource: Resource
    name: str
    prefixed: bool = False


def grant(broker: Broker, grants: Iterable[Grant]) -> int:
    """Allow all of it, from any host; what is allowed already stays. How many. Raises `BrokerAway`, `KafkaError`."""
    wanted = [_acl(one) for one in grants]
    with admin_client(broker) as admin:
        made = admin.create_acls(wanted)
    for error in made["failed"]:
        raise error if isinstance(error, KafkaError) else error()
    return len(made["succeeded"])


def _acl(one: Grant) -> ACL:
    pattern = ACLResourcePatternType.PREFIXED if one.prefixed else ACLResourcePatternType.LITERAL
    return ACL(
        principal=f"User:{one.user}",
        host="*",
        operation=ACLOperation[one.operation.name],
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(ResourceType[one.resource.name], one.name, pattern),
    )
