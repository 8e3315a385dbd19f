"""A seeded CRM: a plausible sales team whose every change comes out as the real sources would send it.

The same seed and options give the same bytes. Only the deals that are still alive are held in memory, so the
endless form can run for as long as someone reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import NamedTuple

from playbook.model import Playbook
from signals.simulation import market, seasons
from signals.simulation.arrival import TIDY, Emitted, Trouble, arrive
from signals.simulation.cdc import Commit, cometd, pubsub
from signals.simulation.changes import (
    CREATE,
    DAY_MS,
    DELETE,
    GAP_UPDATE,
    HOUR_MS,
    INTENT,
    OPPORTUNITY,
    SNAPSHOT,
    UPDATE,
    Change,
    Planted,
    Value,
)
from signals.simulation.engagements import CONTENT_TYPE, cloudevent
from signals.simulation.faults import KINDS, spoilt
from signals.simulation.followers import followed
from signals.simulation.life import plan
from signals.simulation.limits import limits_of
from signals.simulation.next_steps import worded
from signals.simulation.people import peopled
from signals.simulation.profile import Profile, World, draw
from signals.simulation.team import SELLERS, hired, renamed
from signals.simulation.unrest import restless
from topics.outcomes import RawRecord

__all__ = ["CRM", "WEB", "Emitted", "Options", "Planted", "simulate"]

#: The names of the two sources, as in the default settings.
CRM, WEB = "salesforce", "web"

_FIRST_COMMIT = 1_652_977_933_433_528_300  # beyond 2**53, as real ones are
_TRANSACTIONS, _TWELVE_DIGITS = "0005e192-9e62-2554-3880-", 0xFFFF_FFFF_FFFF
_BULKS_A_DAY = 0.6
_BULK_MOST = 5
_RENAMED_EVERY = 40  # bulk edits
_SHARED_TRANSACTION = 0.3  # of the changes of one deal in one millisecond
_REREAD = 0.8  # of the gaps; the record is read again within hours


class Options(NamedTuple):
    """What to simulate.

    `deals` start over `days` from `start_ms`, and the CRM is watched for `days`; with `endless`, more keep starting at
    that rate and it never ends. `edges` is the share of intervals that are put exactly at a limit of the `playbook`,
    or one millisecond off. `pubsub` is the share of changes in that shape, the rest are CometD's. `faults` is the
    share of deals that are clean but for one planted fault. `people`: with accounts, contacts and their roles, by which
    some activities reach their deals. `unrest`: deals come back, hands slip, owners leave.
    """

    seed: int
    deals: int
    days: int
    start_ms: int
    endless: bool = False
    playbook: Playbook | None = None
    edges: float = 0.03
    pubsub: float = 0.5
    bitmaps: bool = False
    faults: float = 0.0
    people: bool = False
    unrest: bool = False
    trouble: Trouble = TIDY


def simulate(options: Options) -> Iterator[Emitted]:
    """Every record in the order of its arrival."""
    rng = Random(options.seed)  # noqa: S311 - a simulation has to be repeatable, not secret
    world = World(rng, limits_of(options.playbook), options.edges)
    crm = _Crm(rng, options)
    sent = (emitted for change in _timeline(world, options, crm) for emitted in crm.send(change))
    return arrive(Random(options.seed + 1), sent, options.trouble)  # noqa: S311 - the same


class _Life:
    """A deal that still has changes to come; the next is the last of `changes`."""

    __slots__ = ("changes",)

    def __init__(self, changes: list[Change]) -> None:
        changes.reverse()
        self.changes = changes


def _timeline(world: World, options: Options, crm: _Crm) -> Iterator[Change]:
    """The changes of all deals in order of time, births and bulk edits among them."""
    end = None if options.endless else options.start_ms + options.days * DAY_MS
    yield from hired(options.start_ms)
    births, bulks = _births(world.rng, options), _bulks(world.rng, options.start_ms)
    born, bulk = next(births, None), next(bulks)
    numbers, order = count(1), count()
    alive: list[tuple[int, int, _Life]] = []
    while born is not None or alive:
        now = min(at for at in (born, bulk, alive[0][0] if alive else None) if at is not None)
        if end is not None and now > end:
            return
        if now == born:
            life = _Life(_planned(world, options, crm, draw(world, next(numbers), now)))
            heappush(alive, (life.changes[-1].at_ms, next(order), life))
            born = next(births, None)
        elif now == bulk:
            yield from crm.bulk(now)
            bulk = next(bulks)
        else:
            _, _, life = heappop(alive)
            yield life.changes.pop()
            if life.changes:
                heappush(alive, (life.changes[-1].at_ms, next(order), life))


def _planned(world: World, options: Options, crm: _Crm, deal: Profile) -> list[Change]:
    changes = _own(world, options, crm, deal)
    return peopled(options.seed, deal, changes) if options.people else changes


def _own(world: World, options: Options, crm: _Crm, deal: Profile) -> list[Change]:
    if options.faults and world.rng.random() < options.faults:
        crm.spare(deal.id)
        return spoilt(world, deal, KINDS[deal.number % len(KINDS)])
    changes = worded(options.seed, deal, plan(world, deal))
    if options.unrest:
        changes = restless(options.seed, world.limits, deal, changes)
    return followed(options.seed, deal, changes)


def _births(rng: Random, options: Options) -> Iterator[int]:
    """When each deal is created: more on working days, fewer in the slow months; exactly `deals` in `days`."""
    weights = (seasons.births(options.start_ms + day * DAY_MS) for day in range(options.days))
    rate = options.deals / sum(weights)
    owed, started = 0.0, 0
    for day in count():
        midnight = options.start_ms + day * DAY_MS
        owed += rate * seasons.births(midnight)
        today = round(owed) - started
        started += today
        yield from sorted(midnight + 7 * HOUR_MS + rng.randrange(12 * HOUR_MS) for _ in range(today))
        if day + 1 >= options.days and not options.endless:
            return


def _bulks(rng: Random, start_ms: int) -> Iterator[int]:
    at = start_ms
    while True:
        at += 1 + int(rng.expovariate(_BULKS_A_DAY / DAY_MS))
        yield at


class _Crm:
    """The CRM itself: what it knows of each open deal, and its log of commits."""

    def __init__(self, rng: Random, options: Options) -> None:
        self._rng, self._options = rng, options
        self._deals: dict[str, dict[str, Value]] = {}
        self._open: list[str] = []
        self._spared: set[str] = set()
        self._commits = _FIRST_COMMIT
        self._sequence = 1
        self._last = (0, "")
        self._engagements = 0

    def spare(self, deal: str) -> None:
        """Leave a deal out of all bulk edits: whatever is wrong with it was planted."""
        self._spared.add(deal)

    def bulk(self, at_ms: int) -> Iterator[Change]:
        """One edit of several open deals in a list view; now and then something that is no deal at all."""
        chosen = [deal for deal in self._chosen() if deal in self._deals]
        if len(chosen) > 1:
            yield Change(at_ms, OPPORTUNITY, ",".join(chosen), UPDATE, self._bulk_edit(at_ms))
        if self._rng.randrange(_RENAMED_EVERY) == 0:
            yield renamed(self._rng.choice(SELLERS), at_ms)

    def send(self, change: Change) -> Iterator[Emitted]:
        """The record of one change; also the second reading of a deal of which a change was lost."""
        if change.entity == INTENT:
            yield self._engagement(change)
            return
        records = tuple(change.record.split(","))
        if change.entity == OPPORTUNITY:
            change = self._known(change, records)
            if self._lost(change):
                yield self._record(change._replace(change=GAP_UPDATE, fields={}), records)
                if self._rng.random() < _REREAD:
                    full = dict(self._deals.get(change.record, change.fields))
                    yield self._record(change._replace(change=SNAPSHOT, fields=full, planted=()), records)
                return
        yield self._record(change, records)

    def _chosen(self) -> list[str]:
        self._open = [deal for deal in self._open if deal in self._deals]
        return self._rng.sample(self._open, min(len(self._open), self._rng.randint(2, _BULK_MOST)))

    def _bulk_edit(self, at_ms: int) -> dict[str, Value]:
        rng = self._rng
        next_month = seasons.month_end(seasons.day_of(at_ms + 31 * DAY_MS))
        edits: tuple[dict[str, Value], ...] = (
            {"CloseDate": seasons.midnight_ms(next_month)},
            {"OwnerId": rng.choice(SELLERS).id},
            {"NextStep": rng.choice(market.NEXT_STEPS)},
            {rng.choice(market.FLAGS): rng.random() < 1 / 2},
        )
        return rng.choice(edits)

    def _known(self, change: Change, records: tuple[str, ...]) -> Change:
        """The change with its close date worked out; what is known of the deal is kept while the deal is open."""
        if change.change == CREATE:
            self._deals[change.record] = dict(change.fields)
            if change.record not in self._spared:
                self._open.append(change.record)
            return change
        if change.change == DELETE or change.fields.get("IsClosed"):
            self._deals.pop(change.record, None)
            self._spared.discard(change.record)
            return change
        if change.fields.get("IsClosed") is False and change.record not in self._deals:
            self._deals[change.record] = {}
            self._open.append(change.record)
        if change.shift_days:
            change = self._shifted(change)
        for deal in records:
            if deal in self._deals:
                self._deals[deal].update(change.fields)
        return change

    def _shifted(self, change: Change) -> Change:
        close = self._deals.get(change.record, {}).get("CloseDate")
        start = close if isinstance(close, int) else change.at_ms - change.at_ms % DAY_MS
        return change._replace(fields={"CloseDate": start + change.shift_days * DAY_MS})

    def _lost(self, change: Change) -> bool:
        gaps = self._options.trouble.gaps
        return bool(gaps) and change.change == UPDATE and not change.planted and self._rng.random() < gaps

    def _record(self, change: Change, records: tuple[str, ...]) -> Emitted:
        commit = self._commit(change, records)
        shaped = self._rng.random() < self._options.pubsub
        value = pubsub(change, commit, bitmaps=self._options.bitmaps) if shaped else cometd(change, commit)
        record = RawRecord(records[0].encode(), value, (), change.at_ms * 1000)
        return Emitted(CRM, record, change.planted)

    def _commit(self, change: Change, records: tuple[str, ...]) -> Commit:
        """The next place in the log; what one deal changes in one millisecond may be one transaction."""
        moment = (change.at_ms, records[0])
        if moment == self._last and self._rng.random() < _SHARED_TRANSACTION:
            self._sequence += self._rng.choice((1, 1, 2))
        else:
            self._commits += 1 + self._rng.randrange(40)
            self._sequence = 1
        self._last = moment
        user = change.fields.get("OwnerId")
        return Commit(
            self._commits,
            self._sequence,
            f"{_TRANSACTIONS}{self._commits & _TWELVE_DIGITS:012x}",
            records,
            user if isinstance(user, str) else SELLERS[0].id,
        )

    def _engagement(self, change: Change) -> Emitted:
        self._engagements += 1
        value = cloudevent(change, self._engagements)
        record = RawRecord(change.record.encode(), value, (CONTENT_TYPE,), change.at_ms * 1000)
        return Emitted(WEB, record, change.planted)
