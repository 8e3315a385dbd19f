"""A broker that does not hold a fetch which finds nothing, as it is asked to, is not asked again at once.

Seen: the embedded broker answers at once, so an idle consumer asked it 1,100 times a second, and the idle programs of
one machine took 1.2 cores. Kafka holds such a fetch for `fetch_max_wait_ms`; there this changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher

SHARE = 10
"""A pause is at most this part of the time for which a fetch may be held: 50 ms of 500."""

FIRST_S = 0.002
"""The first pause; each further one is twice as long while nothing comes."""


def pace(consumer: AIOKafkaConsumer, hold_ms: int) -> None:
    """Pause after a fetch that came back early without records. The consumer must have been started."""
    fetcher: Fetcher = consumer._fetcher  # noqa: SLF001  # aiokafka has no other place between two fetches
    fetch = fetcher._proc_fetch_request  # noqa: SLF001  # as above
    paces: dict[int, Pace] = {}

    async def paced(assignment: object, node: int, request: object) -> Any:  # noqa: ANN401  # aiokafka's own answer
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        brought = await fetch(assignment, node, request)
        pause_s = paces.setdefault(node, Pace(hold_ms / 1000)).after(loop.time() - began_s, brought=bool(brought))
        if pause_s:
            # aiokafka awaits a request that it has cancelled: an error here would leave its connections open
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(pause_s)
        return brought

    fetcher._proc_fetch_request = paced  # noqa: SLF001  # as above


class Pace:
    """How long to pause before a node is asked again; times in seconds."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._pause_s = 0.0

    def after(self, took_s: float, *, brought: bool) -> float:
        """The pause after a fetch that took so long and brought records, or none."""
        if brought or took_s > self._hold_s / 2:
            self._pause_s = 0.0
        else:
            self._pause_s = min(max(FIRST_S, self._pause_s * 2), self._hold_s / SHARE)
        return self._pause_s
