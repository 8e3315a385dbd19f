"""`signals rejected`: input that was not understood, as it stands on crm.rejected, and once more after a fix."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Annotated, NamedTuple

import msgspec
import typer

from engine.records import Record
from programs.commands.loading import broker_answers, broker_of, ready
from programs.commands.topics import BrokerOption
from programs.failures import CallError
from programs.resending import TRANSACTION_MS, Asked, Choice, Left, sent_before, together
from programs.terminal import complain, plain
from topics.catalog import REJECTED
from topics.codec import decode_rejection
from topics.instants import parse_rfc3339, rfc3339
from topics.rejections import REPLAYED, Rejection

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Input that was not understood: look at it, send it again."
)

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
    """Input that was not understood: look at it, send it again."""


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


@app.command("replay")
def replay_rejected(  # noqa: PLR0913 - the options of a command
    *,
    broker: BrokerOption = None,
    source: Annotated[str | None, typer.Option(help="only this source, as <source>/<tenant>")] = None,
    reason: Annotated[str | None, typer.Option(help="only this reason")] = None,
    since: Annotated[str | None, typer.Option(help="only what came in then or later, an RFC 3339 instant")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="at most so many records")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="also what was rejected again after an earlier replay")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be sent")] = False,
) -> None:
    """Put whole records on their raw topic once more, as they were. Run it again and nothing is sent twice."""
    installation = ready(broker=broker)
    target = broker_of(installation)
    asked = Asked(source, reason, _since(since), limit, again)
    keep_time = installation.settings.clock.mode == "data"
    with broker_answers():
        from engine.admin import read_all, transacting  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        if dry_run:
            choice = Choice(asked, sent_before(read_all(target, REJECTED)))
            for _ in choice.of(read_all(target, REJECTED)):
                pass
        else:
            with transacting(target, TRANSACTION, TRANSACTION_MS) as write:
                choice = Choice(asked, sent_before(read_all(target, REJECTED)))
                for some in together(choice.of(read_all(target, REJECTED))):
                    write(output for one in some for output in one.outputs(keep_time=keep_time))
    for text in said_of(choice, dry_run=dry_run):
        typer.echo(text)


def _since(text: str | None) -> int:
    try:
        return 0 if text is None else parse_rfc3339(text)
    except ValueError as error:
        raise CallError(f"--since: {error}") from None


def said_of(choice: Choice, *, dry_run: bool) -> Iterator[str]:
    """What was sent again, by reason, and what was not, and why: one line each."""
    total = choice.sent.total()
    of_each = ", ".join(f"{name} {count}" for name, count in choice.sent.most_common())
    records = "record" if total == 1 else "records"
    yield f"{total} {records} {'would be sent' if dry_run else 'sent'} again{': ' if of_each else ''}{plain(of_each)}"
    for left, count in sorted(choice.left.items()):
        yield f"{count} left: {_WHY_LEFT[left]}"


#: Who replays is fenced off by who does so later, under this name.
TRANSACTION = "replay.rejected"
_WHY_LEFT = {
    Left.CUT: "larger than 8 MB, so only their beginning was kept; the source must send them again",
    Left.SENT_BEFORE: "sent again by an earlier replay",
    Left.TRIED: "rejected again after an earlier replay (--again sends them once more)",
    Left.NOT_RAW: "put aside from topics of our own, not what a source sent",
    Left.BEYOND_LIMIT: "beyond --limit",
}


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
        if one.reason == REPLAYED:  # not a rejection but the note of its replay
            continue
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
