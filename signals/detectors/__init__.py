"""One file per family of signals, and the tuple of them all. A new kind is one function and one line here."""

from __future__ import annotations

from signals.detectors.amounts import AMOUNT_SHRUNK
from signals.detectors.case import Detector
from signals.detectors.close_dates import CLOSE_DATE_PARKED, CLOSE_DATE_PASSED, CLOSE_DATE_WISHFUL
from signals.detectors.contact import BUYER_SILENT, CONTACT_GAP
from signals.detectors.forecast import CLOSE_DATE_PUSHED
from signals.detectors.handoff import HANDOFF_STALLED
from signals.detectors.intent import HIGH_INTENT, INTENT_UNANSWERED
from signals.detectors.lifecycle import REOPENED, STALE_DEAL, UNOWNED
from signals.detectors.meetings import NO_NEXT_MEETING
from signals.detectors.next_steps import CATEGORY_MISMATCH, NEXT_STEP_STALE
from signals.detectors.pace import (
    CYCLE_EXCEEDED,
    STAGE_BOUNCED,
    STAGE_OVERSTAY,
    STAGE_PARKED,
    STAGE_REGRESSED,
    STAGE_SKIPPED,
)
from signals.detectors.qualification import (
    GATE_VIOLATED,
    HANDOFF_INCOMPLETE,
    ICP_MISMATCH,
    JUNK_FIELD,
    POST_SQL_INCONSISTENT,
    SQL_UNQUALIFIED,
)
from signals.detectors.threads import SINGLE_THREADED

DETECTORS: tuple[Detector, ...] = (
    STAGE_OVERSTAY,
    CYCLE_EXCEEDED,
    STAGE_REGRESSED,
    STAGE_SKIPPED,
    STAGE_BOUNCED,
    STAGE_PARKED,
    CONTACT_GAP,
    BUYER_SILENT,
    NO_NEXT_MEETING,
    SINGLE_THREADED,
    HANDOFF_STALLED,
    SQL_UNQUALIFIED,
    POST_SQL_INCONSISTENT,
    GATE_VIOLATED,
    ICP_MISMATCH,
    JUNK_FIELD,
    HANDOFF_INCOMPLETE,
    CLOSE_DATE_PUSHED,
    CLOSE_DATE_PASSED,
    CLOSE_DATE_PARKED,
    CLOSE_DATE_WISHFUL,
    CATEGORY_MISMATCH,
    AMOUNT_SHRUNK,
    NEXT_STEP_STALE,
    HIGH_INTENT,
    INTENT_UNANSWERED,
    STALE_DEAL,
    REOPENED,
    UNOWNED,
)
