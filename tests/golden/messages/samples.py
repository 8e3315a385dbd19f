"""One signal of each kind, as the detectors write them, and the playbook under which they are told."""

from __future__ import annotations

from msgspec.structs import replace

from playbook.model import Audience, Intent, Owner, Pipeline, Playbook, Response, Stage
from topics.signals import FAMILY, Cause, Evidence, Kind, Resolution, Severity, Signal, Step, signal_id

PLAYBOOK_HASH = "sha256:3f2a91c04be7d1a2f6c0b1e4d5a69788990011223344556677889900aabbccdd"

ANN = Owner(name="Ann Example", ids=("0055g00000AnnAAA",), slack="U0ANN0001", team="North", lead="Lee Lead")
BEN = Owner(name="Ben Sample", ids=("0055g00000BenAAA",), email="ben@example.com", team="North", lead="Lee Lead")
LEE = Owner(name="Lee Lead", slack="U0LEE0001", email="lee@example.com", team="North")
GUS = Owner(name="Gus Ghost", ids=("0055g00000GusAAA",))

RESPONSES = {
    Kind.STAGE_OVERSTAY: Response(
        action="Agree the next step with the buyer and put a date on it, or move the deal to where it really is.",
        within_hours=48,
    ),
    Kind.CYCLE_EXCEEDED: Response(action="Ask the buyer what would have to happen to decide this month."),
    Kind.STAGE_REGRESSED: Response(
        action="Note what changed on the buyer's side, and check that amount and close date still hold.",
        within_hours=72,
    ),
    Kind.CONTACT_GAP: Response(action="Call your champion today, or book the next meeting.", within_hours=24),
    Kind.SQL_UNQUALIFIED: Response(
        tell=(Audience.OWNER, Audience.LEAD), action="Fill in the fields, or move the deal back.", within_hours=48
    ),
    Kind.POST_SQL_INCONSISTENT: Response(action="Find out what changed since the deal qualified.", within_hours=48),
    Kind.GATE_VIOLATED: Response(action="Complete what this stage asks for, or move the deal back until it is true."),
    Kind.ICP_MISMATCH: Response(
        tell=(Audience.REVOPS,), action="Check in the next review whether deals like this one are worth the time."
    ),
    Kind.JUNK_FIELD: Response(action="Replace the placeholder by what you know, or leave the field empty."),
    Kind.HANDOFF_INCOMPLETE: Response(action="Fill in what the next team needs.", within_hours=24),
    Kind.VALUE_UNMAPPED: Response(
        tell=(Audience.REVOPS,), action="Define this value in the playbook, or correct it in the CRM."
    ),
    Kind.CLOSE_DATE_PUSHED: Response(action="Agree a dated plan to signature with the buyer.", within_hours=72),
    Kind.HIGH_INTENT: Response(action="Reach out now, while they are looking.", within_hours=4),
}

PLAYBOOK = Playbook(
    name="Sample",
    crm_url="https://acme.lightning.force.com/lightning/r/Opportunity/{id}/view",
    pipelines=(
        Pipeline(
            name="Sales",
            stages=(Stage(name="Discovery"), Stage(name="Negotiation")),
            sql_stage="Negotiation",
        ),
    ),
    intents=(
        Intent(name="demo_request", when="kind == 'demo'", route="sales-now"),
        Intent(name="pricing_page", when="kind == 'pricing'"),
    ),
    owners=(ANN, BEN, LEE, GUS),
    fallback_channel="C0FALLBACK",
    revops_channel="C0REVOPS1",
    responses=RESPONSES,
)

