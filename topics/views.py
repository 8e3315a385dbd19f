"""The present state of a deal, as it stands on the compacted topic `deal.current`."""

from __future__ import annotations

import msgspec

from topics.signals import Kind, Severity
from topics.standing import Judged


class OpenSignal(msgspec.Struct, frozen=True):
    """A signal that is open on the deal."""

    id: str
    kind: Kind
    severity: Severity
    opened_at: str
    reason: str


class DealView(msgspec.Struct, frozen=True, kw_only=True):
    """One deal now: what it is, where it stands, what is wrong with it.

    Instants are RFC 3339 in UTC, empty for unknown.
    `outcome` is open, won, lost or removed, or empty where the playbook does not define the stage. `ended_at`: since
    when it is not open. `sql`: how an open deal at or past SQL stands to its criteria; `icp`: to the ideal customer
    profile, also once it is closed. `cycle_days`: the corridor of its segment; `over_cycle`: whether it is past that.
    """

    key: str
    source: str
    deal_id: str
    name: str = ""
    owner_id: str = ""
    owner: str = ""
    team: str = ""
    pipeline: str = ""
    stage: str = ""
    segment: str = ""
    outcome: str = ""
    amount: float | None = None
    currency: str = ""
    close_date: str = ""
    category: str = ""
    created_at: str = ""
    stage_since: str = ""
    last_contact_at: str = ""
    suspect: bool = False
    loading: bool = False
    ended_at: str = ""
    sql: Judged | None = None
    icp: Judged | None = None
    cycle_days: float | None = None
    over_cycle: bool = False
    open_signals: tuple[OpenSignal, ...] = ()
    as_of: str = ""
    playbook: str = ""
