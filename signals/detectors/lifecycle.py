"""Lifecycle: deals that nobody works on, that came back, that belong to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from signals.deal import ACTIVITIES, WORK, Contact, is_true
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always, in_days
from signals.episodes import Finding
from topics.events import Scalar
from topics.instants import rfc3339
from topics.signals import Kind, Severity


def _stale_deal(case: Case) -> Verdict:
    """No change by a person of stage, amount, close date, next step or owner, and no contact, past the limit."""
    last = _last_work(case)
    if last is None:
        return NOTHING
    limit_us = case.rules.stale_us
    if case.at_us <= last.at_us + limit_us:
        return (), last.at_us + limit_us
    finding = Finding(
        f"nobody has worked on it for more than {in_days(limit_us)}: it may be over",
        rfc3339(last.at_us),
        start_us=last.at_us,
        limit_us=limit_us,
        causes=() if last.mark is None else (last.mark,),
    )
    return (finding,), min(_to_come(case), default=None)


def _last_work(case: Case) -> Contact | None:
    """When people last did something about the deal.

    What was before we heard of the deal is unknown: then nothing is said to be old that we did not see grow old.
    """
    deal = case.deal
    last = deal.worked
    if last is None:  # else it came later
        last = deal.heard
    spoken = deal.last_contact(case.at_us)
    if spoken is not None and (last is None or spoken.at_us > last.at_us):
        last = spoken
    return last


def _to_come(case: Case) -> list[int]:
    """The instants at which a meeting becomes a contact by time alone."""
    contacts = (one.contact_us() for one in case.deal.activities.values())
    return [contact_us for contact_us in contacts if contact_us is not None and contact_us > case.at_us]


def _reopened(case: Case) -> Verdict:
    """Left a closed stage for an open one; over 14 days later, whatever becomes of the deal."""
    entries, stages = case.deal.entries, case.stages
    if len(entries) < 2:  # noqa: PLR2004 - the closed stage and the open one
        return NOTHING
    findings: list[Finding] = []
    due_us = None
    for closed, entry in pairwise(entries):
        left, stage = stages.get(closed.stage), stages.get(entry.stage)
        if left is None or left.is_open or stage is None or not stage.is_open or entry.at_us is None:
            continue
        expires_us = entry.at_us + case.rules.reopened_life_us
        if case.at_us <= expires_us:
            due_us = expires_us if due_us is None else min(due_us, expires_us)
            findings.append(
                Finding(
                    f"came back from {left.name} to {stage.name}",
                    anchor=entry.mark.event,
                    severity=Severity.INFO,
                    details=({"from": left.name, "to": stage.name},),
                    causes=(entry.mark,),
                    expires_us=expires_us,
                )
            )
    return tuple(findings), due_us


def _unowned(case: Case) -> Verdict:
    """No owner, or an inactive one, for longer than the limit. Whom nobody named is not known to be nobody (law 13)."""
    deal = case.deal
    name = _missing(deal.fields)
    since = deal.changed.get(name, deal.heard)
    if not name or since is None:
        return NOTHING
    limit_us = case.rules.unowned_us
    if case.at_us <= since.at_us + limit_us:
        return (), since.at_us + limit_us
    who = "nobody owns it" if name == "owner_id" else "its owner is active no longer"
    finding = Finding(
        f"{who}, for more than {in_days(limit_us)}",
        rfc3339(since.at_us),
        start_us=since.at_us,
        limit_us=limit_us,
        causes=() if since.mark is None else (since.mark,),
    )
    return (finding,), None


def _missing(fields: Mapping[str, Scalar]) -> str:
    """The field that says that the deal has no owner who works on it, or nothing."""
    if fields.get("owner_id", "unknown") in {None, ""}:
        return "owner_id"
    active = fields.get("owner_active")
    return "owner_active" if active is not None and not is_true(active) else ""


STALE_DEAL = Detector(Kind.STALE_DEAL, always(ACTIVITIES, *WORK), _stale_deal)
REOPENED = Detector(Kind.REOPENED, always(), _reopened, closed=True)
UNOWNED = Detector(Kind.UNOWNED, always("owner_id", "owner_active"), _unowned)
