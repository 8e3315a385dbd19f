"""Next steps and forecast categories: whether what is promised says who does what next."""

from __future__ import annotations

from typing import NamedTuple

from playbook.kinds import NextStep
from signals.detectors.case import NOTHING, Case, Detector, Verdict, said_by
from signals.detectors.close_dates import day_of, zone_of_owner
from signals.episodes import Details, Finding
from signals.rules import Rules
from topics.signals import Kind, Severity

_END_MARKS = ".!?…,;:- "
#: So much of a next step is shown.
_SHOWN = 80


class Flaw(NamedTuple):
    """What is wrong with a next step (empty: nothing is), and until when that does not change by time alone."""

    what: str
    due_us: int | None = None


def flaw_of(case: Case) -> Flaw:
    """What is wrong with the deal's next step. Unknown is not missing (law 13)."""
    fields, numbers = case.deal.fields, case.rules.settings.next_step_stale
    if "next_step" not in fields or not case.rules.tells_next_steps(case.deal.source):
        return Flaw("")
    value = fields["next_step"]
    text = value.strip() if isinstance(value, str) else "" if value is None else str(value)
    said = _said_nothing(text, numbers)
    return Flaw(said) if said else _dated(case, numbers.date_field)


def _said_nothing(text: str, numbers: NextStep) -> str:
    if not text:
        return "missing"
    if text.strip(_END_MARKS).casefold() in {one.strip(_END_MARKS).casefold() for one in numbers.fillers}:
        return "a filler phrase"
    if len(text) < numbers.min_length:
        return f"shorter than {numbers.min_length} characters"
    return ""


def _dated(case: Case, field: str) -> Flaw:
    day = day_of(case.deal.fields.get(field))
    if day is None:
        return Flaw("")
    end_us = zone_of_owner(case).start_us(day + 1)
    return Flaw("dated in the past") if case.at_us > end_us else Flaw("", end_us)


def _next_step_stale(case: Case) -> Verdict:
    """From SQL on, the next step is missing, dated in the past, too short to say anything, or a filler phrase."""
    if not case.stage.is_sql:
        return NOTHING
    flaw = flaw_of(case)
    if not flaw.what:
        return (), flaw.due_us
    finding = Finding(
        f"the next step is {flaw.what}",
        severity=Severity.INFO,
        details=_shown(case),
        causes=said_by(case.deal, "next_step"),
    )
    return (finding,), None


def _category_mismatch(case: Case) -> Verdict:
    """The forecast category is stronger than the stage allows, or a commitment without a valid next step."""
    category = case.deal.fields.get("forecast_category")
    if not isinstance(category, str) or not category:
        return NOTHING
    categories, strongest = case.rules.categories, case.stage.strongest
    rank = categories.rank(category)
    if rank is not None and strongest is not None and rank > strongest:
        reason = f"forecast as {category}, which is stronger than {case.stage.name} allows"
        return (Finding(reason, details=({"forecast_category": category, "stage": case.stage.name},)),), None
    if not categories.commits(category):
        return NOTHING
    flaw = flaw_of(case)
    if not flaw.what:
        return (), flaw.due_us
    details: Details = ({"forecast_category": category}, *_shown(case))
    reason = f"forecast as {category}, and the next step is {flaw.what}"
    return (Finding(reason, details=details, causes=said_by(case.deal, "next_step")),), None


def _shown(case: Case) -> Details:
    fields, name = case.deal.fields, case.rules.settings.next_step_stale.date_field
    text = fields["next_step"]
    shown: Details = ({"field": "next_step", "value": text[:_SHOWN] if isinstance(text, str) else text},)
    return (*shown, {"field": name, "value": fields[name]}) if name in fields else shown


def _reads_next_step(rules: Rules) -> frozenset[str]:
    return frozenset({"next_step", rules.settings.next_step_stale.date_field, "owner_id", "owner_team"})


def _reads_category(rules: Rules) -> frozenset[str]:
    return _reads_next_step(rules) | {"forecast_category"}


CATEGORY_MISMATCH = Detector(Kind.CATEGORY_MISMATCH, _reads_category, _category_mismatch)
NEXT_STEP_STALE = Detector(Kind.NEXT_STEP_STALE, _reads_next_step, _next_step_stale)
