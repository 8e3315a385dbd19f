"""From the brain's values to the wire's: a transition becomes a signal, a watched deal its view."""

from __future__ import annotations

from typing import NamedTuple

from signals.deal import Deal, Mark
from signals.episodes import Episode, Transition
from signals.judge import Watch
from signals.rules import Rules
from topics.instants import rfc3339
from topics.signals import FAMILY, Cause, Evidence, Signal, signal_id
from topics.views import DealView, OpenSignal


class Position(NamedTuple):
    """Where the deal's events stand: causes are named by it."""

    topic: str
    partition: int


class _Naming(NamedTuple):
    """How the deal is called on signals and views."""

    deal_id: str
    name: str
    owner_id: str
    owner: str
    team: str
    pipeline: str
    stage: str
    segment: str
    amount: float | None
    currency: str


def signal_of(rules: Rules, transition: Transition, position: Position) -> Signal:
    """The signal that says what happened to an episode; `detected_at` is the shell's to fill in."""
    episode, deal = transition.episode, transition.deal
    naming = _naming(rules, deal)
    return Signal(
        id=signal_id(deal.key, episode.kind, episode.anchor),
        kind=episode.kind,
        family=FAMILY[episode.kind],
        severity=episode.severity,
        transition=transition.step,
        subject_key=deal.key,
        deal_id=naming.deal_id,
        deal_name=naming.name,
        owner_id=naming.owner_id,
        owner=naming.owner,
        team=naming.team,
        pipeline=naming.pipeline,
        stage=naming.stage,
        segment=naming.segment,
        amount=naming.amount,
        currency=naming.currency,
        anchor=episode.anchor,
        occurred_at=rfc3339(transition.at_us),
        opened_at=rfc3339(episode.opened_us),
        reason=episode.reason,
        resolution=transition.resolution,
        evidence=_evidence(episode, position),
        playbook=rules.version,
    )


def view_of(rules: Rules, watch: Watch) -> DealView:
    """The deal as it stands on `deal.current`."""
    deal = watch.deal
    naming = _naming(rules, deal)
    contact = deal.last_contact(watch.now_us)
    return DealView(
        key=deal.key,
        source=deal.source,
        **naming._asdict() | {"deal_id": deal.deal_id},
        outcome=_outcome(rules, deal),
        close_date=_text(deal.fields.get("close_date")),
        created_at=_instant(deal.created_us),
        stage_since=_instant(deal.entries[-1].at_us if deal.entries else None),
        last_contact_at=_instant(None if contact is None else contact.at_us),
        suspect=deal.suspect_us is not None,
        loading=deal.loading,
        open_signals=tuple(_open_signal(deal, episode) for episode in watch.episodes if episode.told),
        as_of=rfc3339(watch.now_us),
        playbook=rules.version,
    )


def _naming(rules: Rules, deal: Deal) -> _Naming:
    fields = deal.fields
    owner = rules.owner(fields)
    stage_value = _text(fields.get("stage"))
    stage = rules.stage(deal, stage_value)
    segment = rules.segment(fields)
    amount = fields.get("amount")
    owner_id = _text(fields.get("owner_id"))
    return _Naming(
        deal_id=deal.deal_id,
        name=_text(fields.get("name")),
        owner_id=owner_id,
        owner=owner.name if owner is not None else owner_id,
        team=(owner.team or "") if owner is not None else "",
        pipeline=stage.pipeline if stage is not None else _text(fields.get("pipeline")),
        stage=stage.name if stage is not None else stage_value,
        segment=segment.name if segment is not None else "",
        amount=float(amount) if isinstance(amount, int | float) and not isinstance(amount, bool) else None,
        currency=_text(fields.get("currency")),
    )


def _outcome(rules: Rules, deal: Deal) -> str:
    if deal.removed:
        return "removed"
    stage = rules.stage(deal, deal.entries[-1].stage) if deal.entries else None
    return "" if stage is None else stage.outcome.value


def _evidence(episode: Episode, position: Position) -> Evidence:
    return Evidence(
        observed=episode.observed,
        limit=episode.limit,
        unit=episode.unit,
        details=episode.details,
        events=tuple(_cause(mark, position) for mark in episode.causes),
    )


def _cause(mark: Mark, position: Position) -> Cause:
    return Cause(mark.event, position.topic, position.partition, mark.offset)


def _open_signal(deal: Deal, episode: Episode) -> OpenSignal:
    return OpenSignal(
        id=signal_id(deal.key, episode.kind, episode.anchor),
        kind=episode.kind,
        severity=episode.severity,
        opened_at=rfc3339(episode.opened_us),
        reason=episode.reason,
    )


def _instant(at_us: int | None) -> str:
    return "" if at_us is None else rfc3339(at_us)


def _text(value: object) -> str:
    return "" if value is None else str(value)
