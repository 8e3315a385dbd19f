"""detect: `deal.events` to `deal.signals` and `deal.current`. All that it decides is decided in `signals/`."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from weakref import WeakSet

import msgspec
import structlog

from engine.records import Batch, Output
from engine.state import Store
from programs.aside import UNDECODABLE_EVENT, put_aside
from programs.lines import Sparing
from programs.published import Published
from programs.times import Times
from signals.definitions import named
from signals.emit import Position
from signals.judge import Panel, Stored
from signals.metrics import UNDECODABLE, DetectMetrics
from signals.partition import Partition, versions_in
from topics.catalog import DEAL_CURRENT, DEAL_EVENTS, DEAL_SIGNALS, PIPELINE_INDICATORS, STAGE_DWELLS
from topics.codec import decode_deal_event, encode
from topics.dwells import DwellRecord, dwell_key
from topics.indicators import Figures
from topics.outcomes import Rejected
from topics.signals import Resolution, Signal
from topics.views import DealView

log = structlog.get_logger("detect")
said = Sparing("detect")
_CORRECTED = Resolution.CORRECTED  # reading a member of an Enum takes 0.1 microseconds


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, which would look in vain: a batch makes many values and no cycles.

    Left on, it goes through all that a large batch has made so far, again and again: a quarter of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Detect:
    """The processor of one partition of `deal.events`. Its state: one value per deal."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a processor is made of
        self,
        panel: Panel,
        metrics: DetectMetrics,
        times: Times,
        partition: int,
        store: Store,
        published: Published | None = None,
    ) -> None:
        self._own, self._metrics, self._times = panel, metrics, times
        self._position, self._store, self._published = Position(DEAL_EVENTS, partition), store, published
        self.partition = None if self._missing(versions_in(store)) else self._opened()

    def process(self, batch: Batch) -> Sequence[Output] | Awaitable[Sequence[Output]]:
        """Fold a batch; say what is to be said. It waits for definitions that the log names and nobody knows yet."""
        outputs: list[Output] = []
        with uncollected():
            stored = self._events(batch, outputs)
        needed = [*(versions_in(self._store) if self.partition is None else ()), *named(stored)]
        if self._missing(needed):
            return self._waited(needed, stored, batch, outputs)
        return self._folded(stored, batch, outputs)

    def _missing(self, versions: Iterable[str]) -> bool:
        return self._published is not None and bool(self._published.missing(versions))

    async def _waited(
        self, versions: list[str], stored: list[Stored], batch: Batch, outputs: list[Output]
    ) -> Sequence[Output]:
        if self._published is not None:
            await self._published.wait_for(versions)
        return self._folded(stored, batch, outputs)

    def _opened(self) -> Partition:
        panels = None if self._published is None else self._published.panel
        partition = Partition(self._own, self._store, self._position, panels)
        own = self._own.rules.definitions
        if partition.switched and partition.version != own:
            log.warning(
                "the log decides: the own playbook file does not count",
                partition=partition.number,
                version=partition.version,
                own=own,
            )
        return partition

    def _folded(self, stored: list[Stored], batch: Batch, outputs: list[Output]) -> list[Output]:
        self.partition = self.partition or self._opened()
        before = self.partition.version
        at_us = batch.records[-1].timestamp_us
        with uncollected():
            folded = self.partition.fold(stored, self._times.detected_at(at_us))
            outputs += self._signals(folded.signals, at_us)
            outputs += self._views(folded.views, at_us)
            outputs += self._figures(folded.figures, at_us)
            outputs += self._dwells(folded.dwells, at_us)
        if self.partition.version != before:
            log.info(
                "definitions switched",
                partition=self.partition.number,
                version=self.partition.version,
                before=before,
                deals_to_judge=self.partition.behind,
            )
        for fate, count in folded.fates.items():
            self._metrics.events.labels(fate.value).inc(count)
        return outputs

    def _events(self, batch: Batch, outputs: list[Output]) -> list[Stored]:
        """The events of the records. What is no event of ours is put aside with its position, and counted."""
        events: list[Stored] = []
        for record in batch.records:
            try:
                events.append(Stored(decode_deal_event(record.value or b""), record.offset))
            except msgspec.DecodeError as error:
                self._metrics.events.labels(UNDECODABLE).inc()
                outputs.append(put_aside(record, Rejected(UNDECODABLE_EVENT, str(error))))
        return events

    def _signals(self, signals: list[Signal], at_us: int) -> Iterator[Output]:
        if not signals:
            return
        stamp = self._times.timestamp_us(at_us)
        delay = self._times.seconds_since(at_us)
        if delay is not None:
            self._metrics.delay.observe(delay)
        counts = Counter([(signal.kind, signal.severity, signal.transition) for signal in signals])
        for (kind, severity, step), count in counts.items():
            self._metrics.transitions.labels(kind.value, severity.value, step.value).inc(count)
        for signal in signals:
            if signal.resolution is _CORRECTED:
                _say_corrected(signal)
            yield Output(DEAL_SIGNALS, signal.subject_key.encode(), encode(signal), (), stamp)

    def _views(self, views: dict[str, DealView | None], at_us: int) -> Iterator[Output]:
        stamp = self._times.timestamp_us(at_us)
        for key, view in views.items():
            value = None if view is None else encode(view)
            yield Output(DEAL_CURRENT, key.encode(), value, (), stamp)

    def _figures(self, figures: dict[str, Figures | None], at_us: int) -> Iterator[Output]:
        stamp = self._times.timestamp_us(at_us)
        for key, value in figures.items():
            yield Output(PIPELINE_INDICATORS, key.encode(), None if value is None else encode(value), (), stamp)

    def _dwells(self, dwells: list[DwellRecord], at_us: int) -> Iterator[Output]:
        stamp = self._times.timestamp_us(at_us)
        for dwell in dwells:
            yield Output(STAGE_DWELLS, dwell_key(dwell), encode(dwell), (), stamp)


def _say_corrected(signal: Signal) -> None:
    """A signal that a late event took back: which, of which deal, and where what had caused it stands."""
    causes = [f"{cause.topic}[{cause.partition}]@{cause.offset}" for cause in signal.evidence.events]
    kind = signal.kind.value
    said.info("corrected", (kind,), what=kind, signal=signal.id, deal=signal.subject_key, causes=causes)


class MakeDetect:
    """Makes the processors of one process, and knows which are alive: their sums are what Prometheus reads."""

    def __init__(self, panel: Panel, times: Times, published: Published | None = None) -> None:
        self._panel, self._times, self._published = panel, times, published
        self._alive: WeakSet[Detect] = WeakSet()
        self._metrics: DetectMetrics | None = None

    def served(self) -> list[Partition]:
        """The partitions that are served here now."""
        return [detect.partition for detect in self._alive if detect.partition is not None]

    def report_to(self, metrics: DetectMetrics) -> None:
        """Count into these metrics from now on."""
        self._metrics = metrics

    def __call__(self, partition: int, store: Store) -> Detect:
        """The processor of a partition."""
        if self._metrics is None:
            message = "report_to comes first"
            raise RuntimeError(message)
        detect = Detect(self._panel, self._metrics, self._times, partition, store, self._published)
        self._alive.add(detect)
        return detect
