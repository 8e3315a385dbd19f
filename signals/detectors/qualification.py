"""Qualification: whether a deal meets the definitions that it claims to meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playbook.model import Outcome
from signals.deal import REPEATED, Mark, is_true
from signals.detectors import handover
from signals.detectors.case import NOTHING, Case, Detector, Verdict
from signals.episodes import Details, Episode, Finding
from signals.passages import gate_of
from signals.rules import Condition, Filled, Rules
from signals.texts import is_placeholder, repeat_key, text_key
from topics.events import Scalar
from topics.instants import rfc3339
from topics.signals import Kind, Severity


def _sql_unqualified(case: Case) -> Verdict:
    """The deal is at or past SQL, and a qualification field is false or empty. Unknown is not false (law 13)."""
    if not case.stage.is_sql:
        return NOTHING
    fields = case.deal.fields
    failing = [
        name
        for name in case.rules.sql_fields
        if (value := fields.get(name, True)) is not True and not is_true(value)  # most are true: no call
    ]
    if not failing:
        return NOTHING
    details: Details = tuple({"field": name, "value": fields[name]} for name in failing)
    reason = f"sales-qualified in {case.stage.name} without {_listed(failing)}"
    return (Finding(reason, severity=Severity.CRITICAL, details=details),), None


def _post_sql_inconsistent(case: Case) -> Verdict:
    """After SQL, a qualification field that was true is true no longer, or the deal fell back before SQL."""
    deal = case.deal
    if case.stage.is_sql and not deal.losses:
        return NOTHING
    first = next((one for one in deal.entries if _is_sql(case, one.stage)), None)
    if first is None:
        return NOTHING
    lost = [name for name in case.rules.sql_fields if name in deal.losses and deal.losses[name].mark.n > first.mark.n]
    details: Details = tuple(
        {"field": name, "value": deal.fields[name], "lost_at": rfc3339(deal.losses[name].at_us)} for name in lost
    )
    if not case.stage.is_sql:
        details = (*details, {"stage": case.stage.name})
    if not details:
        return NOTHING
    said = ([f"{_listed(lost)} no longer true"] if lost else []) + (
        [] if case.stage.is_sql else [f"back before SQL in {case.stage.name}"]
    )
    return (Finding("after SQL: " + " and ".join(said), severity=Severity.CRITICAL, details=details),), None


def _is_sql(case: Case, value: str) -> bool:
    stage = case.stages.get(value)
    return stage is not None and stage.is_sql


def _gate_violated(case: Case) -> Verdict:
    """At entry + settle time, exit criteria of the stage left or entry criteria of the stage entered did not hold.

    The gate is judged once, by time, on the values of that instant (sources send one field at a time). What failed
    there, on which values, is kept in the episode, which ends when all of that holds or the stage is left.
    """
    entry = case.deal.entries[-1]
    if entry.at_us is None:
        return NOTHING
    gate_us = entry.at_us + case.rules.settle_us
    if case.at_us <= gate_us:
        return ((), gate_us) if gate_of(case.stages, case.deal.entries) else NOTHING
    fields, anchor = case.deal.fields, entry.mark.event
    details = _kept(case.episodes, anchor) if case.episodes else ()
    passing = case.at_us == gate_us + 1 and case.on.cause is None and case.on.dated_us == gate_us
    if not passing and not details:
        return NOTHING
    gate = gate_of(case.stages, case.deal.entries)
    if passing:
        judged = [(name, one, one.judge(fields)) for name, one in gate]
        failed = [name for name, _, answer in judged if answer is False]
        details = _judged_on(judged, fields) if failed else ()
    else:
        named = {str(detail["criterion"]) for detail in details if UNKNOWN not in detail}
        failed = [name for name, one in gate if name in named and one.judge(fields) is not True]
    if not failed:
        return NOTHING
    shown = "; ".join(str(one["criterion"]) for one in details if UNKNOWN not in one)
    reason = f"entered {case.stage.name} although it does not hold: {shown}"
    return (Finding(reason, anchor=anchor, details=details, causes=(entry.mark,)),), None


def _kept(episodes: tuple[Episode, ...], anchor: str) -> Details:
    """What failed at the gate of the present stage, while that is open."""
    for one in episodes:
        if one.kind is _GATE and one.anchor == anchor:
            return one.details
    return ()


_GATE, _ICP = Kind.GATE_VIOLATED, Kind.ICP_MISMATCH
#: In the evidence of a criterion that could not be judged: which value is none of its declared type.
UNKNOWN = "unknown"


def _judged_on(judged: Sequence[tuple[str, Condition | Filled, bool | None]], fields: Mapping[str, Scalar]) -> Details:
    """The criteria that failed, with their values, and those that could not be judged because of theirs."""
    failed = [_on_values(name, one, fields) for name, one, answer in judged if answer is False]
    return (*failed, *(row for name, one, answer in judged if answer is None for row in _not_known(name, one, fields)))


def _on_values(name: str, one: Condition | Filled, fields: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """A criterion that failed, and the values of the fields that it reads."""
    return {"criterion": name, **{f"value.{field}": fields[field] for field in sorted(one.reads) if field in fields}}


def _not_known(name: str, one: Condition | Filled, fields: Mapping[str, Scalar]) -> Details:
    """A criterion that could not be judged since a value is none of its declared type; nothing for other reasons."""
    misfits = one.misfits(fields)
    if not misfits:
        return ()
    return ({"criterion": name, UNKNOWN: "; ".join(f"{field} is {why}" for field, why in sorted(misfits.items()))},)


def _icp_mismatch(case: Case) -> Verdict:
    """A criterion of the ideal customer is false. Unknown is not false. For reports: never told to the owner.

    What is shown of a criterion are the values on which it began to fail: others on which it fails, too, are no news.
    """
    fields = case.deal.fields
    answers = [one.judge(fields) for one in case.rules.icp]
    if False not in answers:
        return NOTHING
    judged = [(one.name, one, answer) for one, answer in zip(case.rules.icp, answers, strict=True)]
    failed = [name for name, _, answer in judged if answer is False]
    reason = f"not the ideal customer: {'; '.join(failed)}"
    known = next((one.details for one in case.episodes if one.kind is _ICP), ())
    shown = {(row["criterion"], UNKNOWN in row): row for row in known}
    details = tuple([shown.get((row["criterion"], UNKNOWN in row), row) for row in _judged_on(judged, fields)])
    return (Finding(reason, severity=Severity.INFO, details=details),), None


def _junk_field(case: Case) -> Verdict:
    """A required field holds a placeholder, or the owner wrote the same text on several open deals."""
    deal, rules = case.deal, case.rules
    fields, placeholders = deal.fields, rules.placeholders
    junk = [name for name in case.stage.asked if name in fields and is_placeholder(fields[name], placeholders)]
    details: Details = tuple([{"field": name, "value": fields[name]} for name in junk])
    repeated = _repeated(case) if deal.repeats else ()
    if not details and not repeated:
        return NOTHING
    said = ([f"{_listed(junk)} holds a placeholder"] if junk else []) + [
        f"the same {one['field']} on {one['deals']} deals" for one in repeated
    ]
    return (Finding(" and ".join(said), severity=Severity.INFO, details=(*details, *repeated)),), None


def _repeated(case: Case) -> Details:
    """The texts that stand on several open deals of the owner; join counts them (`signals.joining.texts`)."""
    deal, numbers = case.deal, case.rules.settings.junk_field
    owner = str(deal.fields.get("owner_id") or "")
    found: list[dict[str, Scalar]] = []
    for name in numbers.repeated:
        value = deal.fields.get(name)
        deals = deal.repeats.get(repeat_key(owner, text_key(name, value)), 0)
        if deals >= numbers.min_repeats:
            found.append({"field": name, "value": value, "deals": deals, "limit": numbers.min_repeats})
    return tuple(found)


def _handoff_incomplete(case: Case) -> Verdict:
    """Won, or handed over, without the fields that the next team needs. An unknown field is none that is missing."""
    wanted = case.rules.settings.handoff_incomplete
    if case.stage.outcome is Outcome.WON and wanted.won_fields:
        return _incomplete(case, "won", wanted.won_fields, case.deal.entries[-1].mark)
    if not case.stage.is_open or not wanted.handover_fields:
        return NOTHING
    handed = handover.last_handover(case)
    return NOTHING if handed is None else _incomplete(case, "handed over", wanted.handover_fields, handed.mark)


def _incomplete(case: Case, what: str, names: tuple[str, ...], mark: Mark) -> Verdict:
    fields = case.deal.fields
    missing = [name for name in names if fields.get(name, True) in _EMPTY]
    if not missing:
        return NOTHING
    details: Details = tuple({"field": name, "value": None} for name in missing)
    reason = f"{what} without {_listed(missing)}"
    return (Finding(reason, anchor=mark.event, details=details, causes=(mark,)),), None


_EMPTY = (None, "")


def _listed(names: list[str]) -> str:
    return ", ".join(names)


def _sql_reads(rules: Rules) -> frozenset[str]:
    return frozenset(rules.sql_fields)


def _junk_reads(rules: Rules) -> frozenset[str]:
    numbers = rules.settings.junk_field
    return frozenset((*rules.asked, *numbers.repeated, "owner_id", REPEATED))


def _handover_reads(rules: Rules) -> frozenset[str]:
    wanted = rules.settings.handoff_incomplete
    named = (*wanted.won_fields, *wanted.handover_fields)
    return frozenset((*named, *handover.READS)) if wanted.handover_fields else frozenset(named)


SQL_UNQUALIFIED = Detector(Kind.SQL_UNQUALIFIED, _sql_reads, _sql_unqualified)
POST_SQL_INCONSISTENT = Detector(Kind.POST_SQL_INCONSISTENT, _sql_reads, _post_sql_inconsistent)
GATE_VIOLATED = Detector(Kind.GATE_VIOLATED, lambda rules: rules.gate_reads, _gate_violated)
ICP_MISMATCH = Detector(Kind.ICP_MISMATCH, lambda rules: rules.icp_reads, _icp_mismatch)
JUNK_FIELD = Detector(Kind.JUNK_FIELD, _junk_reads, _junk_field)
HANDOFF_INCOMPLETE = Detector(Kind.HANDOFF_INCOMPLETE, _handover_reads, _handoff_incomplete, closed=True)
