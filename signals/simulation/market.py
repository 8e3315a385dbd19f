"""What is sold and how it goes: segments, stages, and the shape of each in numbers.

The numbers are made up to look like a mid-sized software vendor: a median cycle of two months, every fourth deal won.
"""

from __future__ import annotations

from typing import NamedTuple


class SegmentShape(NamedTuple):
    """Deals of one size. `amount` is the median, `pace` multiplies dwells, `rhythm_days` lie between contacts."""

    name: str
    share: float
    amount: float
    spread: float
    pace: float
    rhythm_days: float


class StageShape(NamedTuple):
    """An open stage: median dwell in days, the log-normal's sigma, the share lost here, and what the CRM derives."""

    name: str
    dwell_days: float
    sigma: float
    lost: float
    probability: int
    category: str


SEGMENTS = (
    SegmentShape("smb", 0.5, 9_000, 0.6, 0.6, 3.0),
    SegmentShape("mid", 0.35, 42_000, 0.5, 1.0, 4.5),
    SegmentShape("enterprise", 0.15, 210_000, 0.7, 1.9, 7.0),
)

STAGES = (
    StageShape("Prospecting", 5, 0.8, 0.12, 10, "Pipeline"),
    StageShape("Qualification", 6, 0.8, 0.16, 10, "Pipeline"),
    StageShape("Needs Analysis", 8, 0.7, 0.14, 20, "Pipeline"),
    StageShape("Value Proposition", 7, 0.7, 0.12, 50, "Best Case"),
    StageShape("Id. Decision Makers", 6, 0.7, 0.10, 60, "Best Case"),
    StageShape("Perception Analysis", 5, 0.7, 0.08, 70, "Best Case"),
    StageShape("Proposal/Price Quote", 9, 0.8, 0.12, 75, "Commit"),
    StageShape("Negotiation/Review", 8, 0.8, 0.12, 90, "Commit"),
)
WON, LOST = len(STAGES), len(STAGES) + 1
STAGE_NAMES = (*(stage.name for stage in STAGES), "Closed Won", "Closed Lost")

#: The stage with which this team calls a deal sales-qualified; only the simulated people know it.
SQL = 2

FLAGS = ("Budget_Confirmed__c", "Authority_Confirmed__c", "Need_Confirmed__c", "Timeline_Confirmed__c")

LEAD_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
TYPES = ("New Customer", "Existing Customer - Upgrade", "Existing Customer - Replacement")
NEXT_STEPS = (
    "Send the proposal to their procurement",
    "Demo for the operations team",
    "Security questionnaire with their IT",
    "Call the CFO about the budget",
    "Agree the mutual action plan",
    "Legal review of the order form",
)


def derived(stage: int) -> dict[str, str | int | bool]:
    """What the CRM fills in by itself when a deal is put into a stage."""
    if stage < WON:
        shape = STAGES[stage]
        return _derived(shape.probability, shape.category)
    won = stage == WON
    return {**_derived(100 if won else 0, "Closed" if won else "Omitted"), "IsClosed": True, "IsWon": won}


def _derived(probability: int, category: str) -> dict[str, str | int | bool]:
    return {
        "Probability": probability,
        "ForecastCategory": category.replace(" ", ""),
        "ForecastCategoryName": category,
        "IsClosed": False,
        "IsWon": False,
    }
