"""Signals on the wire: what they are called, how grave they are, what they carry, and what identifies one."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from functools import lru_cache

import msgspec

from topics.events import Scalar


class Family(StrEnum):
    """The groups of the catalogue."""

    PACE = "pace"
    CONTACT = "contact"
    QUALIFICATION = "qualification"
    FORECAST = "forecast"
    INTENT = "intent"
    LIFECYCLE = "lifecycle"


class Kind(StrEnum):
    """Every kind of signal that is built."""

    STAGE_OVERSTAY = "stage_overstay"
    CYCLE_EXCEEDED = "cycle_exceeded"
    STAGE_REGRESSED = "stage_regressed"
    CONTACT_GAP = "contact_gap"
    SQL_UNQUALIFIED = "sql_unqualified"
    POST_SQL_INCONSISTENT = "post_sql_inconsistent"
    GATE_VIOLATED = "gate_violated"
    CLOSE_DATE_PUSHED = "close_date_pushed"
    HIGH_INTENT = "high_intent"


FAMILY: dict[Kind, Family] = {
    Kind.STAGE_OVERSTAY: Family.PACE,
    Kind.CYCLE_EXCEEDED: Family.PACE,
    Kind.STAGE_REGRESSED: Family.PACE,
    Kind.CONTACT_GAP: Family.CONTACT,
    Kind.SQL_UNQUALIFIED: Family.QUALIFICATION,
    Kind.POST_SQL_INCONSISTENT: Family.QUALIFICATION,
    Kind.GATE_VIOLATED: Family.QUALIFICATION,
    Kind.CLOSE_DATE_PUSHED: Family.FORECAST,
    Kind.HIGH_INTENT: Family.INTENT,
}


class Severity(StrEnum):
    """How grave a signal is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Step(StrEnum):
    """What happened to an episode."""

    OPENED = "opened"
    UPDATED = "updated"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """Why an episode ended."""

    FIXED = "fixed"
    CLOSED = "closed"
    CORRECTED = "corrected"
    DEFINITION = "definition"
    EXPIRED = "expired"
    MERGED_AWAY = "merged_away"


class Cause(msgspec.Struct, frozen=True):
    """A causing event and where it stands."""

    id: str
    topic: str = ""
    partition: int = 0
    offset: int = 0


class Evidence(msgspec.Struct, frozen=True):
    """Why we say so.

    `observed` is the value at opening, in `unit`; `details` is particular to the kind
    (the pushes, the criteria that failed and on which values).
    """

    observed: float | None = None
    limit: float | None = None
    unit: str = ""
    baseline: dict[str, Scalar] | None = None
    details: tuple[dict[str, Scalar], ...] = ()
    events: tuple[Cause, ...] = ()


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of one episode, as it stands on `deal.signals`. Instants are RFC 3339 in UTC.

    `detected_at` is the only field that two runs over the same log may differ in, beside the causes' positions.
    `subject_key` is the deal's key; for an intent without a deal it is the person's or the account's.
    """

    id: str
    kind: Kind
    family: Family
    severity: Severity
    transition: Step
    subject_key: str
    deal_id: str = ""
    deal_name: str = ""
    owner_id: str = ""
    owner: str = ""
    team: str = ""
    pipeline: str = ""
    stage: str = ""
    segment: str = ""
    amount: float | None = None
    currency: str = ""
    anchor: str
    occurred_at: str
    opened_at: str
    detected_at: str = ""
    reason: str
    resolution: Resolution | None = None
    evidence: Evidence
    playbook: str
    origin: str = "live"


@lru_cache(8192)  # the signal, the deal's view and the end of the episode name the same id
def signal_id(subject_key: str, kind: Kind, anchor: str) -> str:
    """hash(deal, kind, anchor): the same episode has the same id in every run (law 6)."""
    text = f"{subject_key}\x1f{kind.value}\x1f{anchor}"
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
