"""The boundaries of the engine by name, and a worker that sends itself a signal at one of them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from faust.types import TP

from engine.batches import BatchApp
from engine.lanes import Lane
from engine.link import Place
from engine.packing import Row
from engine.records import Extent
from engine.state import Changes, LoadedStore


class Boundary(StrEnum):
    """Where a process may be when it ends."""

    TAKEN_OVER = "fenced the last owner, nothing loaded"
    LOADING = "while loading state"
    WRITTEN = "inside the transaction"
    COMMITTED = "between commit and local store"
    SETTLED = "after the local store"
    REVOKED = "in the middle of a rebalance, giving away"
    ASSIGNED = "in the middle of a rebalance, receiving"


class Strike(NamedTuple):
    """Send this signal to oneself when the boundary is reached for the `nth` time."""

    where: Boundary
    nth: int = 1
    number: signal.Signals = signal.SIGKILL


class _Fuse:
    """Counts how often the boundary was reached."""

    def __init__(self, strike: Strike) -> None:
        self._strike = strike
        self._left = strike.nth

    def reach(self, where: Boundary) -> None:
        """The process is there now."""
        if where is self._strike.where:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._strike.number)


def struck(app: BatchApp, strike: Strike) -> None:
    """Let the app strike itself."""
    fuse = _Fuse(strike)
    app.lane_type = _lane(fuse)
    app.__class__ = _app(type(app), fuse)


def _lane(fuse: _Fuse) -> type[Lane]:
    class Struck(Lane):
        """A lane that says where it is."""

        async def take_over(self) -> None:
            await super().take_over()
            fuse.reach(Boundary.TAKEN_OVER)

        async def load(self) -> LoadedStore:
            asyncio.get_running_loop().call_later(_LOADING_S, fuse.reach, Boundary.LOADING)
            return await super().load()

        async def write(self, rows: Mapping[Place, Sequence[Row]], offsets: Mapping[TP, int]) -> Mapping[Place, Extent]:
            written = await super().write(rows, offsets)
            if rows:
                fuse.reach(Boundary.WRITTEN)
            return written

        async def commit(self) -> None:
            await super().commit()
            fuse.reach(Boundary.COMMITTED)

        def settle(self, store: LoadedStore, changes: Changes, next_offset: int) -> None:
            super().settle(store, changes, next_offset)
            fuse.reach(Boundary.SETTLED)

    return Struck


_LOADING_S = 0.01
"""Into the loading of a state: connecting to the broker alone takes as long."""


def _app(kind: type[BatchApp], fuse: _Fuse) -> type[BatchApp]:
    class Struck(kind):  # type: ignore[misc, valid-type]  # whichever app it is
        """An app that says where it is."""

        async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
            await super()._on_partitions_revoked(revoked)
            fuse.reach(Boundary.REVOKED)

        async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
            if assigned:
                fuse.reach(Boundary.ASSIGNED)
            await super()._on_partitions_assigned(assigned, generation_id)

    return Struck
