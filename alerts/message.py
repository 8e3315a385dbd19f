"""A message about one deal: one signal of it or several, their thread, and the reminder. Pure.

Everything that a CRM or a playbook wrote is escaped and cut to Block Kit's limits (`alerts.phrases`). The limits are
those that slack_sdk's models enforce.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.actions import Handled
from alerts.audience import response_to
from alerts.blocks import Block, Composed, Message, context, header, present, section
from alerts.buttons import menu, row
from alerts.inert import escaped
from alerts.links import deal_link
from alerts.phrases import (
    FACT,
    LINE,
    capital,
    details,
    facts,
    headline,
    icon,
    measured,
    moment,
    name_of,
    outcome,
    sentence,
    time_limit,
    title,
    value,
    why,
)
from alerts.reasons import FALLBACKS, MEANING, Reason
from alerts.values import Delivery, Op
from alerts.wording import HANDLED
from playbook.model import Playbook
from topics.signals import Signal, Step

ACTION, REASON = 400, 300
#: Pieces of evidence in the message itself, in one of several signals, and in the thread.
MOST_DETAILS, FEW_DETAILS, ALL_DETAILS = 6, 3, 30
#: Signals that one message shows; beyond, it says how many more there are.
MOST_SIGNALS = 10
MOST_CAUSES = 5
HASH = 8
#: A section takes 3,000 characters.
ROOM = 2900
#: Why it is said again is worth a line unless it is one of these.
ORDINARY = frozenset({Reason.TOLD, Reason.UPDATED, Reason.RESOLVED, Reason.REOPENED})
#: Why it comes to this recipient is worth a line where it is not as usual.
EXPLAINED = FALLBACKS | {Reason.ESCALATED}
DOUBTFUL = "perhaps said twice: Slack did not answer clearly"


def about_a_deal(playbook: Playbook, delivery: Delivery, via: Reason, *, doubtful: bool) -> Composed:
    """The message about a deal as this recipient reads it now."""
    signals = delivery.shown
    handled = {each.signal: each for each in delivery.handled}
    if len(signals) == 1:
        main = _one(playbook, signals[0], via, handled, doubtful=doubtful)
    else:
        main = _several(playbook, delivery, via, handled, doubtful=doubtful)
    open_ones = still_open(signals)
    thread = Message(f"Evidence for {name_of(delivery.signal)}", tuple(_evidence(open_ones))) if open_ones else None
    reminder = _reminder(playbook, delivery, open_ones) if delivery.op is Op.REMIND and open_ones else None
    return Composed(main, thread, reminder)


def message(playbook: Playbook, signal: Signal, via: Reason = Reason.AS_OWNER) -> Message:
    """The message about one signal that nobody has acted on."""
    return _one(playbook, signal, via, {}, doubtful=False)


def _one(playbook: Playbook, signal: Signal, via: Reason, handled: dict[str, Handled], *, doubtful: bool) -> Message:
    over = signal.transition is Step.RESOLVED
    body = (_over(signal),) if over else (_why(signal), _next(playbook, signal))
    blocks = present(
        header(f"{icon(signal)} {name_of(signal)}: {title(signal)}"),
        _facts(signal),
        *body,
        *_handled((signal,), handled),
        row((signal,), handled, deal_link(playbook, signal)),
        _small_print(signal, via, doubtful=doubtful),
    )
    return Message(_text(playbook, signal), blocks)


def _several(
    playbook: Playbook, delivery: Delivery, via: Reason, handled: dict[str, Handled], *, doubtful: bool
) -> Message:
    signals = delivery.shown
    start = f"{icon_of(signals)} {name_of(delivery.signal)}: {count_of(signals)}"
    shown = signals[:MOST_SIGNALS]
    more = len(signals) - len(shown)
    blocks = present(
        header(start),
        _facts(delivery.signal),
        *(_among(playbook, signal, handled) for signal in shown),
        context(f"and {more} more") if more else None,
        row(signals, handled, deal_link(playbook, delivery.signal)),
        _small_print(delivery.signal, via, doubtful=doubtful, others=shown),
    )
    listed = "; ".join(headline(signal) for signal in still_open(shown)) or "all of it is over"
    return Message(f"{start}: {listed}.", blocks)


def count_of(signals: Sequence[Signal]) -> str:
    """How much is wrong, in words: `3 things to look at`."""
    left = len(still_open(signals))
    if not left:
        return "resolved"
    return f"{left} {'thing' if left == 1 else 'things'} to look at"


def icon_of(signals: Sequence[Signal]) -> str:
    """The gravest open one's sign; signals come gravest first."""
    return icon(next(iter(still_open(signals)), signals[0]))


def _among(playbook: Playbook, signal: Signal, handled: dict[str, Handled]) -> Block:
    """One signal among several."""
    if signal.transition is Step.RESOLVED:
        return section(f"~{capital(headline(signal))}~  {outcome(signal)}")
    action = _action(playbook, signal)
    lines = [
        f"{icon(signal)} *{capital(headline(signal))}*",
        why(signal),
        *details(signal, FEW_DETAILS),
        f"*Next*  {action}" if action else "",
        said_of(handled[signal.id]) if signal.id in handled else "",
    ]
    return section(up_to([line for line in lines if line], ROOM), menu(signal, handled, None))


