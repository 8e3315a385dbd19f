"""One file per family of signals, and the tuple of them all. A new kind is one function and one line here."""

from __future__ import annotations

from signals.detectors.case import Detector
from signals.detectors.contact import CONTACT_GAP
from signals.detectors.forecast import CLOSE_DATE_PUSHED
from signals.detectors.intent import HIGH_INTENT
from signals.detectors.pace import CYCLE_EXCEEDED, STAGE_OVERSTAY, STAGE_REGRESSED
from signals.detectors.qualification import GATE_VIOLATED, POST_SQL_INCONSISTENT, SQL_UNQUALIFIED

DETECTORS: tuple[Detector, ...] = (
    STAGE_OVERSTAY,
    CYCLE_EXCEEDED,
    STAGE_REGRESSED,
    CONTACT_GAP,
    SQL_UNQUALIFIED,
    POST_SQL_INCONSISTENT,
    GATE_VIOLATED,
    CLOSE_DATE_PUSHED,
    HIGH_INTENT,
)
