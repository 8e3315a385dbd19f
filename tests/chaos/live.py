"""A sales team at work now: as many changes of as many deals as are asked for, at the wall clock's time, for ever.

Deals, activities and people are always the same, so that whatever grows, the state of the product has no reason to.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from random import Random

from engine.settings import Broker
from signals.simulate import CRM, WEB, Emitted
from signals.simulation import ids, market
from signals.simulation.cdc import Commit, cometd
from signals.simulation.changes import CREATE, DAY_MS, INTENT, OPPORTUNITY, TASK, UPDATE, Change, Value
from signals.simulation.engagements import CONTENT_TYPE, cloudevent
from signals.simulation.team import SELLERS
from tests.chaos.feed import Feed
from topics.outcomes import RawRecord

STEP_S = 0.05
_FIRST_COMMIT = 1_700_000_000_000_000_000
_TASK, _AMOUNT = 0.2, 0.8
"""Of the changes that are no demo, so many are calls; the rest up to here are amounts, then next steps."""


def now_ms() -> int:
    """The wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


class Team:
    """`deals` deals and the changes to them; in the share `demos` a buyer asks for a demo, which is said at once."""

    def __init__(self, seed: int, deals: int, demos: float = 0.01) -> None:
        self._demos = demos
        self._rng = Random(seed)  # noqa: S311  # repeatable, not secret
        self._deals = [ids.record_id(ids.DEAL, number) for number in range(1, deals + 1)]
        self._commit = _FIRST_COMMIT + time.time_ns() // 1000
        self._engagements = 0

    def openings(self, now_ms: int) -> list[Emitted]:
        """Every deal is created now."""
        return [self._crm(Change(now_ms, OPPORTUNITY, deal, CREATE, self._opening(now_ms))) for deal in self._deals]

    def change(self, now_ms: int) -> Emitted:
        """One change of one deal."""
        rng = self._rng
        deal = rng.choice(self._deals)
        if rng.random() < self._demos:
            return self._demo(deal, now_ms)
        chance = rng.random()
        if chance < _TASK:
            return self._crm(self._task(deal, now_ms))
        fields: dict[str, Value] = {"Amount": round(10_000 * rng.uniform(1.0, 1.05), 2)}
        if chance > _AMOUNT:
            fields = {"NextStep": rng.choice(market.NEXT_STEPS)}
        return self._crm(Change(now_ms, OPPORTUNITY, deal, UPDATE, fields))

    def _opening(self, now_ms: int) -> dict[str, Value]:
        return {
            "Name": "A deal",
            "StageName": market.STAGE_NAMES[0],
            "Amount": 10_000.0,
            "CloseDate": now_ms - now_ms % DAY_MS + 40 * DAY_MS,
            "OwnerId": self._rng.choice(SELLERS).id,
            "CreatedDate": now_ms,
            **market.derived(0),
        }

    def _task(self, deal: str, now_ms: int) -> Change:
        task = ids.record_id(ids.TASK, int(deal[5:15]))
        fields: dict[str, Value] = {
            "WhatId": deal,
            "TaskSubtype": "Call",
            "Status": "Completed",
            "IsClosed": True,
            "ActivityDate": now_ms - now_ms % DAY_MS,
            "CompletedDateTime": now_ms,
        }
        return Change(now_ms, TASK, task, UPDATE, fields)

    def _crm(self, change: Change) -> Emitted:
        self._commit += 1
        commit = Commit(self._commit, 1, f"live-{self._commit}", (change.record,), SELLERS[0].id)
        record = RawRecord(change.record.encode(), cometd(change, commit), (), change.at_ms * 1000)
        return Emitted(CRM, record)

    def _demo(self, deal: str, now_ms: int) -> Emitted:
        self._engagements += 1
        change = Change(now_ms, INTENT, deal, "web.demo_requested", {"deal_id": deal})
        value = cloudevent(change, self._commit + self._engagements)
        return Emitted(WEB, RawRecord(deal.encode(), value, (CONTENT_TYPE,), now_ms * 1000))


class LiveFeed(Feed):
    """Feeds for so many seconds; `late_s` is how far it is behind its own pace, `clock` what time it is there (ms)."""

    def __init__(
        self, broker: Broker, team: Team, rate: float, seconds: float, clock: Callable[[], int] = now_ms
    ) -> None:
        super().__init__(broker, team.openings(clock()), rate)
        self.late_s = 0.0
        self._team, self._seconds, self._clock = team, seconds, clock
        self._ended = False

    @property
    def done(self) -> bool:
        """Whether its time is over. Raises what ended it early."""
        if self.failure is not None:
            raise self.failure
        return self._ended

    @property
    def newest_us(self) -> int:
        """The clock is the wall's: T has no record to reach."""
        return 0

    def end(self) -> None:
        """Its time is over now."""
        self._seconds = 0.0

    async def _feed(self) -> None:
        try:
            if await self._sent_at_last(self._records):
                await self._go_on(time.monotonic())
        finally:
            await self._disconnect()
            self._ended = True

    async def _go_on(self, began: float) -> None:
        owed = 0.0
        while (passed := time.monotonic() - began) < self._seconds and not self._over.is_set():
            owed = passed * self._rate - self.sent
            self.late_s = owed / self._rate
            at_ms = self._clock()
            chunk = [self._team.change(at_ms) for _ in range(int(owed))]
            if not await self._sent_at_last(chunk):
                return
            self.sent += len(chunk)
            await asyncio.sleep(STEP_S)
