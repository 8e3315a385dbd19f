"""What is known of one deal, and how each event changes it.

A `Deal` holds facts as the CRM says them, in the CRM's own words: which stage a value means, what the SQL fields are
and how long is too long are the rules' business. So a change of the definitions needs no history again.

Everything is capped, and the caps stand here: what detectors need of the past is small.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from topics.events import (
    ActivityChanged,
    DealChanged,
    DealGap,
    DealRemoved,
    Event,
    IntentSeen,
    LoadEnded,
    Scalar,
    SourceGap,
)
from topics.instants import DAY_US, iso_day

#: Contacts of 60 days are kept (single_threaded looks that far); of older ones only the last instant.
CONTACT_MEMORY_US = 60 * DAY_US
MAX_ACTIVITIES = 64
_EVER_US = 2**63 - 1
MAX_ENTRIES = 32
MAX_MOVES = 32
MAX_INTENTS = 16

#: Names under which `evolve` reports what it touched, beside the names of fields.
ACTIVITIES = "*activities"
INTENTS = "*intents"
STATUS = "*status"


class Mark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A causing event: its id, its offset in the deal's partition, and its ordinal among the deal's folded events."""

    event: str
    offset: int
    n: int


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The deal entered `stage` (the CRM's value) at `at_us`, or at an unknown time (None)."""

    stage: str
    at_us: int | None
    mark: Mark


class Move(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The close date moved to a later day. `days` is by how many."""

    at_us: int
    from_day: str
    to_day: str
    days: int
    mark: Mark


class Loss(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A field that was true is true no longer."""

    at_us: int
    mark: Mark


class Activity(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An interaction, done or planned. `at_us`: when it takes or took place (a meeting: its end).

    `mark` is the event that changed it last.
    """

    at_us: int | None = None
    done: bool = False
    meets: bool = False
    removed: bool = False
    direction: str = ""
    person: str = ""
    mark: Mark | None = None

    def contact_us(self) -> int | None:
        """The instant from which it is a contact: done, or a meeting that ends by itself. None: never so far."""
        return self.at_us if (self.done or self.meets) and not self.removed else None

    def planned_us(self) -> int | None:
        """The instant until which it is a plan. None: it is none."""
        return self.at_us if not self.done and not self.removed else None


class Contact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """People spoke at `at_us`, as the event `mark` says."""

    at_us: int
    mark: Mark | None


class IntentMark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A high-intent event on the deal, the first of its kind in its window: a page reloaded says nothing new."""

    intent: str
    at_us: int
    mark: Mark


class Deal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The folded facts of one deal.

    `fields`: the last value of every covered field (None: empty; absent: unknown). `entries`: the stages entered, in
    order, the last being the present one. `losses`: fields that were true and are not. `older_contact`: the last
    contact among the activities that are forgotten. `n`: how many events were folded. `suspect_us`: the source lost
    changes at that instant. `loading`: a backfill is not complete yet.
    """

    key: str
    source: str
    fields: dict[str, Scalar] = {}
    created_us: int | None = None
    created_mark: Mark | None = None
    entries: tuple[Entry, ...] = ()
    moves: tuple[Move, ...] = ()
    losses: dict[str, Loss] = {}
    activities: dict[str, Activity] = {}
    older_contact: Contact | None = None
    intents: tuple[IntentMark, ...] = ()
    removed: bool = False
    merged_into: str | None = None
    suspect_us: int | None = None
    loading: bool = False
    n: int = 0

    @property
    def deal_id(self) -> str:
        """The deal's id at its source."""
        return self.key[len(self.source) + 1 :]

    @property
    def muted(self) -> bool:
        """Whether new episodes are kept to ourselves for now."""
        return self.loading or self.suspect_us is not None

    def last_contact(self, at_us: int) -> Contact | None:
        """The last contact at or before an instant; of several at once the first reported."""
        last = self.older_contact
        for activity in self.activities.values():
            last = _later(last, activity, at_us)
        return last

    def shrunk(self) -> Deal:
        """What is kept of a deal that closed long ago: its facts without its activities, moves and intents."""
        older = self.older_contact
        for activity in self.activities.values():
            older = _later(older, activity, _EVER_US)
        return _replace(self, activities={}, moves=(), intents=(), older_contact=older)


def _later(last: Contact | None, activity: Activity, at_us: int) -> Contact | None:
    """The later one of a contact and an activity, as far as that is a contact until an instant."""
    contact_us = activity.contact_us()
    if contact_us is None or contact_us > at_us or (last is not None and contact_us <= last.at_us):
        return last
    return Contact(contact_us, activity.mark)


Touched = frozenset[str]
_replace = msgspec.structs.replace


def is_true(value: Scalar) -> bool:
    """Whether a binary field is true: the CRM's true, or the words that exports write for it."""
    return value is True or (isinstance(value, str) and value.strip().lower() in {"true", "yes", "1"}) or value == 1


def evolve(deal: Deal, event: Event, offset: int) -> tuple[Deal, Touched]:
    """Fold one event; say which names it touched. Events must come in `order`."""
    mark = Mark(event.id, offset, deal.n)
    changes, touched = _FOLDS[type(event)](deal, event, mark)
    if event.origin == "backfill" and not deal.loading:
        changes["loading"] = True
        touched |= {STATUS}
    return _replace(deal, n=deal.n + 1, **changes), frozenset(touched)


Changes = tuple[dict[str, Any], set[str]]


def _fold_changed(deal: Deal, event: DealChanged, mark: Mark) -> Changes:
    old = deal.fields
    touched = {name for name, value in event.fields.items() if name not in old or old[name] != value}
    changes: dict[str, Any] = {}
    if touched:
        changes["fields"] = {**old, **event.fields}
        losses = _losses(deal, event, touched, mark)
        if losses != deal.losses:
            changes["losses"] = losses
    if "stage" in touched and event.fields["stage"] is not None:
        changes["entries"] = _entered(deal, event, mark)
    if "close_date" in touched:
        changes["moves"] = _moved(deal, event, mark)
    changes.update(_created(deal, event, touched, mark))
    if deal.removed or (event.full and _clears_suspicion(deal, event)):
        touched.add(STATUS)
        changes.update(removed=False, merged_into=None)
        if event.full:
            changes["suspect_us"] = None
    return changes, touched


def _created(deal: Deal, event: DealChanged, touched: set[str], mark: Mark) -> dict[str, Any]:
    said = event.fields.get("created_at")
    if isinstance(said, int) and not isinstance(said, bool):
        created: int | None = said
    elif event.created and not event.undated:
        created = event.at_us
    else:
        return {}
    if created == deal.created_us:
        return {}
    touched.add("created_at")
    return {"created_us": created, "created_mark": mark}


def _clears_suspicion(deal: Deal, event: DealChanged) -> bool:
    return deal.suspect_us is not None and event.at_us >= deal.suspect_us


def _losses(deal: Deal, event: DealChanged, touched: set[str], mark: Mark) -> dict[str, Loss]:
    losses = deal.losses
    for name in event.fields:
        if name not in touched:
            continue
        if is_true(event.fields[name]):
            if name in losses:
                losses = {key: value for key, value in losses.items() if key != name}
        elif is_true(deal.fields.get(name)):
            losses = {**losses, name: Loss(event.at_us, mark)}
    return losses


def _entered(deal: Deal, event: DealChanged, mark: Mark) -> tuple[Entry, ...]:
    # A full record of a deal never seen before says which stage it is in, not since when.
    unseen = event.undated or (event.full and not event.created and not deal.entries)
    entry = Entry(str(event.fields["stage"]), None if unseen else event.at_us, mark)
    entries = (*deal.entries, entry)
    return entries if len(entries) <= MAX_ENTRIES else _without_oldest_repeat(entries)


def _without_oldest_repeat(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """One entry fewer: the oldest that is not the first of its stage, since first entries say when SQL was reached."""
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        if entry.stage in seen:
            return entries[:index] + entries[index + 1 :]
        seen.add(entry.stage)
    return entries[1:]


def _moved(deal: Deal, event: DealChanged, mark: Mark) -> tuple[Move, ...]:
    before, after = deal.fields.get("close_date"), event.fields["close_date"]
    if not isinstance(before, str) or not isinstance(after, str):
        return deal.moves
    days = (iso_day(after) - iso_day(before)).days
    if days <= 0:
        return deal.moves
    return (*deal.moves, Move(event.at_us, before, after, days, mark))[-MAX_MOVES:]


def _fold_removed(_deal: Deal, event: DealRemoved, _mark: Mark) -> Changes:
    return {"removed": True, "merged_into": event.merged_into}, {STATUS}


def _fold_gap(_deal: Deal, event: DealGap | SourceGap, _mark: Mark) -> Changes:
    return {"suspect_us": event.at_us}, {STATUS}


def _fold_load_ended(_deal: Deal, _event: LoadEnded, _mark: Mark) -> Changes:
    return {"loading": False}, {STATUS}


def _fold_activity(deal: Deal, event: ActivityChanged, mark: Mark) -> Changes:
    known = deal.activities.get(event.activity, Activity())
    changed = _replace(known, mark=mark, **_activity_fields(known, event))
    return _remembered({**deal.activities, event.activity: changed}, deal.older_contact, event.at_us), {ACTIVITIES}


def _activity_fields(known: Activity, event: ActivityChanged) -> dict[str, Any]:
    said = event.fields
    changes: dict[str, Any] = {}
    if "at_us" in said:
        at_us = said["at_us"]
        changes["at_us"] = at_us if isinstance(at_us, int) else None
    for name in ("done", "meets", "removed"):
        if name in said:
            changes[name] = is_true(said[name])
    for name in ("direction", "person"):
        if name in said:
            changes[name] = str(said[name] or "")
    if changes.get("done") and changes.get("at_us", known.at_us) is None:
        changes["at_us"] = event.at_us
    return changes


def _remembered(activities: dict[str, Activity], older: Contact | None, now_us: int) -> dict[str, Any]:
    """Forget what is older than the memory, and the oldest above the cap, but for the last contact among it."""
    horizon = now_us - CONTACT_MEMORY_US
    kept = {name: one for name, one in activities.items() if one.at_us is None or one.at_us >= horizon}
    if len(kept) > MAX_ACTIVITIES:
        by_time = sorted(kept, key=lambda name: (kept[name].at_us or 0, name))
        kept = {name: kept[name] for name in by_time[-MAX_ACTIVITIES:]}
    for name, one in activities.items():
        if name not in kept:
            older = _later(older, one, now_us)
    return {"activities": kept, "older_contact": older}


def _fold_intent(deal: Deal, event: IntentSeen, mark: Mark) -> Changes:
    last = max((one.at_us for one in deal.intents if one.intent == event.intent), default=None)
    if last is not None and event.at_us - last <= event.window_us:
        return {}, set()
    return {"intents": (*deal.intents, IntentMark(event.intent, event.at_us, mark))[-MAX_INTENTS:]}, {INTENTS}


_FOLDS: dict[type[Event], Callable[[Deal, Any, Mark], Changes]] = {
    DealChanged: _fold_changed,
    DealRemoved: _fold_removed,
    DealGap: _fold_gap,
    SourceGap: _fold_gap,
    LoadEnded: _fold_load_ended,
    ActivityChanged: _fold_activity,
    IntentSeen: _fold_intent,
}
