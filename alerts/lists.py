"""Messages about more than one deal: several that became bad at once, the rest of a day, a flood of one kind. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.actions import Handled
from alerts.blocks import Block, Message, context, header, present, section
from alerts.buttons import menu
from alerts.inert import escaped
from alerts.links import deal_link
from alerts.message import DOUBTFUL, EXPLAINED, FEW_DETAILS, HASH, ROOM, icon_of, said_of, still_open, up_to
from alerts.phrases import (
    FACT,
    LINE,
    NAME,
    amount,
    capital,
    details,
    headline,
    icon,
    moment,
    name_of,
    outcome,
    sentence,
    why,
)
from alerts.reasons import MEANING, Reason
from alerts.values import Delivery, Sheet
from playbook.model import Playbook
from topics.signals import Signal, Step

#: Lines of a list; a message takes 50 blocks.
MOST_LINES = 40
#: Lines of figures in a roll-up.
MOST_FIGURES = 12
#: Deals whose reasons are spelled out.
MOST_DEALS = 15


def deals(playbook: Playbook, delivery: Delivery, via: Reason, *, doubtful: bool) -> Message:
    """Several deals at once, each signal with its reason."""
    left = still_open(delivery.shown)
    many = len({signal.subject_key for signal in left})
    start = f"{icon_of(delivery.shown)} {_counted(many, 'deal needs you', 'deals need you')}"
    lines = (_explained(playbook, signal, _handled(delivery)) for signal in delivery.shown[:MOST_DEALS])
    return _list(start, delivery, via, tuple(lines), doubtful=doubtful)


def digest(playbook: Playbook, delivery: Delivery, via: Reason, *, doubtful: bool) -> Message:
    """What waited for the end of the day, a line each."""
    many = len(still_open(delivery.shown)) + delivery.count
    start = f"\N{MEMO} {_counted(many, 'more thing', 'more things')} on your deals"
    lines = (_line(playbook, signal, _handled(delivery)) for signal in delivery.shown[:MOST_LINES])
    return _list(start, delivery, via, tuple(lines), doubtful=doubtful)


def queue(playbook: Playbook, delivery: Delivery, via: Reason, *, doubtful: bool) -> Message:
    """A person's week: everything that is open on their deals, the largest first, with the minutes that each takes."""
    left = still_open(delivery.shown)
    minutes = sum(_minutes(playbook, signal) for signal in left)
    many = len(left) + delivery.count
    todo = f"{_counted(many, 'thing', 'things')} to clear, about {_counted(minutes, 'minute', 'minutes')}"
    start = f"\N{CALENDAR} Your week: {todo if many else 'all clear'}"
    lines = (_queued(playbook, signal, _handled(delivery)) for signal in delivery.shown[:MOST_LINES])
    return _list(start, delivery, via, tuple(lines), doubtful=doubtful)


def _queued(playbook: Playbook, signal: Signal, handled: dict[str, Handled]) -> Block:
    """One thing to clear: which fields are meant, and how long it takes."""
    if signal.transition is Step.RESOLVED:
        return _line(playbook, signal, handled)
    fields = ", ".join(dict.fromkeys(str(each["field"]) for each in signal.evidence.details if "field" in each))
    facts = (escaped(fields, FACT), f"{_minutes(playbook, signal)} min")
    return section(" · ".join([_words(signal), *(each for each in facts if each)]), _menu(playbook, signal, handled))


def _minutes(playbook: Playbook, signal: Signal) -> int:
    return round(playbook.alerts.queue.minutes_of(signal.kind))


def rolled_up(delivery: Delivery, via: Reason, *, doubtful: bool) -> Message:
    """A lead's or a manager's view of many deals: figures, then the worst of them."""
    sheet = delivery.sheet or Sheet(title="", lines=())
    start = f"\N{BAR CHART} {escaped(sheet.title, NAME)}"
    figures = "\n".join(escaped(line, LINE) for line in sheet.lines[:MOST_FIGURES])
    worst = (
        section(f"{_words(signal)}{f' · {escaped(signal.owner, FACT)}' if signal.owner else ''}")
        for signal in delivery.shown[:MOST_DEALS]
    )
    blocks = present(
        header(start), section(figures) if figures else None, *worst, _print(delivery, via, doubtful=doubtful)
    )
    return Message(start, blocks)


