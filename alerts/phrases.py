"""Values in words: amounts, instants, spans, a piece of evidence. Everything is escaped and cut here. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from alerts.inert import clean, escaped
from alerts.wording import ICONS, OVER, RESOLUTIONS, RESOLVED_ICON, UNITS, WORDS
from topics.events import Scalar
from topics.instants import DAY_US, HOUR_US, MINUTE_US, from_us, parse_rfc3339
from topics.signals import Kind, Signal, Step

NAME, HEADLINE, LINE, FACT = 80, 60, 240, 80
MOST_NAMES = 6
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def icon(signal: Signal) -> str:
    """How grave it is, at a glance; or that it is over."""
    return RESOLVED_ICON if signal.transition is Step.RESOLVED else ICONS[signal.severity]


def name_of(signal: Signal) -> str:
    """The deal's name, or whatever else it is known by."""
    named = (signal.deal_name, signal.deal_id, signal.subject_key)
    return next((escaped(each, NAME) for each in named if clean(each)), "A deal")


def title(signal: Signal) -> str:
    """What is wrong in a few words, or that it is over."""
    return "resolved" if signal.transition is Step.RESOLVED else headline(signal)


def headline(signal: Signal) -> str:
    """What is, or was, wrong in a few words."""
    return headline_of(signal.kind, signal.stage)


def headline_of(kind: Kind, stage: str) -> str:
    """What is wrong with a deal in this stage, in a few words."""
    words = WORDS[kind].headline
    return filled(words, stage, HEADLINE - len(words))


def filled(words: str, stage: str, room: int) -> str:
    """The words with the deal's stage in its place."""
    return words.replace("{stage}", escaped(stage, room) or "its stage")


def facts(signal: Signal) -> str:
    """Stage, amount and owner in one line; empty where nothing is known."""
    known = [escaped(each, FACT) for each in (signal.stage, amount(signal), signal.owner or signal.owner_id)]
    return " · ".join(each for each in known if each)


def amount(signal: Signal) -> str:
    """The deal's amount, not yet escaped; empty where there is none."""
    return money(signal.amount, signal.currency)


def money(number: float | None, currency: str) -> str:
    """`USD 120,000`, not yet escaped; empty where there is none."""
    return "" if number is None or not math.isfinite(number) else f"{currency} {number:,.0f}"


def why(signal: Signal) -> str:
    """The reason in a sentence, and since when."""
    lead = WORDS[signal.kind].why if signal.evidence.details else ""
    reason = filled(lead, signal.stage, FACT) if lead else sentence(escaped(signal.reason, LINE))
    return f"{reason}{since(signal)}"


def since(signal: Signal) -> str:
    """` Since 3 Nov 2026.`, for kinds whose anchor is that instant."""
    if not WORDS[signal.kind].dated:
        return ""
    try:
        return f" Since {day(parse_rfc3339(signal.anchor))}."
    except ValueError:
        return ""


def outcome(signal: Signal) -> str:
    """How it ended, and after how long."""
    words = RESOLUTIONS[signal.resolution] if signal.resolution else OVER
    return words.replace("{after}", span(_instant(signal.occurred_at) - _instant(signal.opened_at)))


def details(signal: Signal, most: int) -> Iterator[str]:
    """The evidence, a line each, and how many more there are than `most`."""
    found = signal.evidence.details
    for each in found[:most]:
        if line := detail(each):
            yield f"•  {line}"
    if len(found) > most:
        yield f"•  and {len(found) - most} more"


