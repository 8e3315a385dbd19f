"""What is known of one deal, and how each event changes it.

A `Deal` holds facts as the CRM says them, in the CRM's own words: which stage a value means, what the SQL fields are
and how long is too long are the rules' business. So a change of the definitions needs no history again.

Everything is capped, and the caps stand here: what detectors need of the past is small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from signals.related import Related, renamed, told
from topics.events import (
    ActivityChanged,
    DealChanged,
    DealGap,
    DealRemoved,
    Event,
    IntentSeen,
    LoadEnded,
    RelatedChanged,
    Scalar,
    SourceGap,
    TextRepeated,
)
from topics.instants import DAY_US, iso_day

#: Contacts of 60 days are kept (single_threaded looks that far); of older ones only the last instant.
CONTACT_MEMORY_US = 60 * DAY_US
MAX_ACTIVITIES = 64
#: Before and after every instant.
NEVER_US, _EVER_US = -(2**63), 2**63 - 1
MAX_ENTRIES = 32
MAX_MOVES = 32
MAX_INTENTS = 16
#: What is kept of an engagement's data: so many values, and so much of a text.
MAX_DATA, MAX_DATUM = 8, 200
MAX_PEAKS = 16
MAX_HANDOVERS = 32
#: Of attempts to reach the buyer that are forgotten, so many instants are kept: buyer_silent asks for two.
MAX_OUTBOUND = 8
MAX_REPEATS = 16
#: A longer text is cut where it is kept as what stood in a field before.
MAX_BEFORE = 80
#: What a person changes who works on a deal.
WORK = frozenset({"stage", "amount", "close_date", "next_step", "owner_id"})
#: What the deal holds of its owner, whose record tells it, or the deal's own.
OF_OWNER = frozenset({"owner_team", "owner_role", "owner_active"})
#: The names whose last change is kept (`Deal.changed`).
WATCHED = WORK | OF_OWNER | {"lifecycle"}

#: Names under which `evolve` reports what it touched, beside the names of fields.
ACTIVITIES = "*activities"
INTENTS = "*intents"
STATUS = "*status"
REPEATED = "*repeated"


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


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A watched field changed last at `at_us`. `before`: what stood there, None for nothing or unknown.

    `by_person`: False where the source says that no person did it (`DealChanged.actor`).
    """

    at_us: int
    mark: Mark
    before: Scalar = None
    by_person: bool = True