def _facts(signal: Signal) -> Block | None:
    text = facts(signal)
    return context(text) if text else None


def _why(signal: Signal) -> Block:
    return section("\n".join([f"*Why*  {why(signal)}", *details(signal, MOST_DETAILS)]))


def _next(playbook: Playbook, signal: Signal) -> Block | None:
    text = _action(playbook, signal)
    return section(f"*Next*  {text}") if text else None


def _action(playbook: Playbook, signal: Signal) -> str:
    """What to do, and within what time."""
    response = response_to(playbook, signal)
    limit = "" if response.within_hours is None else f"Within {time_limit(response.within_hours)}."
    return " ".join(each for each in (sentence(escaped(response.action, ACTION)), limit) if each)


def _over(signal: Signal) -> Block:
    return section(f"~{capital(headline(signal))}~\n{outcome(signal)}")


def _handled(signals: Sequence[Signal], handled: dict[str, Handled]) -> Iterator[Block]:
    for signal in signals:
        if signal.id in handled:
            yield context(said_of(handled[signal.id]))


def said_of(done: Handled) -> str:
    """What somebody did about it, in their own words."""
    reason = escaped(done.reason, REASON)
    return HANDLED[done.kind].format(
        by=escaped(done.by, FACT) or "somebody",
        at=moment(done.at),
        until=moment(done.until),
        why=f": {reason}" if reason else "",
    )


def _small_print(signal: Signal, via: Reason, *, doubtful: bool, others: Sequence[Signal] = ()) -> Block:
    parts = (
        f"Here because {MEANING[via]}" if via in EXPLAINED else "",
        DOUBTFUL if doubtful else "",
        f"opened {moment(signal.opened_at)}" if not others else "",
        measured(signal) if not others else "",
        f"playbook {escaped(signal.playbook.removeprefix('sha256:')[:HASH], FACT)}" if signal.playbook else "",
        *(f"signal {escaped(each.id, FACT)}" for each in others or (signal,)),
    )
    return context(" · ".join(each for each in parts if each))


def _text(playbook: Playbook, signal: Signal) -> str:
    start = f"{icon(signal)} {name_of(signal)}: {title(signal)}"
    if signal.transition is Step.RESOLVED:
        return f"{start} ({headline(signal)}). {outcome(signal)}"
    action = sentence(escaped(response_to(playbook, signal).action, ACTION))
    return " ".join(each for each in (f"{start}.", sentence(escaped(signal.reason, LINE)), action) if each)


def still_open(signals: Sequence[Signal]) -> tuple[Signal, ...]:
    """Those that hold."""
    return tuple(signal for signal in signals if signal.transition is not Step.RESOLVED)


def _evidence(signals: Sequence[Signal]) -> Iterator[Block]:
    """Everything by which a person can check a signal by hand."""
    for signal in signals[:MOST_SIGNALS]:
        lines = [f"*{capital(headline(signal))}*", why(signal), *details(signal, ALL_DETAILS)]
        yield section(up_to(lines, ROOM))
        yield context(" · ".join(part for part in _provenance(signal) if part))


def _provenance(signal: Signal) -> Iterator[str]:
    evidence = signal.evidence
    yield f"opened {moment(signal.opened_at)}"
    yield measured(signal)
    if evidence.baseline:
        yield "baseline " + ", ".join(f"{value(name)} {value(it)}" for name, it in list(evidence.baseline.items())[:8])
    for cause in evidence.events[:MOST_CAUSES]:
        at = f" ({escaped(cause.topic, FACT)} {cause.partition}/{cause.offset})" if cause.topic else ""
        yield f"event {escaped(cause.id, FACT)}{at}"
    if len(evidence.events) > MOST_CAUSES:
        yield f"and {len(evidence.events) - MOST_CAUSES} more events"
    yield f"definitions {escaped(signal.playbook, FACT)}" if signal.playbook else ""


def up_to(lines: Sequence[str], room: int) -> str:
    """As many lines as there is room for, and how many were left out."""
    kept: list[str] = []
    used = 0
    for place, line in enumerate(lines):
        used += len(line.encode("utf-16-le")) // 2 + 1
        if used > room - FACT:
            return "\n".join([*kept, f"•  and {len(lines) - place} more lines"])
        kept.append(line)
    return "\n".join(kept)


def _reminder(playbook: Playbook, delivery: Delivery, signals: Sequence[Signal]) -> Message:
    """What interrupts once more; the message above it has the evidence and the buttons."""
    signal = signals[0]
    start = f"{icon(signal)} {name_of(signal)}: still {headline(signal)}"
    if len(signals) > 1:
        start = f"{icon(signal)} {name_of(signal)}: still {count_of(signals)}"
    now = "" if delivery.reason in ORDINARY else sentence(MEANING[delivery.reason])
    action = _action(playbook, signal)
    lines = (f"*{start}*", now, f"*Next*  {action}" if action else "")
    return Message(f"{start}. {now}".strip(), (section("\n".join(line for line in lines if line)),), broadcast=True)
