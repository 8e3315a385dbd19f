"""Our `detect`, the real program: as `programs.wiring` builds it, with transactions, state, views and signals.

Its topics and its group have fixed names, so whoever runs it makes them anew before each run.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import Awaitable, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from bench.contenders.playbooks import loaded
from bench.contenders.watch import Stopwatch, Task, task
from engine.batches import BatchApp, run
from engine.lanes import MakeProcessor, Processor
from engine.records import Batch, Output
from engine.settings import StoreKind
from engine.state import Store
from programs.settings import BrokerSettings, Settings, WebSettings
from programs.startup import Ready, to_sources
from programs.wiring import BUILDS
from topics.catalog import DEAL_EVENTS, DEAL_SIGNALS

LOOK_S = 0.02


class Watched:
    """A processor that starts the watch when its first batch is in hand."""

    def __init__(self, inner: Processor, watch: Stopwatch) -> None:
        self._inner, self._watch = inner, watch

    def process(self, batch: Batch) -> Sequence[Output] | Awaitable[Sequence[Output]]:
        """As the processor itself."""
        self._watch.start()
        return self._inner.process(batch)


def build(given: Task) -> BatchApp:
    """The program, as `signals detect` builds it."""
    settings = Settings(
        data_dir=Path(given.folder),
        store=cast("StoreKind", given.store),
        broker=BrokerSettings(bootstrap=given.servers),
        web=WebSettings(base_port=0),
    )
    return BUILDS["detect"](Ready(settings, loaded(given.kinds), to_sources(settings)), given.servers)


def watched(app: BatchApp, watch: Stopwatch) -> None:
    """Let the watch start with the first batch of any partition."""
    app.attachments[:] = [dataclasses.replace(one, make=partial(_watched, one.make, watch)) for one in app.attachments]


def _watched(make: MakeProcessor, watch: Stopwatch, partition: int, store: Store) -> Watched:
    return Watched(make(partition, store), watch)


def counted(app: BatchApp, name: str, topic: str) -> int:
    """One of the program's own counters, by topic."""
    labels = {"program": app.engine_settings.name, "topic": topic}
    return int(app.registry.get_sample_value(f"signals_engine_{name}_total", labels) or 0)


async def until_done(app: BatchApp, watch: Stopwatch, events: int) -> None:
    """Report when all events are committed with all that follows from them, and end the program."""
    while counted(app, "records", DEAL_EVENTS) < events:  # noqa: ASYNC110 - a metric sets no event
        await asyncio.sleep(LOOK_S)
    watch.report(events, transitions=counted(app, "outputs", DEAL_SIGNALS))
    os.kill(os.getpid(), signal.SIGTERM)


def main(given: Task) -> int:
    """Run until all events are committed."""
    app, watch = build(given), Stopwatch()
    watched(app, watch)
    app.background.append(lambda: until_done(app, watch, given.events))
    return run(app)


if __name__ == "__main__":
    sys.exit(main(task()))
