"""`signals rejected`: input that was not understood, as it stands on crm.rejected."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable
from typing import Annotated, NamedTuple

import msgspec
import typer

from engine.records import Record
from programs.commands.loading import broker_answers, broker_of, ready
from programs.commands.topics import BrokerOption
from programs.terminal import complain, plain
from topics.catalog import REJECTED
from topics.codec import decode_rejection
from topics.instants import rfc3339
from topics.rejections import Rejection

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Look at input that was not understood.")

_FIRST_BYTES = 160


class Shown(NamedTuple):
    """One rejection, small enough to keep many: where it stands, why, and how the record begins."""

    at: str
    source: str
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    rows: int
    size: int
    key: str
    begins: str


@app.callback()
def rejected() -> None:
    """Look at input that was not understood."""


@app.command("list")
def list_rejected(
    *,
    broker: BrokerOption = None,
    source: Annotated[str | None, typer.Option(help="only this source, as <source>/<tenant>")] = None,
    reason: Annotated[str | None, typer.Option(help="only this reason")] = None,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="how many to show, the newest")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="one object per line")] = False,
) -> None:
    """The newest rejections, oldest first, and how many there are of each reason."""
    target = broker_of(ready(broker=broker))
    with broker_answers():
        from engine.admin import read_all  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        shown, counts = newest(read_all(target, REJECTED), last, source=source, reason=reason)
    for each in shown:
        typer.echo(json.dumps(each._asdict()) if as_json else line(each))
    said = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    complain(f"{counts.total()} rejected{': ' if said else ''}{said}")


def newest(
    records: Iterable[Record], last: int, *, source: str | None = None, reason: str | None = None
) -> tuple[list[Shown], Counter[str]]:
    """The newest of the records that are asked for, and the rows of all of them by reason.

    Only `last` of each partition are held, and of each only its beginning, however long the topic is.
    """
    kept: dict[int, deque[tuple[int, int, int, Shown]]] = {}
    counts: Counter[str] = Counter()
    for record in records:
        one = shown(record)
        if (source is not None and one.source != source) or (reason is not None and one.reason != reason):
            continue
        counts[one.reason] += one.rows
        place = (record.timestamp_us, record.partition, record.offset, one)
        kept.setdefault(record.partition, deque(maxlen=last)).append(place)
    everything = sorted(each for partition in kept.values() for each in partition)
    return [one for *_, one in everything[-last:]], counts


def shown(record: Record) -> Shown:
    """One record of crm.rejected; one that is itself unreadable is shown as such, at its own position."""
    try:
        return _of(record, decode_rejection(record.value or b""))
    except msgspec.DecodeError as error:
        return Shown(
            at=_instant(record.timestamp_us),
            source="",
            reason="unreadable",
            detail=str(error),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            rows=1,
            size=len(record.value or b""),
            key=_begins(record.key),
            begins=_begins(record.value),
        )


def line(one: Shown) -> str:
    """For people; what the source sent cannot steer their terminal."""
    place = f"{one.topic}[{one.partition}]@{one.offset}"
    rows = f" x{one.rows}" if one.rows > 1 else ""
    detail = f" ({one.detail})" if one.detail else ""
    return plain(f"{one.at} {one.source} {place} {one.reason}{rows}{detail}: {one.size} bytes: {one.begins}")


def _of(record: Record, rejection: Rejection) -> Shown:
    value = rejection.value or b""
    return Shown(
        at=_instant(rejection.timestamp_us or record.timestamp_us),
        source=rejection.source,
        reason=rejection.reason,
        detail=rejection.detail,
        topic=rejection.topic,
        partition=rejection.partition,
        offset=rejection.offset,
        rows=rejection.rows,
        size=len(value) if rejection.size is None else rejection.size,
        key=_begins(rejection.key),
        begins=_begins(rejection.value),
    )


def _instant(at_us: int) -> str:
    try:
        return rfc3339(at_us)
    except OverflowError:  # a sender may stamp a record with any number
        return f"{at_us} us"


def _begins(value: bytes | None) -> str:
    return (value or b"")[:_FIRST_BYTES].decode(errors="backslashreplace")