class Peak(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The amount fell from `amount` at `at_us`, by the event `mark`, and has not been as high since."""

    at_us: int
    amount: float
    mark: Mark


class Handover(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The owner changed: ids, empty for nobody. `team`, `role`: those of the owner before, as far as known.

    `answered`: among the activities that are forgotten is a contact of the new owner, or of nobody knows whom.
    """

    at_us: int
    before: str
    after: str
    mark: Mark
    team: str = ""
    role: str = ""
    answered: bool = False


class Activity(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An interaction, done or planned. `at_us`: when it takes or took place (a meeting: its end).

    `person` is the buyer's id, `owner` the seller's; `mark` is the event that changed it last.
    """

    at_us: int | None = None
    done: bool = False
    meets: bool = False
    removed: bool = False
    direction: str = ""
    person: str = ""
    mark: Mark | None = None
    owner: str = ""

    @property
    def inbound(self) -> bool:
        """Whether the buyer takes part in it: it comes from there, or is mutual, as a meeting always is."""
        return self.meets or self.direction in _INBOUND

    def contact_us(self) -> int | None:
        """The instant from which it is a contact: done, or a meeting that ends by itself. None: never so far."""
        return self.at_us if (self.done or self.meets) and not self.removed else None

    def outbound_us(self) -> int | None:
        """The instant from which it is an attempt to reach the buyer: a contact that goes out. None: never so far."""
        return self.contact_us() if self.direction == "outbound" and not self.meets else None

    def planned_us(self) -> int | None:
        """The instant until which it is a plan. None: it is none."""
        return self.at_us if not self.done and not self.removed else None


_INBOUND = frozenset({"inbound", "mutual"})


class Contact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """People spoke at `at_us`, as the event `mark` says."""

    at_us: int
    mark: Mark | None


class IntentMark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A high-intent event on the deal, the first of its kind in its window: a page reloaded says nothing new.

    `data`: what the engagement said, as far as it is short; who routes it may ask for it.
    """

    intent: str
    at_us: int
    mark: Mark
    data: dict[str, Scalar] = {}


class Deal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The folded facts of one deal.

    `fields`: the last value of every covered field (None: empty; absent: unknown). `entries`: the stages entered, in
    order, the last being the present one. `losses`: fields that were true and are not. `older_contact`: the last
    contact among the activities that are forgotten, `older_inbound` the last of them in which the buyer took part,
    `older_meeting` the last meeting, `older_outbound` when the buyer was written to or called since the former.
    `n`: how many events were folded. `suspect_us`: the source lost changes at that instant. `loading`: a backfill is
    not complete yet. `related`: what `fields` hold of the deal's account and owner, beside what is its own.
    `heard`: since when its changes are known; None while nothing dated is. `changed`: the last change of each
    watched field since then, `worked` the last of `WORK` by a person. `peaks`: amounts that were higher than all that
    came later, the highest first. `handovers`: the changes of the owner, in order.
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
    related: Related = {}
    older_inbound: Contact | None = None
    heard: Contact | None = None
    changed: dict[str, Change] = {}
    peaks: tuple[Peak, ...] = ()
    handovers: tuple[Handover, ...] = ()
    worked: Contact | None = None
    older_meeting: Contact | None = None
    older_outbound: tuple[int, ...] = ()
    repeats: dict[str, int] = {}

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
        last_us, found = NEVER_US if last is None else last.at_us, None
        for one in self.activities.values():  # `contact_us` and `_later` in one: asked about every activity, 1 us for 6
            contact_us = one.at_us
            if contact_us is not None and last_us < contact_us <= at_us and (one.done or one.meets) and not one.removed:
                last_us, found = contact_us, one
        return last if found is None else Contact(last_us, found.mark)

    def last_inbound(self, at_us: int) -> Contact | None:
        """The last contact at or before an instant in which the buyer took part; of several at once the first."""
        last = self.older_inbound
        for one in self.activities.values():
            if one.inbound:
                last = _later(last, one, at_us)
        return last

    def last_meeting(self, at_us: int) -> Contact | None:
        """The last meeting that has ended at or before an instant; of several at once the first."""
        last = self.older_meeting
        for one in self.activities.values():
            if one.meets:
                last = _later(last, one, at_us)
        return last

    def peak_since(self, n: int) -> Peak | None:
        """The highest amount after the event number `n`, where that was higher than the present one."""
        return next((peak for peak in self.peaks if peak.mark.n > n), None)

    @property
    def shrinks(self) -> bool:
        """Whether there is anything that a deal that closed long ago need not keep."""
        return bool(self.activities or self.moves or self.intents or self.changed or self.peaks)

    def shrunk(self) -> Deal:
        """What is kept of a deal that closed long ago: its facts, its stages and its owners."""
        return _replace(
            self,
            activities={},
            moves=(),
            intents=(),
            changed={},
            peaks=(),
            repeats={},
            older_contact=self.last_contact(_EVER_US),
            older_inbound=self.last_inbound(_EVER_US),
            older_meeting=self.last_meeting(_EVER_US),
            older_outbound=(),
        )


def _later(last: Contact | None, activity: Activity, at_us: int) -> Contact | None:
    """The later one of a contact and an activity, as far as that is a contact until an instant."""
    contact_us = activity.contact_us()
    if contact_us is None or contact_us > at_us or (last is not None and contact_us <= last.at_us):
        return last
    return Contact(contact_us, activity.mark)


#: The names that an event touched, each once.
Touched = Sequence[str]
Evolved = tuple[Deal, Touched]
_replace = msgspec.structs.replace
_TRUE = frozenset({"true", "yes", "1"})
#: Stands for the value of a field that was never covered: it differs from every value.
_UNCOVERED: Any = object()
_NOTHING: Touched = ()
_STATUS: Touched = (STATUS,)
_ACTIVITIES: Touched = (ACTIVITIES,)
_INTENTS: Touched = (INTENTS,)
_REPEATED: Touched = (REPEATED,)


def is_true(value: Scalar) -> bool:
    """Whether a binary field is true: the CRM's true, or the words that exports write for it."""
    if isinstance(value, str):
        return value.strip().lower() in _TRUE
    return value is True or value == 1


def evolve(deal: Deal, event: Event, offset: int) -> Evolved:
    """Fold one event; say which names it touched. Events must come in `order`."""
    if event.origin == "backfill" and not deal.loading:
        folded, touched = _FOLDS[type(event)](deal, event, offset)
        return _replace(folded, loading=True), touched if STATUS in touched else (*touched, STATUS)
    return _FOLDS[type(event)](deal, event, offset)


def _fold_changed(deal: Deal, event: DealChanged, offset: int) -> Evolved:
    old, said = deal.fields, event.fields
    fields, losses, touched, lost = old, deal.losses, [], False
    for name, value in said.items():
        was = old.get(name, _UNCOVERED)
        if was != value:
            touched.append(name)
            lost = lost or was is True or (was is not None and was is not False and is_true(was))
    if touched:
        fields = old | said
        if losses or lost:
            losses = _losses(deal, event, said, touched, offset)
    related = deal.related
    if related:
        fields, related, more = renamed(old, fields, related, said)
        touched += [name for name in more if name not in touched]
        losses = {name: loss for name, loss in losses.items() if name in fields}
    if (
        event.full
        or event.created
        or deal.removed
        or "created_at" in said
        or deal.heard is None
        or not WATCHED.isdisjoint(touched)
    ):
        changes = {"fields": fields, "losses": losses, "n": deal.n + 1, "related": related}
        return _fold_history(deal, event, offset, touched, changes)
    return _replace(deal, fields=fields, losses=losses, n=deal.n + 1, related=related), touched


def _fold_history(deal: Deal, event: DealChanged, offset: int, touched: list[str], changes: dict[str, Any]) -> Evolved:
    """The rarer part of a change: what enters the deal's history, and what ends its removal or suspicion."""
    mark = Mark(event.id, offset, deal.n)
    if "stage" in touched and event.fields["stage"] is not None:
        changes["entries"] = _entered(deal, event, mark)
    if "close_date" in touched:
        changes["moves"] = _moved(deal, event, mark)
    if deal.heard is None and not event.undated:
        changes["heard"] = Contact(event.at_us, mark)
    watched = [name for name in touched if name in WATCHED]
    if watched and not event.undated:
        _fold_watched(deal, event, mark, watched, changes)
    created = _created(deal, event, mark)
    if created:
        changes.update(created)
        if "created_at" not in touched:
            touched.append("created_at")
    if deal.removed or (event.full and _clears_suspicion(deal, event)):
        touched.append(STATUS)
        changes.update(removed=False, merged_into=None)
        if event.full:
            changes["suspect_us"] = None
    return _replace(deal, **changes), touched


def _fold_watched(deal: Deal, event: DealChanged, mark: Mark, watched: list[str], changes: dict[str, Any]) -> None:
    """What is kept of a change of watched fields. A record that says a field for the first time need not be its change.

    But nobody owns a deal at the latest from when that is said.
    """
    fields, now = deal.fields, changes["fields"]
    new = watched if not (event.full or event.created) else [name for name in watched if name in fields]
    if event.actor != "system" and not WORK.isdisjoint(new):
        changes["worked"] = Contact(event.at_us, mark)
    # Of another owner, what is known of him was not said by this event, and what was known of the one before is gone.
    unsaid = [name for name in watched if name not in event.fields or (name == "owner_id" and not now[name])]
    changed = deal.changed | {name: _change(deal, event, name, mark) for name in (*new, *unsaid)}
    changes["changed"] = {name: one for name, one in changed.items() if name in now}
    if "amount" in watched:
        changes["peaks"] = _peaks(deal, event, mark)
    if "owner_id" in watched and fields.get("owner_id", _UNCOVERED) is not _UNCOVERED:
        changes["handovers"] = (*deal.handovers, _handover(deal, event, mark))[-MAX_HANDOVERS:]


def _change(deal: Deal, event: DealChanged | RelatedChanged, name: str, mark: Mark) -> Change:
    before = deal.fields.get(name)
    by_person = not isinstance(event, DealChanged) or event.actor != "system"
    return Change(event.at_us, mark, before[:MAX_BEFORE] if isinstance(before, str) else before, by_person)


def _peaks(deal: Deal, event: DealChanged, mark: Mark) -> tuple[Peak, ...]:
    """The amounts that were higher than what is there now; in another currency nothing can be compared."""
    said = event.fields
    if said.get("currency", _UNCOVERED) not in (_UNCOVERED, deal.fields.get("currency", _UNCOVERED)):
        return ()
    peaks, before, after = deal.peaks, _number(deal.fields.get("amount")), _number(said["amount"])
    if after is not None:
        peaks = tuple(peak for peak in peaks if peak.amount > after)
    if before is not None and (after is None or before > after):
        peaks = (*(peak for peak in peaks if peak.amount > before), Peak(event.at_us, before, mark))
    return peaks if len(peaks) <= MAX_PEAKS else (peaks[0], *peaks[1 - MAX_PEAKS :])


def _number(value: Scalar) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _handover(deal: Deal, event: DealChanged, mark: Mark) -> Handover:
    fields = deal.fields
    team, role = fields.get("owner_team"), fields.get("owner_role")
    return Handover(
        event.at_us,
        str(fields["owner_id"] or ""),
        str(event.fields["owner_id"] or ""),
        mark,
        team if isinstance(team, str) else "",
        role if isinstance(role, str) else "",
    )


def _created(deal: Deal, event: DealChanged, mark: Mark) -> dict[str, Any]:
    said = event.fields.get("created_at")
    if isinstance(said, int) and not isinstance(said, bool):
        created: int | None = said
    elif event.created and not event.undated:
        created = event.at_us
    else:
        return {}
    return {} if created == deal.created_us else {"created_us": created, "created_mark": mark}


def _clears_suspicion(deal: Deal, event: DealChanged) -> bool:
    return deal.suspect_us is not None and event.at_us >= deal.suspect_us


def _losses(
    deal: Deal, event: DealChanged | RelatedChanged, said: dict[str, Scalar], touched: list[str], offset: int
) -> dict[str, Loss]:
    losses, old = deal.losses, deal.fields
    for name in touched:
        was = old.get(name)
        if is_true(was) and not is_true(said[name]):
            losses = {**losses, name: Loss(event.at_us, Mark(event.id, offset, deal.n))}
        elif losses and name in losses and is_true(said[name]):
            losses = {key: value for key, value in losses.items() if key != name}
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


def _fold_removed(deal: Deal, event: DealRemoved, _offset: int) -> Evolved:
    return _replace(deal, removed=True, merged_into=event.merged_into, n=deal.n + 1), _STATUS


def _fold_gap(deal: Deal, event: DealGap | SourceGap, _offset: int) -> Evolved:
    return _replace(deal, suspect_us=event.at_us, n=deal.n + 1), _STATUS


def _fold_load_ended(deal: Deal, _event: LoadEnded, _offset: int) -> Evolved:
    return _replace(deal, loading=False, n=deal.n + 1), _STATUS


def _fold_related(deal: Deal, event: RelatedChanged, offset: int) -> Evolved:
    fields, related, touched = told(deal.fields, deal.related, event)
    losses = _losses(deal, event, fields, [name for name in touched if name in fields], offset)
    if losses:
        losses = {name: loss for name, loss in losses.items() if name in fields}
    changed, watched = deal.changed, [name for name in touched if name in OF_OWNER]
    if watched:
        mark = Mark(event.id, offset, deal.n)
        changed = {name: one for name, one in changed.items() if name in fields} | {
            name: _change(deal, event, name, mark) for name in watched if name in fields
        }
    return _replace(deal, fields=fields, losses=losses, related=related, changed=changed, n=deal.n + 1), touched


def _fold_activity(deal: Deal, event: ActivityChanged, offset: int) -> Evolved:
    if not event.fields:  # what was said of a change of it is taken back
        return _replace(deal, n=deal.n + 1), _NOTHING
    name = f"{event.activity} {event.via}" if event.via else event.activity
    known = deal.activities.get(name, _UNKNOWN_ACTIVITY)
    changed = _activity(known, event, Mark(event.id, offset, deal.n))
    activities = {**deal.activities, name: changed}
    if len(activities) > MAX_ACTIVITIES or _outlived(activities, event.at_us - CONTACT_MEMORY_US):
        return _replace(deal, n=deal.n + 1, **_remembered(deal, activities, event.at_us)), _ACTIVITIES
    return _replace(deal, activities=activities, n=deal.n + 1), _ACTIVITIES


_UNKNOWN_ACTIVITY = Activity()


def _activity(known: Activity, event: ActivityChanged, mark: Mark) -> Activity:
    """The activity after a change. What is said to be done without a date was done when that was said."""
    said = event.fields
    at_us = said.get("at_us", known.at_us)
    at_us = at_us if isinstance(at_us, int) else None
    done = known.done
    if "done" in said:
        done = is_true(said["done"])
        if done and at_us is None:
            at_us = event.at_us
    return Activity(
        at_us,
        done,
        is_true(said["meets"]) if "meets" in said else known.meets,
        is_true(said["removed"]) if "removed" in said else known.removed,
        str(said["direction"] or "") if "direction" in said else known.direction,
        str(said["person"] or "") if "person" in said else known.person,
        mark,
        str(said["owner"] or "") if "owner" in said else known.owner,
    )


def _outlived(activities: dict[str, Activity], horizon_us: int) -> bool:
    """Whether there is anything to forget."""
    for one in activities.values():  # noqa: SIM110 - the generator of an `any` costs 0.3 us
        if one.at_us is not None and one.at_us < horizon_us:
            return True
    return False


def _remembered(deal: Deal, activities: dict[str, Activity], now_us: int) -> dict[str, Any]:
    """Forget what is older than the memory, and the oldest above the cap, but for the last contacts among it."""
    horizon = now_us - CONTACT_MEMORY_US
    kept = {name: one for name, one in activities.items() if one.at_us is None or one.at_us >= horizon}
    if len(kept) > MAX_ACTIVITIES:
        by_time = sorted(kept, key=lambda name: (kept[name].at_us or 0, name))
        kept = {name: kept[name] for name in by_time[-MAX_ACTIVITIES:]}
    gone = [one for name, one in activities.items() if name not in kept]
    older, inbound, meeting = deal.older_contact, deal.older_inbound, deal.older_meeting
    for one in gone:
        older = _later(older, one, now_us)
        if one.inbound:
            inbound = _later(inbound, one, now_us)
        if one.meets:
            meeting = _later(meeting, one, now_us)
    since_us = NEVER_US if inbound is None else inbound.at_us
    outbound = [*deal.older_outbound, *(at_us for one in gone if (at_us := one.outbound_us()) is not None)]
    return {
        "activities": kept,
        "older_contact": older,
        "older_inbound": inbound,
        "older_meeting": meeting,
        "older_outbound": tuple(sorted(at_us for at_us in outbound if since_us < at_us <= now_us)[:MAX_OUTBOUND]),
        "handovers": tuple(_answered(one, gone, now_us) for one in deal.handovers),
    }


def _answered(handover: Handover, gone: list[Activity], now_us: int) -> Handover:
    """A handover, given the activities that are forgotten now."""
    if handover.answered:
        return handover
    for one in gone:
        contact_us = one.contact_us()
        if contact_us is not None and handover.at_us <= contact_us <= now_us and one.owner in {"", handover.after}:
            return _replace(handover, answered=True)
    return handover


def _fold_repeated(deal: Deal, event: TextRepeated, _offset: int) -> Evolved:
    if event.deals is None:  # what was said is taken back
        return _replace(deal, n=deal.n + 1), _NOTHING
    repeats = {what: deals for what, deals in deal.repeats.items() if what != event.what}
    if event.deals > 1:
        repeats[event.what] = event.deals
        if len(repeats) > MAX_REPEATS:
            del repeats[next(iter(repeats))]
    return _replace(deal, repeats=repeats, n=deal.n + 1), _REPEATED


def _fold_intent(deal: Deal, event: IntentSeen, offset: int) -> Evolved:
    if not event.intent:  # what was said is taken back
        return _replace(deal, n=deal.n + 1), _NOTHING
    last = max((one.at_us for one in deal.intents if one.intent == event.intent), default=None)
    if last is not None and event.at_us - last <= event.window_us:
        return _replace(deal, n=deal.n + 1), _NOTHING
    seen = IntentMark(event.intent, event.at_us, Mark(event.id, offset, deal.n), _data(event))
    return _replace(deal, intents=(*deal.intents, seen)[-MAX_INTENTS:], n=deal.n + 1), _INTENTS


def _data(event: IntentSeen) -> dict[str, Scalar]:
    """The first values by name, so that what is kept does not depend on how they were sent."""
    first = sorted(event.data.items())[:MAX_DATA]
    return {name[:MAX_DATUM]: value[:MAX_DATUM] if isinstance(value, str) else value for name, value in first}


_FOLDS: dict[type[Event], Callable[[Deal, Any, int], Evolved]] = {
    DealChanged: _fold_changed,
    DealRemoved: _fold_removed,
    DealGap: _fold_gap,
    SourceGap: _fold_gap,
    LoadEnded: _fold_load_ended,
    ActivityChanged: _fold_activity,
    RelatedChanged: _fold_related,
    IntentSeen: _fold_intent,
    TextRepeated: _fold_repeated,
}