_BASE = Signal(
    id="",
    kind=Kind.STAGE_OVERSTAY,
    family=FAMILY[Kind.STAGE_OVERSTAY],
    severity=Severity.WARNING,
    transition=Step.OPENED,
    subject_key="salesforce/default:0065g00000XyZAAA",
    deal_id="0065g00000XyZAAA",
    deal_name="Acme renewal 2027",
    owner_id="0055g00000AnnAAA",
    owner="Ann Example",
    team="North",
    pipeline="Sales",
    stage="Negotiation",
    segment="Enterprise",
    amount=120_000.0,
    currency="USD",
    anchor="2026-10-05T09:30:00Z",
    occurred_at="2026-11-04T09:30:00Z",
    opened_at="2026-11-04T09:30:00Z",
    detected_at="2026-11-04T09:30:02Z",
    reason="more than 30 days in Negotiation",
    evidence=Evidence(observed=30.0, limit=30.0, unit="d", events=(Cause("e1", "deal.events", 1, 12),)),
    playbook=PLAYBOOK_HASH,
)

#: The kinds with the words of one signal each.
SHOWN: dict[Kind, dict[str, object]] = {
    Kind.STAGE_OVERSTAY: {},
    Kind.CYCLE_EXCEEDED: {
        "reason": "open for more than 90 days, the corridor for Enterprise",
        "anchor": "2026-08-06T09:30:00Z",
        "evidence": Evidence(observed=90.0, limit=90.0, unit="d"),
    },
    Kind.STAGE_REGRESSED: {
        "severity": Severity.INFO,
        "stage": "Discovery",
        "anchor": "a1b2c3",
        "reason": "back from Negotiation to Discovery",
        "evidence": Evidence(details=({"furthest": "Negotiation"},)),
    },
    Kind.STAGE_SKIPPED: {
        "severity": Severity.INFO,
        "anchor": "a1b2c3",
        "reason": "Proposal left out on the way to Negotiation",
        "evidence": Evidence(details=({"left_out": "Proposal"},)),
    },
    Kind.STAGE_BOUNCED: {
        "severity": Severity.CRITICAL,
        "anchor": "a1b2c3",
        "reason": "entered Negotiation 3 times",
        "evidence": Evidence(
            observed=3.0,
            limit=2.0,
            unit="entries",
            details=(
                {"stage": "Negotiation", "entries": 2, "at": "2026-10-28T09:30:00Z"},
                {"stage": "Negotiation", "entries": 3, "at": "2026-11-04T09:30:00Z"},
            ),
        ),
    },
    Kind.STAGE_PARKED: {
        "anchor": "a1b2c3",
        "reason": "moved on to Negotiation, though nothing came from the buyer since 2026-10-12",
        "evidence": Evidence(
            details=(
                {
                    "stage": "Negotiation",
                    "advanced_at": "2026-11-03T09:30:00Z",
                    "nothing_since": "2026-10-12T08:00:00Z",
                },
            )
        ),
    },
    Kind.CONTACT_GAP: {
        "reason": "no contact for more than 14 days, and none is planned",
        "anchor": "2026-10-21T09:30:00Z",
        "evidence": Evidence(observed=14.0, limit=14.0, unit="d"),
    },
    Kind.SQL_UNQUALIFIED: {
        "severity": Severity.CRITICAL,
        "reason": "sales-qualified in Negotiation without budget_confirmed, timeline_confirmed",
        "evidence": Evidence(
            details=({"field": "budget_confirmed", "value": False}, {"field": "timeline_confirmed", "value": None})
        ),
    },
    Kind.POST_SQL_INCONSISTENT: {
        "severity": Severity.CRITICAL,
        "stage": "Discovery",
        "reason": "after SQL: need_confirmed no longer true and back before SQL in Discovery",
        "evidence": Evidence(
            details=(
                {"field": "need_confirmed", "value": False, "lost_at": "2026-11-04T09:30:00Z"},
                {"stage": "Discovery"},
            )
        ),
    },
    Kind.GATE_VIOLATED: {
        "anchor": "a1b2c3",
        "reason": "entered Negotiation although it does not hold: exit of Discovery: pain is known",
        "evidence": Evidence(
            details=(
                {"criterion": "exit of Discovery: pain is known", "value.pain": False},
                {"criterion": "entry of Negotiation: a decision maker is named", "value.decision_maker": None},
            )
        ),
    },
    Kind.ICP_MISMATCH: {
        "severity": Severity.INFO,
        "anchor": "a1b2c3",
        "reason": "not the ideal customer: worth a seller's time",
        "evidence": Evidence(
            details=(
                {"criterion": "worth a seller's time", "value.amount": 1200.0},
                {"criterion": "in an industry that we know", "unknown": "industry is none of bank, farm: 'Bakery'"},
            )
        ),
    },
    Kind.JUNK_FIELD: {
        "severity": Severity.INFO,
        "anchor": "a1b2c3",
        "reason": "amount holds a placeholder and the same next_step on 3 deals",
        "evidence": Evidence(
            details=(
                {"field": "amount", "value": "tbd"},
                {"field": "next_step", "value": "Follow up", "deals": 3, "limit": 3},
            )
        ),
    },
    Kind.HANDOFF_INCOMPLETE: {
        "anchor": "a1b2c3",
        "reason": "handed over without success_plan, go_live_date",
        "evidence": Evidence(
            details=({"field": "success_plan", "value": None}, {"field": "go_live_date", "value": None})
        ),
    },
    Kind.VALUE_UNMAPPED: {
        "subject_key": "salesforce/default:stage/Verbal Yes",
        "deal_id": "",
        "deal_name": "",
        "owner_id": "",
        "owner": "",
        "team": "",
        "pipeline": "Sales",
        "stage": "",
        "segment": "",
        "amount": None,
        "currency": "",
        "anchor": "a1b2c3",
        "reason": "nobody defined the stage 'Verbal Yes' in Sales",
        "evidence": Evidence(
            details=(
                {
                    "field": "stage",
                    "value": "Verbal Yes",
                    "pipeline": "Sales",
                    "deal": "salesforce/default:0065g00000XyZAAA",
                },
            )
        ),
    },
    Kind.CLOSE_DATE_PUSHED: {
        "severity": Severity.CRITICAL,
        "anchor": "a1b2c3",
        "reason": "close date pushed 3 times, 61 days in all",
        "evidence": Evidence(
            observed=3.0,
            limit=2.0,
            unit="pushes",
            details=(
                {"from": "2026-10-31", "to": "2026-11-14", "days": 14, "crossed_quarter": False},
                {"from": "2026-11-14", "to": "2026-11-30", "days": 16, "crossed_quarter": False},
                {"from": "2026-11-30", "to": "2026-12-31", "days": 31, "crossed_quarter": True},
            ),
        ),
    },
    Kind.BUYER_SILENT: {
        "reason": "the buyer has not answered for more than 14 days, though contacted at least twice",
        "anchor": "2026-10-21T09:30:00Z",
        "evidence": Evidence(observed=14.0, limit=14.0, unit="d"),
    },
    Kind.NO_NEXT_MEETING: {
        "reason": "no meeting is planned, more than 2 business days after the last one",
        "anchor": "2026-11-02T09:30:00Z",
        "evidence": Evidence(observed=2.0, limit=2.0, unit="business days"),
    },
    Kind.SINGLE_THREADED: {
        "anchor": "a1b2c3",
        "reason": "contact with one person alone in 60 days, on a deal of 100,000 USD or more",
        "evidence": Evidence(observed=1.0, limit=2.0, unit="people"),
    },
    Kind.HANDOFF_STALLED: {
        "reason": "handed over, and the new owner has not spoken to the buyer for more than 2 business days",
        "anchor": "2026-11-02T09:30:00Z",
        "evidence": Evidence(
            observed=2.0,
            limit=2.0,
            unit="business days",
            details=({"owner before": "0055g00000BenAAA", "owner after": "0055g00000AnnAAA"},),
        ),
    },
    Kind.CLOSE_DATE_PASSED: {
        "reason": "the close date 2026-11-03 has passed",
        "anchor": "2026-11-04T00:00:00Z",
        "evidence": Evidence(observed=0.0, limit=0.0, unit="d", details=({"close_date": "2026-11-03"},)),
    },
    Kind.CLOSE_DATE_PARKED: {
        "severity": Severity.INFO,
        "anchor": "a1b2c3",
        "reason": "the close date 2027-12-31 is more than 270 days ahead",
        "evidence": Evidence(observed=422.0, limit=270.0, unit="d", details=({"close_date": "2027-12-31"},)),
    },
    Kind.CLOSE_DATE_WISHFUL: {
        "anchor": "a1b2c3",
        "reason": "75% of won deals took more than 24.5 days from Negotiation, this one is to take 9.6",
        "evidence": Evidence(
            observed=9.6,
            limit=24.5,
            unit="d",
            baseline={"version": "sha256:5c01", "quantile": 0.25, "n": 212, "events": 212},
            details=({"close_date": "2026-11-13", "entered": "2026-11-04T09:30:00Z"},),
        ),
    },
    Kind.CATEGORY_MISMATCH: {
        "anchor": "a1b2c3",
        "reason": "forecast as Commit, and the next step is a filler phrase",
        "evidence": Evidence(details=({"forecast_category": "Commit"}, {"field": "next_step", "value": "touch base"})),
    },
    Kind.AMOUNT_SHRUNK: {
        "anchor": "a1b2c3",
        "reason": "more than 20 % below 180,000.00, the highest amount since it was sales-qualified",
        "evidence": Evidence(
            observed=33.3,
            limit=20.0,
            unit="%",
            details=({"highest": 180000.0, "amount": 120000.0, "fell_at": "2026-11-04T09:30:00Z"},),
        ),
    },
    Kind.NEXT_STEP_STALE: {
        "severity": Severity.INFO,
        "anchor": "a1b2c3",
        "reason": "the next step is shorter than 15 characters",
        "evidence": Evidence(details=({"field": "next_step", "value": "call CFO"},)),
    },
    Kind.INTENT_UNANSWERED: {
        "severity": Severity.CRITICAL,
        "anchor": "a1b2c3",
        "reason": "demo request without an answer for more than 4 business hours",
        "evidence": Evidence(
            observed=4.0,
            limit=4.0,
            unit="business hours",
            details=({"intent": "demo_request", "at": "2026-11-03T14:30:00Z"},),
        ),
    },
    Kind.HIGH_INTENT: {
        "severity": Severity.INFO,
        "anchor": "a1b2c3",
        "reason": "high intent: demo request",
        "evidence": Evidence(details=({"intent": "demo_request", "at": "2026-11-04T09:30:00Z"},)),
    },
    Kind.STALE_DEAL: {
        "anchor": "2026-08-06T09:30:00Z",
        "reason": "nobody has worked on it for more than 90 days: it may be over",
        "evidence": Evidence(observed=90.0, limit=90.0, unit="d"),
    },
    Kind.REOPENED: {
        "severity": Severity.INFO,
        "anchor": "a1b2c3",
        "reason": "came back from Closed Lost to Negotiation",
        "evidence": Evidence(details=({"from": "Closed Lost", "to": "Negotiation"},)),
    },
    Kind.UNOWNED: {
        "anchor": "2026-11-03T09:30:00Z",
        "reason": "its owner is active no longer, for more than 1 day",
        "evidence": Evidence(observed=1.0, limit=1.0, unit="d"),
    },
}


def opened(kind: Kind, **changes: object) -> Signal:
    """The signal of a kind as it opens."""
    signal = replace(_BASE, kind=kind, family=FAMILY[kind], **{**SHOWN[kind], **changes})
    return replace(signal, id=signal_id(signal.subject_key, kind, signal.anchor))


def updated(signal: Signal, at: str = "2026-11-05T09:30:00Z", **changes: object) -> Signal:
    """A later transition of the same episode."""
    return replace(signal, transition=Step.UPDATED, occurred_at=at, **changes)


def resolved(
    signal: Signal, at: str = "2026-11-07T12:00:00Z", why: Resolution = Resolution.FIXED, **changes: object
) -> Signal:
    """The end of the episode."""
    return replace(signal, transition=Step.RESOLVED, occurred_at=at, resolution=why, **changes)
