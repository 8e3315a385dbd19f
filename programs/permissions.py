"""What each program, and each person beside them, does with which topics; and what a broker must allow them for it.

On a broker with an authorizer each of them logs in as a user of its own. `docs/security.md` shows the table, the tests
run every program with exactly these rights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from engine.acls import Grant, Operation, Resource
from topics.catalog import (
    ALERT_ACTIONS,
    ALERT_INBOX,
    ALERT_LEDGER,
    ALERT_LOG,
    ALERT_OUTBOX,
    DEAL_CURRENT,
    DEAL_EVENTS,
    DEAL_SIGNALS,
    DEFINITIONS,
    PEOPLE_EVENTS,
    PIPELINE_INDICATORS,
    RAW_PREFIX,
    REJECTED,
    ROUTE_PREFIX,
    STAGE_DWELLS,
    STATE_BASELINES,
    STATE_DETECT,
    STATE_FANOUT,
    STATE_JOIN,
    STATE_NOTIFY,
)

#: What stands before a role's name in the name of its user, unless it is said otherwise.
USER_PREFIX = "signals-"


class Duty(NamedTuple):
    """What one role does. A name that ends in a dot stands for every topic of the installation that begins so.

    `takes` topics as a consumer group called like the role; `keeps` its state on topics; `writes`; `reads` without a
    group; `watches` how far other groups have read; `sees` that topics are there and where they end; `transacts` under
    names that begin so, as every program does under its own. `by_target`: groups called like the role, a dot, and a
    target of the settings.
    """

    role: str
    takes: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    transacts: tuple[str, ...] = ()
    by_target: bool = False


PROGRAM_DUTIES = (
    Duty(
        "ingest",
        takes=(RAW_PREFIX,),
        writes=(DEAL_EVENTS, PEOPLE_EVENTS, REJECTED),
        reads=(DEAL_EVENTS, PEOPLE_EVENTS),  # the clock: the tick said last, the oldest record unread
        watches=("join",),
    ),
    Duty(
        "join",
        takes=(PEOPLE_EVENTS,),
        keeps=(STATE_JOIN,),
        writes=(DEAL_EVENTS, PEOPLE_EVENTS, DEAL_SIGNALS, REJECTED),
        reads=(DEFINITIONS,),
    ),
    Duty(
        "detect",
        takes=(DEAL_EVENTS,),
        keeps=(STATE_DETECT,),
        writes=(DEAL_SIGNALS, DEAL_CURRENT, PIPELINE_INDICATORS, STAGE_DWELLS, REJECTED),
        reads=(DEFINITIONS,),
    ),
    Duty("route", takes=(DEAL_SIGNALS,), writes=(ROUTE_PREFIX, REJECTED), reads=(DEFINITIONS,)),
    Duty(
        "notify",
        takes=(DEAL_SIGNALS, ALERT_ACTIONS, ALERT_INBOX),
        keeps=(STATE_FANOUT, STATE_NOTIFY),
        writes=(ALERT_INBOX, ALERT_OUTBOX, ALERT_LOG, REJECTED),
        reads=(DEFINITIONS,),
    ),
    Duty("send", takes=(ALERT_OUTBOX,), keeps=(ALERT_LEDGER,), writes=(ALERT_LOG, REJECTED), reads=(DEFINITIONS,)),
    Duty(
        "baselines",
        takes=(STAGE_DWELLS,),
        keeps=(STATE_BASELINES,),
        writes=(DEFINITIONS, DEAL_EVENTS, PIPELINE_INDICATORS, REJECTED),
        reads=(DEFINITIONS,),
    ),
)
#: `intake` and connectors write what the CRM sends; the others are people at the command line.
OTHER_DUTIES = (
    Duty("intake", writes=(RAW_PREFIX, ALERT_ACTIONS), reads=(DEFINITIONS, DEAL_CURRENT, ALERT_ACTIONS)),
    Duty("connector", writes=(RAW_PREFIX,)),
    Duty("forward", takes=(DEAL_SIGNALS,), writes=(REJECTED,), by_target=True),
    Duty(
        "loader",
        writes=(RAW_PREFIX, DEAL_EVENTS),
        reads=(DEAL_CURRENT,),
        watches=("ingest", "join"),
        sees=(PEOPLE_EVENTS,),
    ),
    Duty(
        "publisher",
        writes=(DEFINITIONS, DEAL_EVENTS, PEOPLE_EVENTS),
        reads=(DEFINITIONS, STAGE_DWELLS),
        transacts=("publish",),
    ),
    Duty("replayer", writes=(RAW_PREFIX, REJECTED), reads=(REJECTED,), transacts=("replay",)),
    Duty(
        "forgetter",
        writes=(DEAL_EVENTS, PEOPLE_EVENTS),
        reads=(STATE_JOIN, DEAL_CURRENT, DEAL_SIGNALS, ALERT_LEDGER),
        transacts=("forget",),
    ),
    Duty(
        "support",
        reads=(
            REJECTED,
            DEAL_EVENTS,
            DEAL_CURRENT,
            DEAL_SIGNALS,
            PIPELINE_INDICATORS,
            DEFINITIONS,
            ALERT_ACTIONS,
            ALERT_LOG,
        ),
    ),
)
#: Makes the topics and sets them right: `signals topics`, `signals up`.
ADMIN = "admin"
ROLES = (*(duty.role for duty in (*PROGRAM_DUTIES, *OTHER_DUTIES)), ADMIN)

_ADMINISTERS = (
    Operation.CREATE,
    Operation.DESCRIBE,
    Operation.DESCRIBE_CONFIGS,
    Operation.ALTER,
    Operation.ALTER_CONFIGS,
)


def grants(topics: Iterable[str], *, prefix: str = USER_PREFIX, everything_to: str | None = None) -> tuple[Grant, ...]:
    """Everything that must be allowed in an installation with these topics, in the order of the flow.

    The users are called `prefix` and the role, or all `everything_to`.
    """
    names = tuple(topics)
    made: dict[Grant, None] = {}
    for duty in (*PROGRAM_DUTIES, *OTHER_DUTIES):
        user = everything_to or prefix + duty.role
        made |= dict.fromkeys(one._replace(user=user) for one in _of(duty, names))
    admin = everything_to or prefix + ADMIN
    made |= dict.fromkeys(Grant(admin, operation, Resource.TOPIC, name) for name in names for operation in _ADMINISTERS)
    return tuple(made)


def _of(duty: Duty, names: tuple[str, ...]) -> Iterator[Grant]:
    read, write, see = Operation.READ, Operation.WRITE, Operation.DESCRIBE
    for what, operations in (
        (duty.takes, (read,)),
        (duty.keeps, (read, write)),
        (duty.writes, (write,)),
        (duty.reads, (read,)),
        (duty.sees, (see,)),
    ):
        for name in _named(what, names):
            yield from (Grant(duty.role, operation, Resource.TOPIC, name) for operation in operations)
    if duty.by_target:
        yield Grant(duty.role, read, Resource.GROUP, f"{duty.role}.", prefixed=True)
    elif duty.takes:
        yield Grant(duty.role, read, Resource.GROUP, duty.role)
    for name in (duty.role, *duty.transacts) if duty.takes else duty.transacts:
        yield Grant(duty.role, write, Resource.TRANSACTIONAL_ID, f"{name}.", prefixed=True)
    yield from (Grant(duty.role, see, Resource.GROUP, group) for group in duty.watches)


def _named(patterns: Iterable[str], names: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns:
        yield from (name for name in names if name == pattern or (pattern.endswith(".") and name.startswith(pattern)))


def commands(some: Iterable[Grant], servers: str) -> Iterator[str]:
    """The same as calls of Kafka's own tool, one per user and resource."""
    together: dict[tuple[str, Resource, str, bool], list[Operation]] = {}
    for one in some:
        together.setdefault((one.user, one.resource, one.name, one.prefixed), []).append(one.operation)
    for (user, resource, name, prefixed), operations in together.items():
        asked = " ".join(f"--operation {operation}" for operation in operations)
        pattern = " --resource-pattern-type prefixed" if prefixed else ""
        yield (
            f"kafka-acls.sh --bootstrap-server {servers} --command-config admin.properties --add "
            f"--allow-principal User:{user} {asked} --{resource} {name}{pattern}"
        )
