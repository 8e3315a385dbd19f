"""`signals topics`: the catalogue of this installation's topics, against the broker's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alerts.actions import Action
from alerts.ledger import LedgerEntry
from alerts.routes import CloudEvent
from alerts.values import Decision, Delivery, Told
from programs.commands.loading import broker_answers, broker_of, ready
from programs.failures import CallError, WorkError
from programs.startup import Ready
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
    REJECTED,
    ROUTE_PREFIX,
    STAGE_DWELLS,
    Topic,
)
from topics.codec import schema_of
from topics.definitions import Definition
from topics.dwells import DwellRecord
from topics.events import DealEvent, PeopleEvent
from topics.indicators import Figures
from topics.rejections import Rejection
from topics.signals import Signal
from topics.views import DealView

if TYPE_CHECKING:
    from engine.admin import Difference, TopicSpec

app = typer.Typer(no_args_is_help=True, add_completion=False, help="List, create and check the topics.")

BrokerOption = Annotated[str | None, typer.Option("--broker", metavar="HOST:PORT", help="in place of the setting")]
PlaybookOption = Annotated[Path | None, typer.Option("--playbook", help="in place of the setting")]


@app.command("list")
def list_topics(
    *, playbook: PlaybookOption = None, as_json: Annotated[bool, typer.Option("--json", help="one object")] = False
) -> None:
    """Every topic, as this installation needs it."""
    installation = ready(playbook=playbook)
    partitions = installation.settings.topics.partitions
    rows = [_row(topic, partitions) for topic in installation.topics()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    columns = ("name", "key", "value", "partitions", "kept", "what")
    _table(columns, [[str(row[each]) for each in columns] for row in rows])


@app.command()
def apply(
    *,
    broker: BrokerOption = None,
    playbook: PlaybookOption = None,
    alter: Annotated[bool, typer.Option("--alter", help="also set settings that differ")] = False,
    grow: Annotated[bool, typer.Option("--grow", help="also add partitions; keys move with their number")] = False,
) -> None:
    """Create the topics that are missing, and say what differs."""
    installation = ready(broker=broker, playbook=playbook)
    target = broker_of(installation)
    with broker_answers():
        from engine import admin  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        replication = installation.settings.topics.replication
        applied = admin.apply(target, specs(installation), replication=replication, alter=alter, grow=grow)
    for difference in applied.done:
        typer.echo(f"done: {difference.topic}: {_change(difference)}")
    _refuse(applied.left)
    if not applied.done:
        typer.echo("nothing to do")


@app.command()
def check(*, broker: BrokerOption = None, playbook: PlaybookOption = None) -> None:
    """Say what differs on the broker; exit 1 where something does."""
    installation = ready(broker=broker, playbook=playbook)
    target = broker_of(installation)
    with broker_answers():
        from engine import admin  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        found = admin.check(target, specs(installation))
    _refuse([each for each in found if each.what is not admin.What.UNREPORTED])
    typer.echo(f"{len(installation.topics())} topics are as they should be")


@app.command()
def acls(  # noqa: PLR0913 - the options of a command
    *,
    playbook: PlaybookOption = None,
    broker: BrokerOption = None,
    user_prefix: Annotated[str, typer.Option(help="each role's user is called this and the role")] = "signals-",
    one_user: Annotated[str | None, typer.Option("--user", help="one user for everything, as `signals up` has")] = None,
    as_commands: Annotated[bool, typer.Option("--commands", help="as calls of kafka-acls.sh")] = False,
    grant: Annotated[bool, typer.Option("--grant", help="also allow it all, on the broker of the settings")] = False,
) -> None:
    """What each program and each person must be allowed on a broker that asks."""
    from programs import permissions  # noqa: PLC0415 - kafka-python takes 0.2 s to import

    installation = ready(broker=broker, playbook=playbook)
    names = [topic.name for topic in installation.topics()]
    wanted = permissions.grants(names, prefix=user_prefix, everything_to=one_user)
    if as_commands:
        servers = installation.settings.broker.bootstrap or "localhost:9092"
        typer.echo("\n".join(permissions.commands(wanted, servers)))
    else:
        rows = [[one.user, one.operation, one.resource, one.name + "*" * one.prefixed] for one in wanted]
        _table(("user", "operation", "resource", "name"), rows)
    if grant:
        with broker_answers():
            from engine import acls as granting  # noqa: PLC0415 - as above

            typer.echo(f"{granting.grant(broker_of(installation), wanted)} allowed")


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as what stands in them; the last one as it is."""
    lines = [columns, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns) - 1)]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)).rstrip())


@app.command()
def schema(name: Annotated[str, typer.Argument(metavar="TOPIC", help="`signals topics list` has the names")]) -> None:
    """The JSON Schema of a topic's values, for who reads or writes it."""
    value_type = _value_type(name)
    if value_type is None:
        raise CallError(f"{name}: its values have no schema of ours (known: {', '.join(_VALUES)}, {ROUTE_PREFIX}*)")
    typer.echo(json.dumps(schema_of(value_type), indent=2))


def _value_type(name: str) -> object:
    return CloudEvent if name.startswith(ROUTE_PREFIX) else _VALUES.get(name)


#: What stands on the topics whose values are JSON. Raw topics hold what the source sent, state topics our own bytes.
_VALUES: dict[str, object] = {
    PEOPLE_EVENTS: PeopleEvent,
    DEAL_EVENTS: DealEvent,
    DEFINITIONS: Definition,
    DEAL_SIGNALS: Signal,
    DEAL_CURRENT: DealView,
    PIPELINE_INDICATORS: Figures,
    STAGE_DWELLS: DwellRecord,
    REJECTED: Rejection,
    ALERT_ACTIONS: Action,
    ALERT_INBOX: Told,
    ALERT_OUTBOX: Delivery,
    ALERT_LOG: Decision,
    ALERT_LEDGER: LedgerEntry,
}


def specs(installation: Ready) -> list[TopicSpec]:
    """The catalogue as the machinery takes it.

    Where the data has a clock, nothing is deleted by age: the broker would measure that by its own clock, and drop
    what is simulated a year ago as soon as it is written.
    """
    from engine.admin import TopicSpec  # noqa: PLC0415 - kafka-python takes 0.2 s to import

    usual = installation.settings.topics.partitions
    kept = {"retention.ms": "-1"} if installation.settings.clock.mode == "data" else {}
    return [TopicSpec(topic.name, topic.partitions or usual, topic.config() | kept) for topic in installation.topics()]


def _row(topic: Topic, partitions: int) -> dict[str, str | int]:
    return {
        "name": topic.name,
        "key": topic.key,
        "value": topic.value,
        "partitions": topic.partitions or partitions,
        "kept": topic.kept,
        "what": topic.doc,
    }


def _change(difference: Difference) -> str:
    if not difference.found:
        return f"created with {difference.wanted} partitions"
    return f"{difference.setting or 'partitions'} from {difference.found} to {difference.wanted}"


def _refuse(left: Iterable[Difference]) -> None:
    lines = [str(each) for each in left]
    if lines:
        raise WorkError(*lines)
