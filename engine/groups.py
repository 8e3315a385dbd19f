"""Consumer groups whose only worker has died: let the broker forget it.

The embedded broker does not evict a member that was killed, so whoever comes after it would wait for ever. A group
there has one worker, and whoever started that worker knows that it is gone. On Kafka the session timeout does this.
"""

from __future__ import annotations

from kafka.admin import KafkaAdminClient, MemberToRemove
from kafka.errors import KafkaError

from engine.settings import Broker


def forget_members(broker: Broker, group: str) -> int:
    """Remove every member of a group; how many there were, as far as the broker says so."""
    admin = KafkaAdminClient(**broker.client_options())
    try:
        members = admin.describe_groups([group])[group]["members"]
        gone = [MemberToRemove(member_id=member["member_id"]) for member in members]
        if gone:
            admin.remove_group_members(group, gone)
    except (KafkaError, KeyError):
        return 0
    else:
        return len(gone)
    finally:
        admin.close()
