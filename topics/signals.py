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
    """Every kind of signal, in the order of the catalogue."""

    STAGE_OVERSTAY = "stage_overstay"
    CYCLE_EXCEEDED = "cycle_exceeded"
    STAGE_REGRESSED = "stage_regressed"
    STAGE_SKIPPED = "stage_skipped"
    STAGE_BOUNCED = "stage_bounced"
    STAGE_PARKED = "stage_parked"
    CONTACT_GAP = "contact_gap"
    BUYER_SILENT = "buyer_silent"
    NO_NEXT_MEETING = "no_next_meeting"
    SINGLE_THREADED = "single_threaded"
    HANDOFF_STALLED = "handoff_stalled"
    SQL_UNQUALIFIED = "sql_unqualified"
    POST_SQL_INCONSISTENT = "post_sql_inconsistent"
    GATE_VIOLATED = "gate_violated"
    ICP_MISMATCH = "icp_mismatch"
    JUNK_FIELD = "junk_field"
    HANDOFF_INCOMPLETE = "handoff_incomplete"
    VALUE_UNMAPPED = "value_unmapped"
    CLOSE_DATE_PUSHED = "close_date_pushed"
    CLOSE_DATE_PASSED = "close_date_passed"
    CLOSE_DATE_PARKED = "close_date_parked"
    CLOSE_DATE_WISHFUL = "close_date_wishful"
    CATEGORY_MISMATCH = "category_mismatch"
    AMOUNT_SHRUNK = "amount_shrunk"
    NEXT_STEP_STALE = "next_step_stale"
    HIGH_INTENT = "high_intent"
    INTENT_UNANSWERED = "intent_unanswered"
    STALE_DEAL = "stale_deal"
    REOPENED = "reopened"
    UNOWNED = "unowned"


_KINDS: dict[Family, tuple[Kind, ...]] = {
    Family.PACE: (
        Kind.STAGE_OVERSTAY,
        Kind.CYCLE_EXCEEDED,
        Kind.STAGE_REGRESSED,
        Kind.STAGE_SKIPPED,
        Kind.STAGE_BOUNCED,
        Kind.STAGE_PARKED,
    ),
    Family.CONTACT: (
        Kind.CONTACT_GAP,
        Kind.BUYER_SILENT,
        Kind.NO_NEXT_MEETING,
        Kind.SINGLE_THREADED,
        Kind.HANDOFF_STALLED,
    ),
    Family.QUALIFICATION: (
        Kind.SQL_UNQUALIFIED,
        Kind.POST_SQL_INCONSISTENT,
        Kind.GATE_VIOLATED,
        Kind.ICP_MISMATCH,
        Kind.JUNK_FIELD,
        Kind.HANDOFF_INCOMPLETE,
        Kind.VALUE_UNMAPPED,
    ),
    Family.FORECAST: (
        Kind.CLOSE_DATE_PUSHED,
        Kind.CLOSE_DATE_PASSED,
        Kind.CLOSE_DATE_PARKED,
        Kind.CLOSE_DATE_WISHFUL,
        Kind.CATEGORY_MISMATCH,
        Kind.AMOUNT_SHRUNK,
        Kind.NEXT_STEP_STALE,
    ),
    Family.INTENT: (
        Kind.HIGH_INTENT,
        Kind.INTENT_UNANSWERED,
    ),
    Family.LIFECYCLE: (
        Kind.STALE_DEAL,
        Kind.REOPENED,
        Kind.UNOWNED,
    ),
}
#: The family of each kind.
FAMILY: dict[Kind, Family] = {kind: family for family, kinds in _KINDS.items() for kind in kinds}


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
