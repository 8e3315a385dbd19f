"""From the brain's values to the wire's: a transition becomes a signal, a watched deal its view."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from signals.deal import Deal
from signals.episodes import Episode, Transition
from signals.judge import Watch
from signals.rules import Rules
from signals.standing import is_over_cycle, judged_icp, judged_sql
from signals.teams import team_of
from topics.events import Scalar
from topics.instants import DAY_US, rfc3339
from topics.signals import FAMILY, Cause, Evidence, Signal, signal_id
from topics.views import DealView, OpenSignal

_replace = msgspec.structs.replace


class Position(NamedTuple):
    """Where the deal's events stand: causes are named by it."""

    topic: str
    partition: int


class Naming(NamedTuple):
    """How the deal is called on signals and views. It follows from the deal's fields alone."""

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


def naming_of(rules: Rules, deal: Deal) -> Naming:
    """How the deal is called under some rules: the playbook's names, where it knows the CRM's values."""
    fields = deal.fields
    owner, segment = rules.owner(fields), rules.segment(fields)
    stage_value, owner_id = _text(fields.get("stage")), _text(fields.get("owner_id"))
    stage = rules.stage(deal, stage_value)
    amount = fields.get("amount")
    return Naming(
        deal.deal_id,
        _text(fields.get("name")),
        owner_id,
        _text(fields.get("owner_name")) or owner_id if owner is None else owner.name,
        team_of(rules, fields),
        _text(fields.get("pipeline")) if stage is None else stage.pipeline,
        stage_value if stage is None else stage.name,
        "" if segment is None else segment.name,
        float(amount) if isinstance(amount, int | float) and not isinstance(amount, bool) else None,
        _text(fields.get("currency")),
    )


def signal_of(
    rules: Rules, transition: Transition, position: Position, detected_at: str = "", naming: Naming | None = None
) -> Signal:
    """The signal that says what happened to an episode.

    `detected_at` is when the shell came to it, RFC 3339; `naming` is the deal's, where it is known already.
    """
    step, episode, at_us, deal, resolution = transition
    named = naming or naming_of(rules, deal)
    kind = episode.kind
    return Signal(
        id=signal_id(deal.key, kind, episode.anchor),
        kind=kind,
        family=FAMILY[kind],
        severity=episode.severity,
        transition=step,
        subject_key=deal.key,
        deal_id=named.deal_id,
        deal_name=named.name,
        owner_id=named.owner_id,
        owner=named.owner,
        team=named.team,
        pipeline=named.pipeline,
        stage=named.stage,
        segment=named.segment,
        amount=named.amount,
        currency=named.currency,
        anchor=episode.anchor,
        occurred_at=rfc3339(at_us),
        opened_at=rfc3339(episode.opened_us),
        detected_at=detected_at,
        reason=episode.reason,
        resolution=resolution,
        evidence=Evidence(
            episode.observed,
            episode.limit,
            episode.unit,
            episode.baseline,
            details=episode.details,
            events=tuple([Cause(mark.event, *position, mark.offset) for mark in episode.causes]),
        ),
        playbook=rules.version,
    )


def view_after(rules: Rules, before: Watch, view: DealView, now: Watch, naming: Naming) -> DealView:
    """The view of a deal, given the one of it before, by the same rules: only what changed is drawn anew."""
    old, deal = before.deal, now.deal
    open_signals = view.open_signals if now.episodes is before.episodes else open_signals_of(now)
    if deal.fields is not old.fields or _came(deal) != _came(old):
        return view_of(rules, now, naming, open_signals)
    contact = deal.last_contact(now.now_us)
    return _replace(
        view,
        last_contact_at="" if contact is None else rfc3339(contact.at_us),
        suspect=deal.suspect_us is not None,
        loading=deal.loading,
        ended_at=view.ended_at if now.ended_us == before.ended_us else _instant(now.ended_us),
        over_cycle=is_over_cycle(now.episodes),
        open_signals=open_signals,
        as_of=rfc3339(now.now_us),
    )


def _came(deal: Deal) -> tuple[int | None, bool]:
    """What else a view shows of a deal's coming and going."""
    return deal.created_us, deal.removed


def view_of(
    rules: Rules, watch: Watch, naming: Naming | None = None, open_signals: tuple[OpenSignal, ...] | None = None
) -> DealView:
    """The deal as it stands on `deal.current`; `naming` and `open_signals` are its own, where they are known."""
    deal = watch.deal
    named = naming or naming_of(rules, deal)
    contact = deal.last_contact(watch.now_us)
    entry = deal.entries[-1] if deal.entries else None
    stage = rules.stage(deal, entry.stage) if entry is not None and not deal.removed else None
    cycle_us = None if stage is None else rules.corridor(stage, rules.segment(deal.fields)).limit_us
    return DealView(
        key=deal.key,
        source=deal.source,
        deal_id=named.deal_id,
        name=named.name,
        owner_id=named.owner_id,
        owner=named.owner,
        team=named.team,
        pipeline=named.pipeline,
        stage=named.stage,
        segment=named.segment,
        outcome="removed" if deal.removed else "" if stage is None else stage.outcome.value,
        amount=named.amount,
        currency=named.currency,
        close_date=_text(deal.fields.get("close_date")),
        category=_text(deal.fields.get("forecast_category")),
        created_at=_instant(deal.created_us),
        stage_since="" if entry is None else _instant(entry.at_us),
        last_contact_at="" if contact is None else rfc3339(contact.at_us),
        suspect=deal.suspect_us is not None,
        loading=deal.loading,
        ended_at=_instant(watch.ended_us),
        sql=judged_sql(rules, deal.fields) if stage is not None and stage.is_sql and rules.sql_fields else None,
        icp=judged_icp(rules, deal.fields) if stage is not None and rules.icp else None,
        cycle_days=None if cycle_us is None else cycle_us / DAY_US,
        over_cycle=is_over_cycle(watch.episodes),
        open_signals=open_signals_of(watch) if open_signals is None else open_signals,
        as_of=rfc3339(watch.now_us),
        playbook=rules.version,
    )


def open_signals_of(watch: Watch) -> tuple[OpenSignal, ...]:
    """What is open on the deal for all to see."""
    return tuple([_open_signal(watch.deal.key, episode) for episode in watch.episodes if episode.told])


def _open_signal(key: str, episode: Episode) -> OpenSignal:
    kind = episode.kind
    opened_at = rfc3339(episode.opened_us)
    return OpenSignal(signal_id(key, kind, episode.anchor), kind, episode.severity, opened_at, episode.reason)


def _instant(at_us: int | None) -> str:
    return "" if at_us is None else rfc3339(at_us)


def _text(value: Scalar) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
