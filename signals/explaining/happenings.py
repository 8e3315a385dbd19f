"""What each event of a deal's history said, in lines that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from signals.deal import Deal, evolve
from signals.judge import Stored
from topics.events import (
    ActivityChanged,
    DealChanged,
    DealEvent,
    DealGap,
    DealRemoved,
    DefinitionsChanged,
    IntentSeen,
    LoadEnded,
    RelatedChanged,
    Scalar,
    SourceGap,
)
from topics.instants import from_us, rfc3339

#: A longer value is cut where it is shown.
MOST = 80


class Happening(NamedTuple):
    """An event of the deal and what it said, one line per change."""

    event: DealEvent
    offset: int
    lines: tuple[str, ...]


def happenings(key: str, source: str, events: Iterable[Stored]) -> Iterator[Happening]:
    """The history of a deal, told. `events` in their order, each once."""
    deal = Deal(key, source)
    for stored in events:
        event = stored.event
        before = deal
        if not isinstance(event, DefinitionsChanged):
            deal, touched = evolve(deal, event, stored.offset)
            lines = _TELL.get(type(event), _other)(event, before, deal, touched)
        else:
            lines = [f"the definitions are {event.playbook} from here on"]
        yield Happening(event, stored.offset, tuple(lines))


def _changed(event: DealChanged, before: Deal, after: Deal, touched: Iterable[str]) -> list[str]:
    what = "created" if event.created else "read as a whole" if event.full else ""
    by = "" if event.actor != "system" else "not by a person"
    head = ", ".join(filter(None, (what, "nobody knows when" if event.undated else "", by)))
    lines = _news(before, after, touched)
    return [*([head] if head else []), *(lines or ([] if head else ["nothing new"]))]


def _news(before: Deal, after: Deal, touched: Iterable[str]) -> list[str]:
    """The fields that are others now."""
    lines = []
    for name in touched:
        if name in after.fields:
            was = f"{_shown(name, before.fields[name])} -> " if name in before.fields else ""
            lines.append(f"{name}: {was}{_shown(name, after.fields[name])}")
    return lines


def _shown(name: str, value: Scalar) -> str:
    if value is None or value == "":
        return "(empty)"
    if name == "created_at" and isinstance(value, int):
        return rfc3339(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


def _removed(event: DealRemoved, *_: object) -> list[str]:
    return ["removed" if event.merged_into is None else f"merged into {event.merged_into}"]


def _activity(event: ActivityChanged, _before: Deal, after: Deal, _touched: object) -> list[str]:
    name = f"{event.activity} {event.via}" if event.via else event.activity
    one = after.activities.get(name)
    if not event.fields or one is None:
        return [f"activity {name}: what was said of it is taken back"]
    state = "removed" if one.removed else "done" if one.done else "meeting" if one.meets else "planned"
    when = "" if one.at_us is None else f" {from_us(one.at_us):%Y-%m-%d %H:%M}"
    who = f", with {one.person}" if one.person else ""
    return [f"activity {name}: {state}{when}{f', {one.direction}' if one.direction else ''}{who}"]


def _related(_event: RelatedChanged, before: Deal, after: Deal, touched: Iterable[str]) -> list[str]:
    return _news(before, after, touched) or ["its account or owner changed in nothing that is shown here"]


def _intent(event: IntentSeen, before: Deal, after: Deal, _touched: object) -> list[str]:
    if not event.intent:
        return ["an intent is taken back"]
    again = "" if after.intents != before.intents else " (within the window of the one before)"
    return [f"high intent: {event.intent}{again}"]


def _gap(_event: DealGap | SourceGap, *_: object) -> list[str]:
    return ["its source lost changes: nothing opens until it is read again"]


def _loaded(_event: LoadEnded, *_: object) -> list[str]:
    return ["its history is loaded"]


def _other(event: DealEvent, *_: object) -> list[str]:
    return [type(event).__name__]


_TELL: dict[type[DealEvent], Callable[[Any, Deal, Deal, Any], list[str]]] = {
    DealChanged: _changed,
    DealRemoved: _removed,
    DealGap: _gap,
    SourceGap: _gap,
    LoadEnded: _loaded,
    ActivityChanged: _activity,
    RelatedChanged: _related,
    IntentSeen: _intent,
}
