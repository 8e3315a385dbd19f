"""Learned baselines: how long a stage takes, a won cycle, and the rest of the way to a win. Values only, no fitting.

`signals.fitting` makes them of dwells. They are published by their version, a hash of what they say, and count together
with a playbook (law 11). A row answers for the deals of one segment, or for all of a stage.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from topics.events import Scalar

#: Quantiles are kept in half percents: 0.5 %, 1 % ... 99.5 %. All that the catalogue names are among them.
GRID = 200
#: What a quantile's decimal may be off by in binary.
_ROUNDING = 1e-9


class Measure(StrEnum):
    """What was measured, in microseconds."""

    #: From a stage's entry until it is left; of deals that are still in it, so far (censored).
    DWELL = "dwell"
    #: From a won deal's creation to the win. Its rows have no stage.
    CYCLE = "cycle"
    #: From a won deal's entry into a stage to the win.
    TO_WIN = "to_win"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The distribution of one measure. `segment` None: of all deals of the stage, whatever their segment.

    `n` counts deals, `events` those among them of which the end was seen. `quantiles`: microseconds by which 0.5 %,
    1 % ... have ended, as far as the curve reaches.
    """

    measure: Measure
    pipeline: str
    stage: str = ""
    segment: str | None = None
    n: int
    events: int
    quantiles: tuple[int, ...]

    def quantile_us(self, share: float) -> int | None:
        """By when a share of them (0 to 1) has ended; a share between two steps of the grid counts as the upper one.

        None: the curve does not reach it.
        """
        place = _place(share)
        return self.quantiles[place] if place < len(self.quantiles) else None

    def cut(self, share: float) -> Row:
        """As if the curve ended before this share: then it gives no such limit."""
        return msgspec.structs.replace(self, quantiles=self.quantiles[: _place(share)])


def _place(share: float) -> int:
    return max(math.ceil(share * GRID - _ROUNDING) - 1, 0)


class Learned(msgspec.Struct, frozen=True):
    """An answer: a baseline with enough behind it. `limit_us` None: its curve does not reach the quantile: no limit."""

    limit_us: int | None
    quantile: float
    n: int
    events: int
    segment: str | None
    version: str

    def evidence(self) -> dict[str, Scalar]:
        """As a signal shows it (`Evidence.baseline`)."""
        shown: dict[str, Scalar] = {
            "version": self.version,
            "quantile": self.quantile,
            "n": self.n,
            "events": self.events,
        }
        return shown if self.segment is None else {**shown, "segment": self.segment}


_Key = tuple[Measure, str, str, str | None]


class Baselines:
    """Rows by what they are about. `version` is a hash of the rows; `made_at` (RFC 3339) when they were fitted."""

    def __init__(self, rows: Iterable[Row] = (), made_at: str = "") -> None:
        self.rows = tuple(sorted(rows, key=_order))
        self.made_at = made_at
        self.version = version_of(self.rows) if self.rows else ""
        self._by_key: dict[_Key, Row] = {(row.measure, row.pipeline, row.stage, row.segment): row for row in self.rows}

    def dwell(self, pipeline: str, stage: str, segment: str | None, quantile: float, min_n: int) -> Learned | None:
        """How long deals stay in a stage. `segment` None: a deal of no segment.

        None: neither the segment's row nor the stage's has `min_n` dwells that ended; then fixed days count.
        """
        return self._learned(Measure.DWELL, pipeline, stage, segment, quantile, min_n)

    def won_cycle(self, pipeline: str, segment: str | None, quantile: float, min_n: int) -> Learned | None:
        """How long won deals took from their creation; None as above."""
        return self._learned(Measure.CYCLE, pipeline, "", segment, quantile, min_n)

    def to_win(self, pipeline: str, stage: str, segment: str | None, quantile: float, min_n: int) -> Learned | None:
        """How long won deals took from their entry into a stage; None as above."""
        return self._learned(Measure.TO_WIN, pipeline, stage, segment, quantile, min_n)

    def _learned(  # noqa: PLR0913, PLR0917 - what a baseline is asked for
        self, measure: Measure, pipeline: str, stage: str, segment: str | None, quantile: float, min_n: int
    ) -> Learned | None:
        for one in dict.fromkeys((segment, None)):
            row = self._by_key.get((measure, pipeline, stage, one))
            if row is not None and row.events >= min_n:
                limit_us = row.quantile_us(quantile)
                return Learned(limit_us, quantile, row.n, row.events, one, self.version)
        return None


class BaselinesError(ValueError):
    """A text that is no baselines; the message says why."""


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in a file, and on the topic `definitions`."""

    version: str
    made_at: str
    rows: tuple[Row, ...]


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(_File).decode


def written(baselines: Baselines) -> str:
    """The canonical JSON text: the same baselines give the same bytes."""
    return _encode(_File(version=baselines.version, made_at=baselines.made_at, rows=baselines.rows)).decode()


def read(text: str | bytes) -> Baselines:
    """What a text says. Raises BaselinesError, also where the version is not that of the rows."""
    try:
        file = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BaselinesError(str(error)) from None
    baselines = Baselines(file.rows, file.made_at)
    if baselines.version != file.version:
        message = f"the version says {file.version}, the rows are {baselines.version or 'none'}"
        raise BaselinesError(message)
    return baselines


def version_of(rows: Iterable[Row]) -> str:
    """`sha256:` over the canonical JSON of the rows: when they were made does not change what they say."""
    return f"sha256:{hashlib.sha256(_encode(list(rows))).hexdigest()}"


def _order(row: Row) -> tuple[str, str, str, bool, str]:
    return (row.measure, row.pipeline, row.stage, row.segment is not None, row.segment or "")


#: Nothing was learned: fixed limits count.
NO_BASELINES = Baselines()
