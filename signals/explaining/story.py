"""What is open on a deal and what would end it; what is not, what is missing for it, and when time alone would open it.

The future is not guessed: time is let pass over the very state, with nothing else happening, and what then opens or
ends is what is said here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from playbook.needs import missing as not_provided
from signals.detectors.case import SWITCHED_OFF, Case
from signals.episodes import Episode, Occasion, Transition
from signals.explaining.conditions import CONDITIONS, Missing
from signals.explaining.remedies import remedy_of
from signals.judge import Panel, Watch, advance
from signals.rules import Rules
from topics.instants import DAY_US
from topics.signals import Kind, Step

#: So far ahead time is let pass: no limit of the catalogue's defaults is longer.
AHEAD_US = 400 * DAY_US


class Open(NamedTuple):
    """An episode that is open, and what would end it; `ends_us`: when time alone does."""

    episode: Episode
    remedy: str
    ends_us: int | None


class Quiet(NamedTuple):
    """A kind of which nothing is open. `off`: why it cannot open at all; else `missing` says what it lacks.

    `opens_us`: when time alone would open it, within `AHEAD_US`.
    """

    kind: Kind
    off: str = ""
    missing: Missing | None = None
    opens_us: int | None = None


class Explained(NamedTuple):
    """A deal as it is at an instant: what is open, by kind, and what is not."""

    watch: Watch
    at_us: int
    open: tuple[Open, ...]
    quiet: tuple[Quiet, ...]


def explained(panel: Panel, watch: Watch, at_us: int) -> Explained:
    """Explain a deal at an instant, which is not before what the watch has seen."""
    panel = panel.of(watch.epoch)
    watch, _ = advance(panel, watch, at_us)
    _, coming = advance(panel, watch, at_us + AHEAD_US)
    return Explained(watch, at_us, _open(watch, coming), tuple(_quiet(panel, watch, at_us, coming)))


def _open(watch: Watch, coming: Iterable[Transition]) -> tuple[Open, ...]:
    ends = {one.episode.identity: one.at_us for one in coming if one.step is Step.RESOLVED}
    found = []
    for episode in watch.episodes:
        ends_us = ends.get(episode.identity)
        found.append(Open(episode, remedy_of(episode, ends_us), ends_us))
    return tuple(found)


def _quiet(panel: Panel, watch: Watch, at_us: int, coming: list[Transition]) -> Iterable[Quiet]:
    opens: dict[Kind, int] = {}
    for one in coming:
        if one.step is Step.OPENED:
            opens.setdefault(one.episode.kind, one.at_us)
    case = _case(panel.rules, watch, at_us)
    open_now = {episode.kind for episode in watch.episodes}
    for kind in Kind:
        if kind in open_now:
            continue
        off = _off(panel, watch, case, kind)
        if off or case is None:
            yield Quiet(kind, off)
        else:
            yield Quiet(kind, "", CONDITIONS[kind](case), opens.get(kind))


def _case(rules: Rules, watch: Watch, at_us: int) -> Case | None:
    """What detectors are shown; None of a deal that is in no stage that is defined."""
    deal = watch.deal
    stages = rules.stages(deal.fields)
    stage = stages.get(deal.entries[-1].stage) if deal.entries and not deal.removed else None
    if stage is None:
        return None
    return Case(rules, deal, stage, stages, at_us, Occasion(at_us, at_us, None), watch.episodes)


def _off(panel: Panel, watch: Watch, case: Case | None, kind: Kind) -> str:
    """Why a kind cannot open on a deal; empty where it can."""
    rules, deal = panel.rules, watch.deal
    if case is None:
        return "the deal is removed" if deal.removed else "the playbook does not define its stage"
    if not rules.settings.of(kind).enabled:
        return "switched off in the playbook"
    source = next((one for one in rules.sources if one.key == deal.source), None)
    if source is not None and (lacks := not_provided(kind, source.provides)):
        return f"its source does not provide {', '.join(sorted(lacks))}"
    detector = panel.detectors.get(kind)
    if not case.stage.is_open and (detector is None or not detector.closed):
        return f"the deal is closed ({case.stage.name})"
    for _, judge in panel.questions.on(deal.source, [kind]):
        if judge(case)[0] is SWITCHED_OFF:
            return "switched off for this pipeline, stage, segment or team"
    return ""