def flood(delivery: Delivery, via: Reason, *, doubtful: bool) -> Message:
    """One message in place of thousands."""
    signal = delivery.signal
    start = f"\N{WATER WAVE} {delivery.count:,} signals at once: {headline(signal)}"
    told = (
        f"{delivery.count:,} signals of the kind {signal.kind.value} opened since {moment(delivery.since)}. "
        "Nobody else was told of them."
    )
    todo = (
        "Look at the limit of this kind in the playbook and at what was loaded last. What a corrected playbook no "
        "longer asks for is withdrawn; what remains stands in the digests."
    )
    example = f"e.g. {name_of(signal)}: {sentence(escaped(signal.reason, FACT))}"
    blocks = present(
        header(start),
        section(f"{told}\n{example}"),
        section(f"*Next*  {todo}"),
        _print(delivery, via, doubtful=doubtful),
    )
    return Message(f"{start}. Nobody else was told of them.", blocks)


def _list(start: str, delivery: Delivery, via: Reason, lines: Sequence[Block], *, doubtful: bool) -> Message:
    more = len(delivery.shown) - len(lines) + delivery.count
    blocks = present(
        header(start),
        *lines,
        context(f"and {more} more: they stand in the app's home") if more else None,
        _print(delivery, via, doubtful=doubtful),
    )
    named = dict.fromkeys(name_of(signal) for signal in still_open(delivery.shown))
    return Message(f"{start}: {', '.join(list(named)[:5])}" if named else start, blocks)


def _explained(playbook: Playbook, signal: Signal, handled: dict[str, Handled]) -> Block:
    if signal.transition is Step.RESOLVED:
        return _line(playbook, signal, handled)
    lines = (_words(signal), why(signal), *details(signal, FEW_DETAILS), *_said(handled.get(signal.id)))
    return section(up_to(lines, ROOM), _menu(playbook, signal, handled))


def _line(playbook: Playbook, signal: Signal, handled: dict[str, Handled]) -> Block:
    if signal.transition is Step.RESOLVED:
        return section(f"~{name_of(signal)}: {headline(signal)}~  {outcome(signal)}")
    lines = (_words(signal), *_said(handled.get(signal.id)))
    return section("\n".join(lines), _menu(playbook, signal, handled))


def _said(done: Handled | None) -> tuple[str, ...]:
    return () if done is None else (said_of(done),)


def _words(signal: Signal) -> str:
    facts = " · ".join(each for each in (capital(headline(signal)), escaped(amount(signal), FACT)) if each)
    return f"{icon(signal)} *{name_of(signal)}*  {facts}"


def _menu(playbook: Playbook, signal: Signal, handled: dict[str, Handled]) -> Block | None:
    return menu(signal, handled, deal_link(playbook, signal))


def _handled(delivery: Delivery) -> dict[str, Handled]:
    return {each.signal: each for each in delivery.handled}


def _print(delivery: Delivery, via: Reason, *, doubtful: bool) -> Block:
    return context(" · ".join(_parts(delivery, via, doubtful=doubtful)))


def _parts(delivery: Delivery, via: Reason, *, doubtful: bool) -> Iterator[str]:
    if via in EXPLAINED:
        yield f"Here because {MEANING[via]}"
    if doubtful:
        yield DOUBTFUL
    yield f"playbook {escaped(delivery.signal.playbook.removeprefix('sha256:')[:HASH], FACT) or 'unknown'}"
    for signal in delivery.shown[:MOST_DEALS]:
        yield f"signal {escaped(signal.id, FACT)}"


def _counted(many: int, one: str, several: str) -> str:
    return f"{many:,} {one if many == 1 else several}"
