"""What one deal counts for in the pipeline's indicators."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from signals.deal import Deal, is_true
from signals.episodes import Episode
from signals.judge import Watch
from signals.passages import Passage, Passages
from signals.rules import Rules, StageRule
from signals.teams import team_of
from topics.events import Scalar
from topics.instants import DAY_US, HOUR_US
from topics.signals import Kind, Severity
from topics.standing import Answer, Judged, together

_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST_CENTS = 2**63 - 1
_replace = msgspec.structs.replace


class Cell(NamedTuple):
    """Under what a deal counts: names of the playbook, or empty; the team may be one that only the CRM knows."""

    pipeline: str
    segment: str
    team: str


class OwnedBy(NamedTuple):
    """The owner under whom a deal counts: the CRM's id, and how the playbook or the CRM calls them."""

    id: str
    name: str
    team: str


class Entered(NamedTuple):
    """A stage's entry as it counts: names of the playbook, the day (UTC, since 1970), and how the gate was found."""

    pipeline: str
    stage: str
    team: str
    day: int
    answer: Answer


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one deal counts for. A closed deal counts for what it did in the last days, and what is open on it still.

    `sql`: None where the deal is not at or past SQL; `icp`: None without criteria.
    `cents`: its amount in hundredths of the currency's unit, whole, so that sums do not drift. `suspect`: its source,
    and the hour since 1970 in which that lost changes of it, while it has not been read again. `kept_sql`: the day on
    which it reached SQL, and whether it kept to it since (not known: unknown). `entered`: the gates that it passed.
    """

    cell: Cell
    sql: Answer | None
    icp: Answer | None
    over_cycle: bool
    cents: int
    currency: str
    signals: tuple[tuple[Kind, Severity], ...]
    suspect: tuple[str, int] | None = None
    is_open: bool = True
    owner: OwnedBy | None = None
    kept_sql: tuple[int, Answer] | None = None
    entered: tuple[Entered, ...] = ()


def standing_of(rules: Rules, watch: Watch) -> Standing | None:
    """What a deal counts for now; None for one that is removed, or in a stage that nobody defined."""
    deal = watch.deal
    stage = rules.stage(deal, deal.entries[-1].stage) if deal.entries and not deal.removed else None
    if stage is None:
        return None
    fields, episodes = deal.fields, watch.episodes
    segment, owner = rules.segment(fields), rules.owner(fields)
    team = team_of(rules, fields)
    cell = Cell(stage.pipeline, segment.name if segment else "", team)
    if not stage.is_open:
        kept, entered, signals = _kept_sql(rules, deal, stage, None), _entered(watch.passages), _signals(episodes)
        if kept is None and not entered and not signals:
            return None
        return Standing(
            cell,
            None,
            None,
            over_cycle=False,
            cents=0,
            currency="",
            signals=signals,
            is_open=False,
            kept_sql=kept,
            entered=entered,
        )
    currency = fields.get("currency")
    sql = sql_answer(rules, fields) if stage.is_sql and rules.sql_fields else None
    return Standing(
        cell,
        sql,
        together([condition.judge(fields) for condition in rules.icp]) if rules.icp else None,
        is_over_cycle(episodes),
        _cents(fields.get("amount")),
        currency if isinstance(currency, str) and _CURRENCY.fullmatch(currency) else "",
        _signals(episodes),
        None if deal.suspect_us is None else (deal.source, deal.suspect_us // HOUR_US),
        owner=_owned_by(fields, owner.name if owner else None, team),
        kept_sql=_kept_sql(rules, deal, stage, sql),
        entered=_entered(watch.passages),
    )


def standing_after(rules: Rules, before: Watch, counted: Standing | None, now: Watch) -> Standing | None:
    """What a deal counts for now, given what it counted for before: only what can have changed is asked again.

    Both by the same rules. An activity, say, changes no sum by itself; an episode changes two.
    """
    old, deal = before.deal, now.deal
    same = old.entries == deal.entries and old.removed == deal.removed and old.suspect_us == deal.suspect_us
    if not same or old.fields != deal.fields or before.passages != now.passages:
        return standing_of(rules, now)
    if before.episodes is now.episodes:
        return counted
    if counted is None or not counted.is_open:
        return standing_of(rules, now)
    return _replace(counted, over_cycle=is_over_cycle(now.episodes), signals=_signals(now.episodes))


def sql_answer(rules: Rules, fields: dict[str, Scalar]) -> Answer:
    """Whether all SQL fields are true."""
    return together([is_true(fields[name]) if name in fields else None for name in rules.sql_fields])


def judged_sql(rules: Rules, fields: dict[str, Scalar]) -> Judged:
    """The same with the fields that are not true, or not known."""
    failed = tuple(name for name in rules.sql_fields if name in fields and not is_true(fields[name]))
    return Judged(sql_answer(rules, fields), failed, tuple(name for name in rules.sql_fields if name not in fields))


def judged_icp(rules: Rules, fields: dict[str, Scalar]) -> Judged:
    """How a deal stands to the ideal customer profile."""
    answers = [(one.name, one.judge(fields)) for one in rules.icp]
    failed = tuple(name for name, answer in answers if answer is False)
    return Judged(
        together([answer for _, answer in answers]), failed, tuple(name for name, answer in answers if answer is None)
    )


def _kept_sql(rules: Rules, deal: Deal, stage: StageRule, sql: Answer | None) -> tuple[int, Answer] | None:
    """The day on which the deal reached SQL, and whether it still meets it or has closed; None: it never did."""
    reached_us = reached_sql_us(rules, deal)
    if reached_us is None:
        return None
    if not stage.is_open:
        return reached_us // DAY_US, Answer.MET
    if not stage.is_sql:
        return reached_us // DAY_US, Answer.NOT_MET
    return reached_us // DAY_US, Answer.MET if sql is None else sql


def reached_sql_us(rules: Rules, deal: Deal) -> int | None:
    """When the deal entered a stage at or past SQL for the first time; None: never, or nobody knows when."""
    stages = rules.stages(deal.fields)
    for entry in deal.entries:
        stage = stages.get(entry.stage)
        if stage is not None and stage.is_sql:
            return entry.at_us
    return None


def _entered(passages: Passages) -> tuple[Entered, ...]:
    return tuple(map(_as_entered, passages)) if passages else ()


def _as_entered(one: Passage) -> Entered:
    return Entered(one.pipeline, one.stage, one.team, one.at_us // DAY_US, one.answer)


def _owned_by(fields: dict[str, Scalar], name: str | None, team: str) -> OwnedBy | None:
    owner_id = fields.get("owner_id")
    if not isinstance(owner_id, str) or not owner_id:
        return None
    said = fields.get("owner_name")
    return OwnedBy(owner_id, name or (said if isinstance(said, str) and said else owner_id), team)


def is_over_cycle(episodes: tuple[Episode, ...]) -> bool:
    """Whether a deal is past the corridor of its segment, told or not."""
    return Kind.CYCLE_EXCEEDED in [episode.kind for episode in episodes]


def _signals(episodes: Iterable[Episode]) -> tuple[tuple[Kind, Severity], ...]:
    return tuple([(episode.kind, episode.severity) for episode in episodes if episode.told])


def _cents(amount: Scalar) -> int:
    """Zero for what is no amount, or cannot be kept: an integer of 64 bits is what states hold."""
    if not isinstance(amount, int | float) or isinstance(amount, bool) or not math.isfinite(amount):
        return 0
    cents = round(amount * 100)
    return cents if -_MOST_CENTS <= cents <= _MOST_CENTS else 0
