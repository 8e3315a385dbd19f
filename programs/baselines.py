"""baselines: `stage.dwells` to `definitions`. It keeps the stays of all deals and fits them again from time to time.

What it has learned stands on the topic before any log names it: text and controls are one transaction, with its state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence

import msgspec
import structlog

from engine.records import Batch, Output
from engine.state import Store
from programs.aside import UNDECODABLE_EVENT, put_aside
from programs.lines import Sparing
from programs.published import Published
from programs.publishing import baselines_controls, stored_baselines
from signals.learning import Fitted, Learner, differs, fitted, pace_key
from signals.learning_metrics import LearningMetrics, Verdict
from topics.catalog import PIPELINE_INDICATORS
from topics.codec import encode
from topics.dwells import decode_dwell
from topics.indicators import PaceFigures
from topics.instants import rfc3339
from topics.outcomes import Rejected

log = structlog.get_logger("baselines")
said = Sparing("baselines")


class Baselining:
    """The processor of the partition of `stage.dwells`. Its state: the stays of all deals."""

    def __init__(self, published: Published, metrics: LearningMetrics, _partition: int, store: Store) -> None:
        self._published, self._metrics = published, metrics
        self._learner = Learner(store)
        self._at_us = 0
        #: A new process knows no pace to show.
        self._is_new = True

    def process(self, batch: Batch) -> Sequence[Output] | Awaitable[Sequence[Output]]:
        """Keep the stays; fit them when it is time, beside the event loop: of millions it takes a minute."""
        outputs: list[Output] = []
        for record in batch.records:
            try:
                self._learner.take(decode_dwell(record.value or b""))
            except msgspec.DecodeError as error:
                outputs.append(put_aside(record, Rejected(UNDECODABLE_EVENT, str(error))))
        self._at_us = max(self._at_us, batch.records[-1].timestamp_us)
        self._metrics.stays.set(self._learner.n)
        if not self._learner.is_due(self._at_us, is_new=self._is_new):
            return outputs
        return self._fitted(outputs)

    async def _fitted(self, outputs: list[Output]) -> Sequence[Output]:
        await self._published.caught_up()
        rules = self._published.panel(self._published.current.hash).rules
        stays, at_us = self._learner.stays(), self._at_us
        with self._metrics.seconds.time():
            found = await asyncio.to_thread(fitted, stays, rules, at_us, rfc3339(at_us))
        return [*outputs, *self._told(found)]

    def _told(self, found: Fitted) -> Sequence[Output]:
        """The pace of the stages, and what makes the fit count, if it is to."""
        self._learner.note(found)
        self._is_new = False
        return [*self._paced(found.paces), *self._learned(found)]

    def _paced(self, paces: list[PaceFigures]) -> Iterator[Output]:
        for pace in paces:
            self._metrics.pace.labels(pace.pipeline, pace.stage, pace.segment or "").set(pace.ratio)
            yield Output(PIPELINE_INDICATORS, pace_key(pace).encode(), encode(pace))

    def _learned(self, found: Fitted) -> Sequence[Output]:
        verdict = self._verdict(found)
        self._metrics.fits.labels(verdict.value).inc()
        self._metrics.refused.set(len(found.refused))
        for one in found.refused:
            said.warning(
                "refused: a learned limit would fire on too many deals",
                (one.kind.value, *map(str, one.group)),
                what=one.kind.value,
                **one.group._asdict(),
                share=round(one.share, 3),
            )
        if verdict is not Verdict.PUBLISHED:
            return ()
        log.info("learned", version=found.baselines.version, rows=len(found.baselines.rows), stays=found.n)
        version = found.baselines.version
        return [stored_baselines(found.baselines, found.at_us), *baselines_controls(version, found.at_us)]

    def _verdict(self, found: Fitted) -> Verdict:
        if self._published.withdrawn:
            return Verdict.WITHDRAWN
        return Verdict.PUBLISHED if differs(self._published.learned, found.baselines) else Verdict.UNCHANGED


def make_baselining(published: Published, metrics: LearningMetrics, partition: int, store: Store) -> Baselining:
    """The processor of the partition; bind the first two with `functools.partial`."""
    return Baselining(published, metrics, partition, store)
