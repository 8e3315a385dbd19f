"""A signal as a Slack message: blocks, and the same in one line of text for notifications. Pure.

Everything that a CRM or a playbook wrote is escaped, cut to Block Kit's limits, and marked `verbatim`, so that Slack
makes no links and no mentions of it. The limits are those that slack_sdk's models enforce.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from alerts.audience import response_to
from alerts.inert import clean, escaped
from alerts.links import deal_link
from alerts.reasons import FALLBACKS, MEANING, Reason
from alerts.wording import ICONS, OVER, RESOLUTIONS, RESOLVED_ICON, UNITS, WORDS
from playbook.model import Playbook
from topics.events import Scalar
from topics.instants import DAY_US, HOUR_US, MINUTE_US, from_us, parse_rfc3339
from topics.signals import Signal, Step

HEADER, NAME, HEADLINE, LINE, ACTION, FACT, TEXT = 150, 80, 60, 240, 400, 80, 1000
MOST_DETAILS = 6
HASH = 8
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Block: TypeAlias = dict[str, Any]


class Message(NamedTuple):
    """What Slack is given. `text` is the fallback: what a notification and a screen reader say."""

    text: str
    blocks: tuple[Block, ...]


def message(playbook: Playbook, signal: Signal, via: Reason = Reason.AS_OWNER) -> Message:
    """The message about a signal, as this recipient reads it now."""
    over = signal.transition is Step.RESOLVED
    body = (_over(signal),) if over else (_why(signal), _next(playbook, signal))
    blocks = (_header(signal), _facts(signal), *body, _link(playbook, signal), _small_print(signal, via))
    return Message(_text(playbook, signal), tuple(each for each in blocks if each is not None))


def _header(signal: Signal) -> Block:
    text = f"{_icon(signal)} {_name(signal)}: {_title(signal)}"
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _facts(signal: Signal) -> Block | None:
    facts = [escaped(each, FACT) for each in (signal.stage, _amount(signal), signal.owner or signal.owner_id)]
    text = " · ".join(each for each in facts if each)
    return _context(text) if text else None


def _why(signal: Signal) -> Block:
    lead = WORDS[signal.kind].why if signal.evidence.details else ""
    reason = _filled(lead, signal, FACT) if lead else _sentence(escaped(signal.reason, LINE))
    return _section("\n".join([f"*Why*  {reason}{_since(signal)}", *_details(signal)]))


def _next(playbook: Playbook, signal: Signal) -> Block | None:
    response = response_to(playbook, signal)
    action = _sentence(escaped(response.action, ACTION))
    limit = "" if response.within_hours is None else f"Within {_time_limit(response.within_hours)}."
    text = " ".join(each for each in (action, limit) if each)
    return _section(f"*Next*  {text}") if text else None


def _over(signal: Signal) -> Block:
    return _section(f"~{_capital(_headline(signal))}~\n{_outcome(signal)}")


def _link(playbook: Playbook, signal: Signal) -> Block | None:
    url = deal_link(playbook, signal)
    if url is None:
        return None
    label = {"type": "plain_text", "text": "Open in CRM", "emoji": False}
    return {"type": "actions", "elements": [{"type": "button", "text": label, "url": url, "action_id": "open_in_crm"}]}


def _small_print(signal: Signal, via: Reason) -> Block:
    parts = (
        f"Here because {MEANING[via]}" if via in FALLBACKS else "",
        f"opened {_moment(signal.opened_at)}",
        _measured(signal),
        f"playbook {escaped(signal.playbook.removeprefix('sha256:')[:HASH], FACT)}" if signal.playbook else "",
        f"signal {escaped(signal.id, FACT)}",
    )
    return _context(" · ".join(each for each in parts if each))


def _text(playbook: Playbook, signal: Signal) -> str:
    """At most TEXT and some; every part is escaped already."""
    start = f"{_icon(signal)} {_name(signal)}: {_title(signal)}"
    if signal.transition is Step.RESOLVED:
        return f"{start} ({_headline(signal)}). {_outcome(signal)}"
    action = _sentence(escaped(response_to(playbook, signal).action, ACTION))
    return " ".join(each for each in (f"{start}.", _sentence(escaped(signal.reason, LINE)), action) if each)


def _icon(signal: Signal) -> str:
    return RESOLVED_ICON if signal.transition is Step.RESOLVED else ICONS[signal.severity]


def _name(signal: Signal) -> str:
    named = (signal.deal_name, signal.deal_id, signal.subject_key)
    return next((escaped(each, NAME) for each in named if clean(each)), "A deal")


def _title(signal: Signal) -> str:
    return "resolved" if signal.transition is Step.RESOLVED else _headline(signal)


def _headline(signal: Signal) -> str:
    words = WORDS[signal.kind].headline
    return _filled(words, signal, HEADLINE - len(words))


def _filled(words: str, signal: Signal, room: int) -> str:
    return words.replace("{stage}", escaped(signal.stage, room) or "its stage")


def _outcome(signal: Signal) -> str:
    words = RESOLUTIONS[signal.resolution] if signal.resolution else OVER
    return words.replace("{after}", _span(_instant(signal.occurred_at) - _instant(signal.opened_at)))


def _since(signal: Signal) -> str:
    if not WORDS[signal.kind].dated:
        return ""
    try:
        return f" Since {_day(parse_rfc3339(signal.anchor))}."
    except ValueError:
        return ""


def _details(signal: Signal) -> Iterator[str]:
    details = signal.evidence.details
    for detail in details[:MOST_DETAILS]:
        if line := _detail(detail):
            yield f"•  {line}"
    if len(details) > MOST_DETAILS:
        yield f"•  and {len(details) - MOST_DETAILS} more"


def _detail(detail: dict[str, Scalar]) -> str:
    """One piece of evidence in words. The shapes are those of the detectors; any other is shown name by name."""
    shown = list(detail.items())[:MOST_DETAILS]
    line = ", ".join(f"{_value(name)}: {_value(value)}" for name, value in shown)
    match detail:
        case {"from": before, "to": after, "days": days, "crossed_quarter": crossed}:
            quarter = ", into another quarter" if crossed else ""
            line = f"{_date(before)} → {_date(after)}: {_count(days)} later{quarter}"
        case {"criterion": criterion}:
            line = _value(criterion)
        case {"field": name, "value": value}:
            line = f"{_value(name)}: {_value(value)}"
        case {"intent": intent, "at": at}:
            line = f"{_value(intent).replace('_', ' ')}, {_moment(str(at))}"
        case {"furthest": _}:
            line = ""  # the reason says it
        case {"stage": stage}:
            line = f"it is back in {_value(stage)}"
    return line


def _value(value: Scalar) -> str:
    match value:
        case None | "":
            return "empty"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,g}"
        case _:
            return escaped(str(value), FACT) or "empty"


def _count(days: Scalar) -> str:
    return f"{_value(days)} {'day' if days == 1 else 'days'}"


def _amount(signal: Signal) -> str:
    if signal.amount is None or not math.isfinite(signal.amount):
        return ""
    return f"{signal.currency} {signal.amount:,.0f}"


def _measured(signal: Signal) -> str:
    evidence = signal.evidence
    known = (("observed", evidence.observed), ("limit", evidence.limit))
    return ", ".join(f"{name} {_in_unit(value, evidence.unit)}" for name, value in known if value is not None)


def _in_unit(value: float, unit: str) -> str:
    one, many = UNITS.get(unit, (unit, unit))
    return f"{value:,g} {escaped(one if value == 1 else many, FACT)}".strip()


def _time_limit(hours: float) -> str:
    return _in_unit(hours, "h") if hours % 24 else _in_unit(hours / 24, "d")


def _span(length_us: int) -> str:
    """How long, in the largest unit that fits: `3 days`, `5 hours`, `less than a minute`."""
    for unit_us, unit in ((DAY_US, "d"), (HOUR_US, "h"), (MINUTE_US, "min")):
        if length_us >= unit_us:
            return _in_unit(length_us // unit_us, unit)
    return "less than a minute"


def _instant(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except ValueError:
        return 0


def _moment(text: str) -> str:
    try:
        at_us = parse_rfc3339(text)
    except ValueError:
        return escaped(text, FACT)
    return f"{_day(at_us)}, {from_us(at_us):%H:%M} UTC"


def _day(at_us: int) -> str:
    day = from_us(at_us)
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _date(text: Scalar) -> str:
    try:
        return _day(parse_rfc3339(f"{text}T00:00:00Z"))
    except ValueError:
        return _value(text)


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?", "…", ":")) else f"{_capital(text)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(*texts: str) -> Block:
    return {"type": "context", "elements": [_mrkdwn(each) for each in texts]}


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def texts(blocks: Iterable[Block]) -> Iterator[str]:
    """Every text in the blocks, in reading order."""
    for block in blocks:
        inner = block.get("text")
        if isinstance(inner, str):
            yield inner
        elif isinstance(inner, dict):
            yield from texts((inner,))
        yield from texts(block.get("elements", ()))