def detail(piece: dict[str, Scalar]) -> str:
    """One piece of evidence in words. The shapes are those of the detectors; any other is shown name by name."""
    shown = list(piece.items())[:MOST_NAMES]
    line = ", ".join(f"{value(name)}: {value(it)}" for name, it in shown)
    match piece:
        case {"from": before, "to": after, "days": days, "crossed_quarter": crossed}:
            quarter = ", into another quarter" if crossed else ""
            line = f"{date(before)} → {date(after)}: {count_days(days)} later{quarter}"
        case {"criterion": criterion, "unknown": why}:
            line = f"{value(criterion)}: not known, as {value(why)}"
        case {"criterion": criterion}:
            held = ", ".join(f"{value(name.removeprefix('value.'))}: {value(it)}" for name, it in shown[1:])
            line = f"{value(criterion)} ({held})" if held else value(criterion)
        case {"field": name, "value": held, "deals": deals}:
            line = f"{value(name)}: {value(held)}, on {value(deals)} deals"
        case {"field": name, "value": held, "deal": deal}:
            line = f"{value(name)}: {value(held)}, seen first on {value(deal)}"
        case {"field": name, "value": held}:
            line = f"{value(name)}: {value(held)}"
        case {"intent": intent, "at": at}:
            line = f"{value(intent).replace('_', ' ')}, {moment(str(at))}"
        case {"furthest": _} | {"left_out": _} | {"from": _, "to": _}:
            line = ""  # the reason says it
        case {"stage": _}:
            line = _in_stage(piece)
    return line


def _in_stage(piece: dict[str, Scalar]) -> str:
    """What happened on the way to a stage."""
    match piece:
        case {"stage": stage, "entries": entries, "at": at}:
            return f"{value(stage)}: entry number {value(entries)}, {moment(str(at))}"
        case {"stage": stage, "advanced_at": at, "nothing_since": since_at}:
            return f"{value(stage)}, {moment(str(at))}; nothing from the buyer since {moment(str(since_at))}"
    return f"it is back in {value(piece['stage'])}"


def value(held: Scalar) -> str:
    """A field's value."""
    match held:
        case None | "":
            return "empty"
        case bool():
            return "yes" if held else "no"
        case float():
            return f"{held:,g}"
        case _:
            return escaped(str(held), FACT) or "empty"


def count_days(days: Scalar) -> str:
    """`1 day`, `14 days`."""
    return f"{value(days)} {'day' if days == 1 else 'days'}"


def measured(signal: Signal) -> str:
    """`observed 31 days, limit 30 days`, as far as either is known."""
    evidence = signal.evidence
    known = (("observed", evidence.observed), ("limit", evidence.limit))
    return ", ".join(f"{name} {in_unit(it, evidence.unit)}" for name, it in known if it is not None)


def in_unit(number: float, unit: str) -> str:
    """A number with its unit written out."""
    one, many = UNITS.get(unit, (unit, unit))
    return f"{number:,g} {escaped(one if number == 1 else many, FACT)}".strip()


def time_limit(hours: float) -> str:
    """Hours, as days where they are whole ones."""
    return in_unit(hours, "h") if hours % 24 else in_unit(hours / 24, "d")


def span(length_us: int) -> str:
    """How long, in the largest unit that fits: `3 days`, `5 hours`, `less than a minute`."""
    for unit_us, unit in ((DAY_US, "d"), (HOUR_US, "h"), (MINUTE_US, "min")):
        if length_us >= unit_us:
            return in_unit(length_us // unit_us, unit)
    return "less than a minute"


def _instant(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except ValueError:
        return 0


def moment(text: str) -> str:
    """An instant to the minute."""
    try:
        at_us = parse_rfc3339(text)
    except ValueError:
        return escaped(text, FACT)
    return f"{day(at_us)}, {from_us(at_us):%H:%M} UTC"


def day(at_us: int) -> str:
    """A day, in UTC."""
    found = from_us(at_us)
    return f"{found.day} {MONTHS[found.month - 1]} {found.year}"


def date(text: Scalar) -> str:
    """A calendar date; whatever else it is, as it stands."""
    try:
        return day(parse_rfc3339(f"{text}T00:00:00Z"))
    except ValueError:
        return value(text)


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return text if not text or text.endswith((".", "!", "?", "…", ":")) else f"{capital(text)}."


def capital(text: str) -> str:
    """With a capital."""
    return text[:1].upper() + text[1:]
