"""The pipeline's indicators as they stand on the compacted topic `pipeline.indicators`: sums of one partition each.

Who reads them adds the partitions up, and then divides: a sum of ratios says nothing. Instants are RFC 3339 in UTC.
"""

from __future__ import annotations

import msgspec

#: How long what a deal did counts in the figures of what it did: today and so many days before, in UTC.
WINDOW_DAYS = 90


class Counts(msgspec.Struct, frozen=True):
    """How many stand how to a definition. A ratio is met / (met + not_met); unknown stands beside it (law 13)."""

    met: int = 0
    not_met: int = 0
    unknown: int = 0


class Amounts(msgspec.Struct, frozen=True):
    """Money in one currency, in its units: open, and open under a critical signal."""

    currency: str
    open: float
    at_risk: float


class CellFigures(msgspec.Struct, frozen=True, tag="cell", kw_only=True):
    """The deals of one pipeline, segment and team.

    `sql`: open deals at or past SQL; `icp`: open deals; `sql_kept`: deals that reached SQL within the window, met where
    they still meet its criteria or have closed; `over_cycle`: open deals past the corridor of their segment.
    """

    partition: int
    pipeline: str
    segment: str
    team: str
    open_deals: int
    over_cycle: int
    suspect_deals: int
    sql: Counts
    icp: Counts
    sql_kept: Counts
    money: tuple[Amounts, ...]
    as_of: str
    playbook: str


class GateFigures(msgspec.Struct, frozen=True, tag="gate", kw_only=True):
    """The entries into one stage within the window, by the team whose deals they were, as the gate was found then."""

    partition: int
    pipeline: str
    stage: str
    team: str
    entries: Counts
    as_of: str
    playbook: str


class OwnerFigures(msgspec.Struct, frozen=True, tag="owner", kw_only=True):
    """The open deals of one owner and what is open on them, by kind.

    `weight` is the sum of the deviations' weights; `score` is 100 less the weight per deal, and never below 0. Of
    several partitions: add deals and weights. A coaching signal, not an input to anybody's pay.
    """

    partition: int
    owner_id: str
    owner: str
    team: str
    open_deals: int
    deviations: dict[str, int]
    weight: float
    score: float
    note: str = "a coaching signal, not a comp input"
    as_of: str
    playbook: str


class PaceFigures(msgspec.Struct, frozen=True, tag="pace", kw_only=True):
    """Whether deals stay longer or shorter in a stage than they did (`stage_pace_drift`), from the program `baselines`.

    `ratio`: how many times as long, 1.0 while nothing has changed within the window; over 1 is slower. `since`: when
    the first of those began, empty for no change; `n`: how many have begun since. `segment` None: deals of none.
    """

    pipeline: str
    stage: str
    segment: str | None
    ratio: float
    since: str
    n: int
    as_of: str
    playbook: str


Figures = CellFigures | GateFigures | OwnerFigures | PaceFigures
