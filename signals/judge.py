"""A deal under watch: fold an event or let time pass, and ask the detectors that it concerns.

The canonical history of a deal is `run`: its events in order, each preceded by the dues that lie before it. Everything
else (live, late, replayed, loaded) is a way to arrive at the same result.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from signals.deal import STATUS, Deal, Mark, Touched, evolve
from signals.detectors import DETECTORS
from signals.detectors.case import Case, Detector
from signals.episodes import Episode, Occasion, Transition, compare, told
from signals.rules import Rules, StageRule
from topics.events import DealEvent, DefinitionsChanged
from topics.signals import Kind, Resolution, Step

_replace = msgspec.structs.replace
_NONE: list[Transition] = []
_EVERY_KIND = frozenset(Kind)


class Stored(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event with its offset in its partition of `deal.events`."""

    event: DealEvent
    offset: int


class Watch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A deal at an instant: its facts, its episodes, and when each kind may change by time alone (microseconds).

    `ended_us`: since when it is closed, removed, or not known to be in any stage; None while it is open. `epoch`: the
    definitions by which it was judged (`Panel.epoch`).
    """

    deal: Deal
    episodes: tuple[Episode, ...] = ()
    dues: dict[Kind, int] = {}
    now_us: int = 0
    ended_us: int | None = None
    epoch: int = 0

    @property
    def due_us(self) -> int | None:
        """The first instant after which time alone may change something."""
        return min(self.dues.values()) if self.dues else None


class Panel(NamedTuple):
    """The detectors under some rules, by the names that they read. Made once per rules.

    Definitions switch at an offset of the log (law 11): `epoch` counts the switches of a partition, `since` is the one
    that put this panel in force, and `before` are the panels of earlier epochs under which late events are folded.
    """

    rules: Rules
    detectors: dict[Kind, Detector]
    readers: dict[str, frozenset[Kind]]
    epoch: int = 0
    since: Stored | None = None
    before: tuple[Panel, ...] = ()

    def of(self, epoch: int) -> Panel:
        """The panel of an epoch; of one that nobody needs any more, the oldest that is kept."""
        if epoch == self.epoch:
            return self
        kept = (*self.before, self)
        return next((one for one in reversed(kept) if one.epoch <= epoch), kept[0])


def panel_of(rules: Rules) -> Panel:
    """Which kinds to ask when a name was touched: the stage and the status concern every kind."""
    readers: dict[str, set[Kind]] = {name: set(Kind) for name in ("stage", "pipeline", STATUS)}
    for detector in DETECTORS:
        for name in detector.reads(rules) | _switch_reads(rules, detector.kind):
            readers.setdefault(name, set()).add(detector.kind)
    return Panel(
        rules, {detector.kind: detector for detector in DETECTORS}, {name: frozenset(k) for name, k in readers.items()}
    )


def run(panel: Panel, watch: Watch, events: Iterable[Stored], until_us: int) -> tuple[Watch, list[Transition]]:
    """The canonical history: events in order, then time up to `until_us`."""
    transitions: list[Transition] = []
    present = panel.of(watch.epoch)
    for stored in events:
        if type(stored.event) is DefinitionsChanged:
            watch, said = redefine(panel, watch, stored)
            present = panel.of(watch.epoch)
        else:
            watch, said = fold(present, watch, stored)
        transitions += said
    watch, said = advance(present, watch, until_us)
    return watch, transitions + said


def redefine(panel: Panel, watch: Watch, stored: Stored) -> tuple[Watch, list[Transition]]:
    """Switch the definitions: the dues before that fire under the old ones, then every kind is asked under the new.

    The event's `seq` says which epoch begins. It is no event of the deal's own and not counted among them.
    """
    event = stored.event
    watch, before = advance(panel.of(watch.epoch), watch, event.at_us)
    deal = watch.deal
    watch = _replace(watch, now_us=max(watch.now_us, event.at_us), epoch=event.seq[0])
    if not deal.n:  # nothing is known of it yet
        return watch, before
    occasion = Occasion(event.at_us, event.at_us, Mark(event.id, stored.offset, deal.n - 1), redefined=True)
    watch, said = _judged(panel.of(watch.epoch), watch, _EVERY_KIND, occasion)
    return watch, before + said


def advance(panel: Panel, watch: Watch, until_us: int) -> tuple[Watch, list[Transition]]:
    """Let time pass up to `until_us`: every due strictly before it fires, in order, dated itself (law 4)."""
    transitions: list[Transition] = []
    while (due_us := watch.due_us) is not None and due_us < until_us:
        kinds = frozenset(kind for kind, due in watch.dues.items() if due == due_us)
        watch, said = _judged(panel, watch, kinds, Occasion(due_us + 1, due_us, None))
        transitions += said
    return (watch if until_us <= watch.now_us else _replace(watch, now_us=until_us)), transitions


def fold(panel: Panel, watch: Watch, stored: Stored) -> tuple[Watch, list[Transition]]:
    """Fold one event, the dues before it first. `watch` must not be past the event."""
    event, before = stored.event, _NONE
    due_us = watch.due_us
    if due_us is not None and due_us < event.at_us:
        watch, before = advance(panel, watch, event.at_us)
    deal, touched = evolve(watch.deal, event, stored.offset)
    muted = watch.deal.muted
    watch = Watch(deal, watch.episodes, watch.dues, max(watch.now_us, event.at_us), watch.ended_us, watch.epoch)
    kinds = _concerned(panel, touched)
    if not kinds:
        return watch, before
    cause = Mark(event.id, stored.offset, deal.n - 1)
    watch, said = _judged(panel, watch, kinds, Occasion(event.at_us, event.at_us, cause))
    if muted and not deal.muted:
        watch, unmuted = _unmuted(watch)
        said = said + unmuted
    return watch, before + said


def _unmuted(watch: Watch) -> tuple[Watch, list[Transition]]:
    """The mute is over: what began in silence and still holds opens now, dated as it began."""
    quiet = [episode for episode in watch.episodes if not episode.told]
    if not quiet:
        return watch, []
    spoken = [_replace(episode, told=True) for episode in quiet]
    others = tuple(episode for episode in watch.episodes if episode.told)
    said = [Transition(Step.OPENED, episode, episode.opened_us, watch.deal) for episode in spoken]
    return _replace(watch, episodes=_in_order((*others, *spoken))), said


def _concerned(panel: Panel, touched: Touched) -> frozenset[Kind]:
    kinds: frozenset[Kind] = frozenset()
    for name in touched:
        readers = panel.readers.get(name)
        if readers is not None:
            kinds = kinds | readers if kinds else readers
    return kinds


def _judged(panel: Panel, watch: Watch, kinds: frozenset[Kind], on: Occasion) -> tuple[Watch, list[Transition]]:
    """Ask the detectors of some kinds, and compare their answers with what is open."""
    deal, rules = watch.deal, panel.rules
    stage = _open_stage(rules, deal)
    if stage is None:
        return _ended(rules, watch, on)
    allowed = rules.kinds_for(deal.source)
    dues = watch.dues.copy()
    episodes = watch.episodes
    transitions: list[Transition] = []
    for kind in kinds if len(kinds) == 1 else sorted(kinds):
        dues.pop(kind, None)
        open_now = tuple([episode for episode in watch.episodes if episode.kind is kind])
        if kind in allowed and not _switched_off(rules, kind, deal, stage):
            verdict = panel.detectors[kind].judge(Case(rules, deal, stage, open_now, on))
            if verdict.due_us is not None:
                dues[kind] = verdict.due_us
            if not verdict.findings and not open_now:
                continue
            found, said = compare(deal, kind, open_now, verdict.findings, on)
        elif open_now:
            found, said = (), [_resolved(deal, episode, on, Resolution.DEFINITION) for episode in open_now]
        else:
            continue
        if found != open_now:
            episodes = _in_order((*(one for one in episodes if one.kind is not kind), *found))
        transitions += said
    return Watch(deal, episodes, dues, max(watch.now_us, on.at_us), None, watch.epoch), told(transitions)


def _ended(rules: Rules, watch: Watch, on: Occasion) -> tuple[Watch, list[Transition]]:
    """Nothing holds for a deal that is not in an open stage: closed, removed, or in a stage that nobody defined."""
    deal, why = watch.deal, _end_of(rules, watch.deal)
    reason = Resolution.DEFINITION if on.redefined else why
    said = [_resolved(deal, episode, on, reason) for episode in watch.episodes]
    since_us = on.dated_us if watch.ended_us is None else watch.ended_us
    ended_us = None if why is Resolution.DEFINITION else since_us
    return Watch(deal, (), {}, max(watch.now_us, on.at_us), ended_us, watch.epoch), told(said)


def _end_of(rules: Rules, deal: Deal) -> Resolution:
    if deal.merged_into is not None:
        return Resolution.MERGED_AWAY
    defined = not deal.entries or rules.stage(deal, deal.entries[-1].stage) is not None
    return Resolution.CLOSED if deal.removed or defined else Resolution.DEFINITION


def _resolved(deal: Deal, episode: Episode, on: Occasion, why: Resolution) -> Transition:
    return Transition(Step.RESOLVED, episode, on.dated_us, deal, why)


def _open_stage(rules: Rules, deal: Deal) -> StageRule | None:
    if deal.removed or not deal.entries:
        return None
    stage = rules.stage(deal, deal.entries[-1].stage)
    return stage if stage is not None and stage.is_open else None


def _switched_off(rules: Rules, kind: Kind, deal: Deal, stage: StageRule) -> bool:
    """Whether the playbook switches the kind off for this pipeline, stage, segment or team."""
    scope = rules.off_for.get(kind)
    if scope is None:
        return False
    if stage.pipeline in scope.pipelines or stage.name in scope.stages:
        return True
    segment = rules.segment(deal.fields) if scope.segments else None
    if segment is not None and segment.name in scope.segments:
        return True
    owner = rules.owner(deal.fields)
    return owner is not None and owner.team in scope.teams


def _switch_reads(rules: Rules, kind: Kind) -> frozenset[str]:
    """The names that decide whether a kind is switched off for a deal."""
    scope = rules.off_for.get(kind)
    if scope is None:
        return frozenset()
    return (rules.segment_reads if scope.segments else frozenset()) | ({"owner_id"} if scope.teams else frozenset())


def _in_order(episodes: Iterable[Episode]) -> tuple[Episode, ...]:
    return tuple(sorted(episodes, key=lambda episode: (episode.kind, episode.opened_us, episode.anchor)))
