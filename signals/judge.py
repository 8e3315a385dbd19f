"""A deal under watch: fold an event or let time pass, and ask the detectors that it concerns.

The canonical history of a deal is `run`: its events in order, each preceded by the dues that lie before it. Everything
else (live, late, replayed, loaded) is a way to arrive at the same result.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from playbook.kinds import Scope
from signals.deal import STATUS, Deal, Mark, Touched, evolve
from signals.detectors import DETECTORS
from signals.detectors.case import OFF, SWITCHED_OFF, Case, Detector, Judge, Verdict
from signals.episodes import Episode, Occasion, Transition, compare, told
from signals.passages import Passages, passed
from signals.rules import Rules
from topics.events import DealEvent, DefinitionsChanged
from topics.signals import Kind, Resolution, Step

_replace = msgspec.structs.replace
_NO_EPISODES: tuple[Episode, ...] = ()
#: Never added to in place.
_NONE: list[Transition] = []
_NONE_OPEN: dict[Kind, tuple[Episode, ...]] = {}
_GATE = Kind.GATE_VIOLATED  # reading a member of an Enum takes 0.1 microseconds


class Stored(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event with its offset in its partition of `deal.events`."""

    event: DealEvent
    offset: int


class Watch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A deal at an instant: its facts, its episodes, and when each kind may change by time alone (microseconds).

    `due_us` is the first of the `dues`, after which time alone may change something; it is read twice per event.
    `ended_us`: since when it is closed, removed, or not known to be in any stage; None while it is open. `epoch`: the
    definitions by which it was judged (`Panel.epoch`). `passages`: what became of the gates that it passed.
    """

    deal: Deal
    episodes: tuple[Episode, ...] = ()
    dues: dict[Kind, int] = {}
    now_us: int = 0
    ended_us: int | None = None
    epoch: int = 0
    due_us: int | None = None
    passages: Passages = ()


#: A kind to ask about, and its predicate as the playbook and the source switch it.
Question = tuple[Kind, Judge]


class Questions:
    """Which kinds to ask when a deal was touched. Worked out once per source and set of kinds, then looked up."""

    __slots__ = ("_bits", "_by_kinds", "_by_name", "_names", "_rules")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._bits = {kind: 1 << place for place, kind in enumerate(sorted(_JUDGES))}
        # The stage and the status concern every kind.
        self._names = dict.fromkeys(("stage", "pipeline", STATUS), sum(self._bits.values()))
        for detector in DETECTORS:
            for name in detector.reads(rules) | _switch_reads(rules, detector.kind):
                self._names[name] = self._names.get(name, 0) | self._bits[detector.kind]
        self._by_name: dict[str, dict[str, tuple[Question, ...]]] = {}
        self._by_kinds: dict[frozenset[Kind], dict[int, tuple[Question, ...]]] = {}

    def about(self, source: str, touched: Touched) -> tuple[Question, ...]:
        """What to ask of a deal of a source when these names of it were touched, in the order of the kinds."""
        if len(touched) == 1:  # most changes are of one field
            by_name = self._by_name.get(source)
            if by_name is None:
                by_name = self._named(source)
            return by_name.get(touched[0], _NO_QUESTIONS)
        kinds = 0
        for name in touched:
            kinds |= self._names.get(name, 0)
        return self._of(source, kinds) if kinds else _NO_QUESTIONS

    def on(self, source: str, kinds: Iterable[Kind]) -> tuple[Question, ...]:
        """What to ask about these kinds."""
        return self._of(source, sum([self._bits[kind] for kind in kinds if kind in self._bits]))

    def _named(self, source: str) -> dict[str, tuple[Question, ...]]:
        if len(self._by_name) >= MAX_SOURCES:
            self._by_name.clear()
        found = self._by_name[source] = {name: self._of(source, kinds) for name, kinds in self._names.items()}
        return found

    def _of(self, source: str, kinds: int) -> tuple[Question, ...]:
        allowed = self._rules.kinds_for(source)
        by_kinds = self._by_kinds.setdefault(allowed, {})
        found = by_kinds.get(kinds)
        if found is None:
            found = by_kinds[kinds] = tuple(
                (kind, self._judge(kind) if kind in allowed else _off)
                for kind, bit in self._bits.items()
                if bit & kinds
            )
        return found

    def _judge(self, kind: Kind) -> Judge:
        judge, scope = _JUDGES[kind], self._rules.off_for.get(kind)
        return judge if scope is None else lambda case: OFF if _switched_off(case, scope) else judge(case)


#: So many sources are remembered with their questions; more are worked out again.
MAX_SOURCES = 256
_NO_QUESTIONS: tuple[Question, ...] = ()
_JUDGES = {detector.kind: detector.judge for detector in DETECTORS}
#: The kinds that are asked about closed deals, too.
_CLOSED = frozenset(detector.kind for detector in DETECTORS if detector.closed)


def _off(_case: Case) -> Verdict:
    """The predicate of a kind that the source provides nothing for, or that is switched off."""
    return OFF


class Panel(NamedTuple):
    """The detectors under some rules, by the names that they read. Made once per rules.

    Definitions switch at an offset of the log (law 11): `epoch` counts the switches of a partition, `since` is the one
    that put this panel in force, and `before` are the panels of earlier epochs under which late events are folded.
    """

    rules: Rules
    detectors: dict[Kind, Detector]
    questions: Questions
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
    """The panel of some rules."""
    return Panel(rules, {detector.kind: detector for detector in DETECTORS}, Questions(rules))


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
    panel = panel.of(watch.epoch)
    watch, said = _judged(panel.rules, watch, deal, panel.questions.on(deal.source, Kind), occasion)
    return watch, before + said


def advance(panel: Panel, watch: Watch, until_us: int) -> tuple[Watch, list[Transition]]:
    """Let time pass up to `until_us`: every due strictly before it fires, in order, dated itself (law 4)."""
    transitions: list[Transition] = []
    while (due_us := watch.due_us) is not None and due_us < until_us:
        deal = watch.deal
        questions = panel.questions.on(deal.source, [kind for kind, due in watch.dues.items() if due == due_us])
        gated = watch.dues.get(_GATE) == due_us
        watch, said = _judged(panel.rules, watch, deal, questions, Occasion(due_us + 1, due_us, None))
        transitions += said
        if gated:
            watch = _replace(watch, passages=passed(panel.rules, deal, watch.passages, due_us))
    return (watch if until_us <= watch.now_us else _replace(watch, now_us=until_us)), transitions


def fold(panel: Panel, watch: Watch, stored: Stored) -> tuple[Watch, list[Transition]]:
    """Fold one event, the dues before it first. `watch` must not be past the event."""
    event, before = stored.event, _NONE
    at_us, due_us = event.at_us, watch.due_us
    if due_us is not None and due_us < at_us:
        watch, before = advance(panel, watch, at_us)
    old = watch.deal
    deal, touched = evolve(old, event, stored.offset)
    questions = panel.questions.about(deal.source, touched) if touched else _NO_QUESTIONS
    if not questions:
        now_us = max(watch.now_us, at_us)
        due_us, passages = watch.due_us, watch.passages
        return Watch(deal, watch.episodes, watch.dues, now_us, watch.ended_us, watch.epoch, due_us, passages), before
    on = Occasion(at_us, at_us, Mark(event.id, stored.offset, old.n))
    watch, said = _judged(panel.rules, watch, deal, questions, on)
    if (old.suspect_us is not None or old.loading) and not deal.muted:
        watch, unmuted = _unmuted(watch)
        said = said + unmuted
    return watch, before + said if before else said


def expired(watch: Watch, at_us: int) -> list[Transition]:
    """The ends of what is still open on a deal that is forgotten by age."""
    ends = (Transition(Step.RESOLVED, one, at_us, watch.deal, Resolution.EXPIRED) for one in watch.episodes)
    return told(list(ends))


def _unmuted(watch: Watch) -> tuple[Watch, list[Transition]]:
    """The mute is over: what began in silence and still holds opens now, dated as it began."""
    quiet = [episode for episode in watch.episodes if not episode.told]
    if not quiet:
        return watch, []
    spoken = [_replace(episode, told=True) for episode in quiet]
    others = tuple(episode for episode in watch.episodes if episode.told)
    said = [Transition(Step.OPENED, episode, episode.opened_us, watch.deal) for episode in spoken]
    return _replace(watch, episodes=_in_order((*others, *spoken))), said


def _judged(
    rules: Rules, watch: Watch, deal: Deal, questions: tuple[Question, ...], on: Occasion
) -> tuple[Watch, list[Transition]]:
    """Ask some detectors about the deal of a watch as it is now, and compare their answers with what is open."""
    at_us, ended_us = on.at_us, None
    stages = rules.stages(deal.fields)
    stage = stages.get(deal.entries[-1].stage) if deal.entries and not deal.removed else None
    if stage is None:
        return _ended(rules, watch, deal, on)
    dues, episodes, transitions = watch.dues, watch.episodes, _NONE
    if not stage.is_open:
        ended_us = on.dated_us if watch.ended_us is None else watch.ended_us
        questions = tuple([one for one in questions if one[0] in _CLOSED])
        dues, episodes, transitions = _closed(dues, episodes, deal, on)
    case = Case(rules, deal, stage, stages, at_us, on, episodes)
    open_by_kind = _by_kind(episodes) if episodes else _NONE_OPEN
    for kind, judge in questions:
        findings, due_us = judge(case)
        if due_us != dues.get(kind):  # a dict of its own only where something changes: 3 of 4 answers leave it
            dues = _with_due(dues.copy() if dues is watch.dues else dues, kind, due_us)
        if findings or kind in open_by_kind:
            open_now = open_by_kind.get(kind, _NO_EPISODES)
            if findings is SWITCHED_OFF:
                found, said = _NO_EPISODES, [_resolved(deal, one, on, Resolution.DEFINITION) for one in open_now]
            else:
                found, said = compare(deal, kind, open_now, findings, on)
            if found is not open_now and found != open_now:
                episodes = _in_order((*[one for one in episodes if one.kind is not kind], *found))
            if said:
                transitions = transitions + said
    due_us = watch.due_us if dues is watch.dues else min(dues.values()) if dues else None
    after = Watch(deal, episodes, dues, max(watch.now_us, at_us), ended_us, watch.epoch, due_us, watch.passages)
    return after, told(transitions) if transitions else transitions


def _with_due(dues: dict[Kind, int], kind: Kind, due_us: int | None) -> dict[Kind, int]:
    """The same dict, with another due of a kind."""
    if due_us is None:
        del dues[kind]
    else:
        dues[kind] = due_us
    return dues


def _by_kind(episodes: tuple[Episode, ...]) -> dict[Kind, tuple[Episode, ...]]:
    found: dict[Kind, tuple[Episode, ...]] = {}
    for episode in episodes:
        kind = episode.kind
        found[kind] = (*found[kind], episode) if kind in found else (episode,)
    return found


def _closed(
    dues: dict[Kind, int], episodes: tuple[Episode, ...], deal: Deal, on: Occasion
) -> tuple[dict[Kind, int], tuple[Episode, ...], list[Transition]]:
    """What is left of dues and episodes once a deal is closed, and the ends of the others."""
    if not _CLOSED.issuperset(dues):
        dues = {kind: due for kind, due in dues.items() if kind in _CLOSED}
    why = Resolution.DEFINITION if on.redefined else Resolution.CLOSED
    said = [_resolved(deal, one, on, why) for one in episodes if one.kind not in _CLOSED]
    return dues, tuple([one for one in episodes if one.kind in _CLOSED]) if said else episodes, said


def _ended(rules: Rules, watch: Watch, deal: Deal, on: Occasion) -> tuple[Watch, list[Transition]]:
    """Nothing holds for a deal that is removed, or in a stage that nobody defined."""
    why = _end_of(rules, deal)
    reason = Resolution.DEFINITION if on.redefined else why
    said = [_resolved(deal, episode, on, reason) for episode in watch.episodes] if watch.episodes else _NONE
    since_us = on.dated_us if watch.ended_us is None else watch.ended_us
    ended_us = None if why is Resolution.DEFINITION else since_us
    now_us = max(watch.now_us, on.at_us)
    return Watch(deal, (), {}, now_us, ended_us, watch.epoch, passages=watch.passages), told(said)


def _end_of(rules: Rules, deal: Deal) -> Resolution:
    if deal.merged_into is not None:
        return Resolution.MERGED_AWAY
    defined = not deal.entries or rules.stage(deal, deal.entries[-1].stage) is not None
    return Resolution.CLOSED if deal.removed or defined else Resolution.DEFINITION


def _resolved(deal: Deal, episode: Episode, on: Occasion, why: Resolution) -> Transition:
    return Transition(Step.RESOLVED, episode, on.dated_us, deal, why)


def _switched_off(case: Case, scope: Scope) -> bool:
    """Whether the playbook switches a kind off for this pipeline, stage, segment or team."""
    rules, deal, stage = case.rules, case.deal, case.stage
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
