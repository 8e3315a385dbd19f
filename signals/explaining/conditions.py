"""What is missing for each kind to open on a deal as it is: the condition that does not hold, and by how much.

One function per kind; it is asked only where the kind can be judged and nothing of it holds. How soon time alone would
open it is not said here: `signals.explaining.story` lets time pass and sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from playbook.model import Outcome
from signals.baselines import Learned
from signals.detectors import handover
from signals.detectors.case import Case
from signals.detectors.close_dates import day_of, horizon_days, zone_of_owner
from signals.detectors.forecast import pushes_of
from signals.detectors.intent import waiting_of
from signals.detectors.meetings import counted_from
from signals.detectors.next_steps import flaw_of
from signals.detectors.threads import last_by_person
from signals.passages import gate_of
from topics.events import Scalar
from topics.instants import DAY_US, HOUR_US, from_us
from topics.signals import Kind


class Missing(NamedTuple):
    """What is missing. `observed` and `limit` (in `unit`) where it can be measured, `baseline` of a learned limit."""

    what: str
    observed: float | None = None
    limit: float | None = None
    unit: str = ""
    baseline: dict[str, Scalar] | None = None

    @property
    def short_by(self) -> float | None:
        """How far the observed value is from the limit; negative where it is on the other side."""
        return None if self.observed is None or self.limit is None else self.limit - self.observed


def _days(case: Case, since_us: int, limit_us: int, what: str, learned: Learned | None = None) -> Missing:
    """Time that runs towards a limit."""
    baseline = None if learned is None else learned.evidence()
    return Missing(what, (case.at_us - since_us) / DAY_US, limit_us / DAY_US, "d", baseline)


def _date(at_us: int) -> str:
    return f"{from_us(at_us):%Y-%m-%d}"


def _stage_overstay(case: Case) -> Missing:
    entry = case.deal.entries[-1]
    if entry.at_us is None:
        return Missing("nobody knows when the stage was entered")
    limits = case.rules.overstay(case.stage, case.rules.segment(case.deal.fields))
    if limits.warning_us is None:
        return Missing(f"{case.stage.name} has no limit: the learned quantile is not reached")
    return _days(case, entry.at_us, limits.warning_us, f"time in {case.stage.name}", limits.learned)


def _cycle_exceeded(case: Case) -> Missing:
    corridor = case.rules.corridor(case.stage, case.rules.segment(case.deal.fields))
    if case.deal.created_us is None:
        return Missing("nobody knows when the deal was created")
    if corridor.limit_us is None:
        return Missing("its segment has no corridor")
    return _days(case, case.deal.created_us, corridor.limit_us, "time since creation", corridor.learned)


def _stage_regressed(case: Case) -> Missing:
    return Missing(f"{case.stage.name} is the furthest stage that it reached")


def _stage_skipped(case: Case) -> Missing:
    days = case.rules.settings.stage_skipped.expires_days
    return Missing(f"no required stage was left out within {days:g} days")


def _stage_bounced(case: Case) -> Missing:
    names = [stage.name for entry in case.deal.entries if (stage := case.stages.get(entry.stage)) is not None]
    runs = [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]
    most = max((runs.count(name) for name in runs), default=0)
    limit = case.rules.settings.stage_bounced.warning_entries
    what = "entries into one stage" if most < limit else "entered again, but as an edit, or long ago"
    return Missing(what, float(most), float(limit), "entries")


def _stage_parked(case: Case) -> Missing:
    numbers, order = case.rules.settings.stage_parked, case.stage.order + 1
    if order < numbers.from_stage:
        return Missing(
            f"judged from the stage number {numbers.from_stage} on", float(order), numbers.from_stage, "stages"
        )
    inbound = case.deal.last_inbound(case.at_us)
    if inbound is not None:
        return Missing(f"the buyer took part on {_date(inbound.at_us)}, and no advance came later without them")
    return Missing("it has not advanced twice without the buyer")


def _planned(case: Case, plan_us: int) -> str:
    """The first contact that is planned near enough to count."""
    plans = [
        one.at_us for one in case.deal.activities.values() if one.at_us is not None and not (one.done or one.removed)
    ]
    near = [at_us for at_us in plans if case.at_us < at_us <= case.at_us + plan_us]
    return f"a contact is planned for {_date(min(near))}" if near else ""


def _contact_gap(case: Case) -> Missing:
    last = case.deal.last_contact(case.at_us)
    since_us = case.deal.created_us if last is None else last.at_us
    if since_us is None:
        return Missing("nobody knows of a contact, or when the deal was created")
    plan = _planned(case, case.rules.limits.plan_us)
    what = "time since the last contact" if last is not None else "time since creation, without any contact"
    return _days(case, since_us, case.stage.contact_us, "; ".join(filter(None, (what, plan))))


def _buyer_silent(case: Case) -> Missing:
    deal, limit = case.deal, case.rules.settings.buyer_silent.min_outbound
    last = deal.last_inbound(case.at_us)
    since_us = deal.created_us if last is None else last.at_us
    if since_us is None:
        return Missing("nobody knows when the buyer took part, or when the deal was created")
    outs = [out_us for one in deal.activities.values() if (out_us := one.outbound_us()) is not None]
    tries = sum(since_us < out_us <= case.at_us for out_us in (*outs, *deal.older_outbound))
    if tries < limit:
        return Missing("attempts to reach the buyer since they took part", float(tries), float(limit), "attempts")
    plan = _planned(case, case.rules.limits.silent_plan_us)
    return _days(
        case, since_us, case.stage.silent_us, "; ".join(filter(None, ("time since the buyer took part", plan)))
    )


def _no_next_meeting(case: Case) -> Missing:
    numbers, order = case.rules.settings.no_next_meeting, case.stage.order + 1
    if order < numbers.from_stage:
        return Missing(
            f"judged from the stage number {numbers.from_stage} on", float(order), numbers.from_stage, "stages"
        )
    start = counted_from(case)
    if start is None:
        return Missing("nobody knows of a meeting, or when the stage was entered")
    plan = _planned(case, case.rules.limits.plan_us)
    business = case.rules.business_time(case.deal.fields, case.stage.pipeline)
    observed = business.days_between(start.at_us, max(start.at_us, case.at_us)) / DAY_US
    what = "time since the last meeting, or the stage's entry"
    limit = case.rules.limits.meeting_us / DAY_US
    return Missing("; ".join(filter(None, (what, plan))), observed, limit, "business days")


def _single_threaded(case: Case) -> Missing:
    deal, rules = case.deal, case.rules
    numbers, amount, currency = rules.settings.single_threaded, deal.fields.get("amount"), deal.fields.get("currency")
    if not isinstance(amount, int | float) or isinstance(amount, bool):
        return Missing("nobody knows what the deal is worth")
    worth = rules.exchange.in_base(float(amount), currency if isinstance(currency, str) else "")
    if worth is None:
        return Missing(f"no rate for {currency} is set")
    if worth < numbers.min_amount:
        return Missing("amount", worth, numbers.min_amount, rules.exchange.base)
    if (
        not case.stage.is_sql
        and deal.created_us is not None
        and case.at_us <= deal.created_us + rules.limits.threads_age_us
    ):
        return _days(case, deal.created_us, rules.limits.threads_age_us, "not sales-qualified, and young")
    people = len(last_by_person(case)[0])
    days = rules.limits.threads_us / DAY_US
    return Missing(
        f"people spoken to in {days:g} days are enough", float(people), float(numbers.min_contacts), "people"
    )


def _handoff_stalled(case: Case) -> Missing:
    turn = handover.last_handover(case)
    if turn is None:
        return Missing("it was not handed to another team, role or lifecycle")
    business = case.rules.business_time(case.deal.fields, case.stage.pipeline)
    observed = business.days_between(turn.at_us, max(turn.at_us, case.at_us)) / DAY_US
    limit = case.rules.limits.handoff_us / DAY_US
    if observed > limit:
        return Missing(f"handed over on {_date(turn.at_us)}, and the new owner has spoken to the buyer")
    return Missing("time since it was handed over", observed, limit, "business days")


def _sql_unqualified(case: Case) -> Missing:
    if not case.rules.sql_fields:
        return Missing("the playbook names no SQL fields")
    if not case.stage.is_sql:
        return Missing(f"{case.stage.name} is before SQL")
    unknown = [name for name in case.rules.sql_fields if name not in case.deal.fields]
    if unknown:
        return Missing(f"nothing is false; unknown: {', '.join(unknown)}")
    return Missing("every qualification field is true")


def _post_sql_inconsistent(case: Case) -> Missing:
    stages = (case.stages.get(entry.stage) for entry in case.deal.entries)
    if not any(stage is not None and stage.is_sql for stage in stages):
        return Missing("it never was sales-qualified")
    return Missing("no qualification field that was true since SQL has been lost")


def _gate_violated(case: Case) -> Missing:
    gate = gate_of(case.stages, case.deal.entries)
    if not gate:
        return Missing(f"the way into {case.stage.name} has no criteria")
    entered_us = case.deal.entries[-1].at_us
    if entered_us is None:
        return Missing("nobody knows when the stage was entered")
    if case.at_us <= entered_us + case.rules.settle_us:
        return Missing("judged a moment after the entry, since fields come one at a time")
    answers = [(name, one.judge(case.deal.fields)) for name, one in gate]
    unknown = [name for name, answer in answers if answer is None]
    failing = [name for name, answer in answers if answer is False]
    held = "nothing was false when the stage was entered"
    now = f"; false only since then: {'; '.join(failing)}" if failing else ""
    return Missing(held + (f"; unknown: {'; '.join(unknown)}" if unknown else "") + now)


def _icp_mismatch(case: Case) -> Missing:
    if not case.rules.icp:
        return Missing("the playbook names no ICP criteria")
    unknown = [one.name for one in case.rules.icp if one.judge(case.deal.fields) is None]
    return Missing(f"nothing is false; unknown: {'; '.join(unknown)}" if unknown else "every ICP criterion holds")


def _junk_field(case: Case) -> Missing:
    asked = [name for name in case.stage.asked if name in case.deal.fields]
    if not asked:
        return Missing(f"no field that {case.stage.name} requires is known")
    return Missing(f"no placeholder in {', '.join(asked)}, and no text that stands on several deals")


def _handoff_incomplete(case: Case) -> Missing:
    wanted = case.rules.settings.handoff_incomplete
    names = wanted.won_fields if case.stage.outcome is Outcome.WON else wanted.handover_fields
    if not names:
        return Missing("the playbook names no fields that the next team needs")
    if case.stage.outcome is not Outcome.WON and handover.last_handover(case) is None:
        return Missing("it was not handed over")
    return Missing(f"nothing that the next team needs is empty: {', '.join(names)}")


def _value_unmapped(_case: Case) -> Missing:
    return Missing("told once per source, field and value, and not per deal")


def _close_date_pushed(case: Case) -> Missing:
    numbers = case.rules.settings.close_date_pushed
    since_us = case.at_us - case.rules.push_window_us
    pushes = [one for one in pushes_of(case.deal, numbers.min_days) if one.at_us >= since_us]
    days, longest = sum(one.days for one in pushes), max((one.days for one in pushes), default=0)
    what = (
        f"pushes in {numbers.window_days:g} days; {days} of {numbers.sum_days} days in all, "
        f"the longest {longest} of {numbers.single_days}"
    )
    return Missing(what, float(len(pushes)), float(numbers.warning_count), "pushes")


def _close_date(case: Case) -> int | None:
    return day_of(case.deal.fields.get("close_date"))


def _ahead(case: Case, day: int) -> float:
    return float(day - zone_of_owner(case).day_of(case.at_us))


_NO_CLOSE_DATE = Missing("it has no close date")


def _close_date_passed(case: Case) -> Missing:
    day = _close_date(case)
    if day is None:
        return _NO_CLOSE_DATE
    return Missing(f"the close date {case.deal.fields['close_date']} is ahead", -_ahead(case, day), 0.0, "d")


def _close_date_parked(case: Case) -> Missing:
    day = _close_date(case)
    return _NO_CLOSE_DATE if day is None else Missing("days ahead", _ahead(case, day), horizon_days(case), "d")


def _close_date_wishful(case: Case) -> Missing:
    day, entered_us = _close_date(case), case.deal.entries[-1].at_us
    if day is None or entered_us is None:
        return _NO_CLOSE_DATE if day is None else Missing("nobody knows when the stage was entered")
    segment, numbers = case.rules.segment(case.deal.fields), case.rules.settings.close_date_wishful
    name = None if segment is None else segment.name
    learned = case.rules.baselines.to_win(case.stage.pipeline, case.stage.name, name, numbers.quantile, numbers.min_n)
    if learned is None or learned.limit_us is None:
        return Missing(f"how long won deals take from {case.stage.name} is not learned yet")
    left = (zone_of_owner(case).start_us(day + 1) - entered_us) / DAY_US
    return Missing("time from entry to close date is enough", left, learned.limit_us / DAY_US, "d", learned.evidence())


def _category_mismatch(case: Case) -> Missing:
    category = case.deal.fields.get("forecast_category")
    if not isinstance(category, str) or not category:
        return Missing("it has no forecast category")
    if case.rules.categories.commits(category):
        return Missing(f"{case.stage.name} allows {category}, and its next step is valid")
    return Missing(f"{case.stage.name} allows {category}")


def _amount_shrunk(case: Case) -> Missing:
    deal, amount = case.deal, case.deal.fields.get("amount")
    first = next((one for one in deal.entries if (stage := case.stages.get(one.stage)) and stage.is_sql), None)
    if first is None:
        return Missing("it never was sales-qualified")
    peak = deal.peak_since(first.mark.n)
    if peak is None or not isinstance(amount, int | float) or isinstance(amount, bool):
        return Missing("the amount was not higher since SQL")
    percent = case.rules.settings.amount_shrunk.percent
    fallen = (peak.amount - amount) * 100 / peak.amount if peak.amount > 0 else 0.0
    what = f"below {peak.amount:,.2f}" + (", but so for long" if fallen > percent else "")
    return Missing(what, fallen, percent, "%")


def _next_step_stale(case: Case) -> Missing:
    if not case.stage.is_sql:
        return Missing(f"{case.stage.name} is before SQL")
    if "next_step" not in case.deal.fields:
        return Missing("the next step is unknown")
    flaw, text = flaw_of(case), str(case.deal.fields["next_step"] or "")
    if flaw.due_us is not None:
        return Missing(f"the next step says enough, and is due until {_date(flaw.due_us)}")
    return Missing("characters of the next step", float(len(text.strip())), _least(case), "characters")


def _least(case: Case) -> float:
    return float(case.rules.settings.next_step_stale.min_length)


def _high_intent(case: Case) -> Missing:
    return Missing("a contact followed every intent" if case.deal.intents else "no intent was seen")


def _intent_unanswered(case: Case) -> Missing:
    waiting = waiting_of(case)
    if not waiting:
        return _high_intent(case)
    business = case.rules.business_time(case.deal.fields, case.stage.pipeline)
    hours = business.hours_between(waiting[0].at_us, max(waiting[0].at_us, case.at_us)) / HOUR_US
    return Missing("an intent waits for an answer", hours, case.rules.limits.unanswered_us / HOUR_US, "business hours")


def _stale_deal(case: Case) -> Missing:
    deal, spoken = case.deal, case.deal.last_contact(case.at_us)
    worked = [one.at_us for one in (deal.worked or deal.heard, spoken) if one is not None]
    if not worked:
        return Missing("nobody knows when people last worked on it")
    return _days(case, max(worked), case.rules.stale_us, "time since people last worked on it")


def _reopened(_case: Case) -> Missing:
    return Missing("it did not come back from a closed stage of late")


def _unowned(case: Case) -> Missing:
    fields = case.deal.fields
    if "owner_id" not in fields:
        return Missing("its owner is unknown")
    return Missing("it has an owner" if fields["owner_id"] else "it has no owner, but not for long enough")


#: What is missing, by kind. Every kind has its row.
CONDITIONS: dict[Kind, Callable[[Case], Missing]] = {
    Kind.STAGE_OVERSTAY: _stage_overstay,
    Kind.CYCLE_EXCEEDED: _cycle_exceeded,
    Kind.STAGE_REGRESSED: _stage_regressed,
    Kind.STAGE_SKIPPED: _stage_skipped,
    Kind.STAGE_BOUNCED: _stage_bounced,
    Kind.STAGE_PARKED: _stage_parked,
    Kind.CONTACT_GAP: _contact_gap,
    Kind.BUYER_SILENT: _buyer_silent,
    Kind.NO_NEXT_MEETING: _no_next_meeting,
    Kind.SINGLE_THREADED: _single_threaded,
    Kind.HANDOFF_STALLED: _handoff_stalled,
    Kind.SQL_UNQUALIFIED: _sql_unqualified,
    Kind.POST_SQL_INCONSISTENT: _post_sql_inconsistent,
    Kind.GATE_VIOLATED: _gate_violated,
    Kind.ICP_MISMATCH: _icp_mismatch,
    Kind.JUNK_FIELD: _junk_field,
    Kind.HANDOFF_INCOMPLETE: _handoff_incomplete,
    Kind.VALUE_UNMAPPED: _value_unmapped,
    Kind.CLOSE_DATE_PUSHED: _close_date_pushed,
    Kind.CLOSE_DATE_PASSED: _close_date_passed,
    Kind.CLOSE_DATE_PARKED: _close_date_parked,
    Kind.CLOSE_DATE_WISHFUL: _close_date_wishful,
    Kind.CATEGORY_MISMATCH: _category_mismatch,
    Kind.AMOUNT_SHRUNK: _amount_shrunk,
    Kind.NEXT_STEP_STALE: _next_step_stale,
    Kind.HIGH_INTENT: _high_intent,
    Kind.INTENT_UNANSWERED: _intent_unanswered,
    Kind.STALE_DEAL: _stale_deal,
    Kind.REOPENED: _reopened,
    Kind.UNOWNED: _unowned,
}
