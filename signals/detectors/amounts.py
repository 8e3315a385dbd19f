"""Amounts: whether the deal has become smaller than it was."""

from __future__ import annotations

from signals.detectors.case import NOTHING, Case, Detector, Verdict, always
from signals.episodes import Finding
from topics.instants import rfc3339
from topics.signals import Kind


def _amount_shrunk(case: Case) -> Verdict:
    """The amount is below the highest since SQL by more than some percent; anchored at the change that went so low.

    An amount that is empty cannot be compared.
    """
    deal, rules = case.deal, case.rules
    amount = deal.fields.get("amount")
    if not deal.peaks or not isinstance(amount, int | float) or isinstance(amount, bool):
        return NOTHING
    first = next((one for one in deal.entries if _is_sql(case, one.stage)), None)
    peak = None if first is None else deal.peak_since(first.mark.n)
    percent = rules.settings.amount_shrunk.percent
    if peak is None or peak.amount <= 0 or not _below(amount, peak.amount, percent):
        return NOTHING
    # Of the amounts that were higher than all that came later, the last that was not yet so low: it fell to below.
    fall = [one for one in deal.peaks if one.mark.n > peak.mark.n and not _below(one.amount, peak.amount, percent)]
    last = fall[-1] if fall else peak
    expires_us = last.at_us + rules.limits.shrunk_life_us
    if case.at_us > expires_us:
        return NOTHING
    finding = Finding(
        f"more than {percent:g} % below {peak.amount:,.2f}, the highest amount since it was sales-qualified",
        anchor=last.mark.event,
        observed=(peak.amount - amount) * 100 / peak.amount,
        limit=percent,
        unit="%",
        details=({"highest": peak.amount, "amount": amount, "fell_at": rfc3339(last.at_us)},),
        causes=(peak.mark,) if last is peak else (peak.mark, last.mark),
        expires_us=expires_us,
    )
    return (finding,), expires_us


def _below(amount: float, highest: float, percent: float) -> bool:
    return (highest - amount) * 100 > percent * highest


def _is_sql(case: Case, value: str) -> bool:
    stage = case.stages.get(value)
    return stage is not None and stage.is_sql


AMOUNT_SHRUNK = Detector(Kind.AMOUNT_SHRUNK, always("amount", "currency"), _amount_shrunk)
