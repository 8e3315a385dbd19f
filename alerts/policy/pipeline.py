"""The policy. `STEPS`, in this order, is all of it.

At a moment every open signal of a mailbox is a candidate. Each step gets the candidates that are left: it stops some
with a named reason, and may say until when; the others go on. `record` takes what comes through all of them: that is
what people are told. A step reads nothing but its arguments.

    step         stops                                                     reason
    settle       what has not lasted long enough                           settling
    inhibit      what a graver signal on the same deal says already        inhibited
    silence      what somebody has seen to                                 snoozed, done, overridden, ...
    quiet_hours  what would reach a person outside the working hours       quiet_hours
    group        what may become one message with what comes next          grouping
    budget       what is beyond the day's budget: it waits for the digest  over_budget
    repeat       (nothing: what was told long enough ago goes on as news)
    escalate     (nothing: what was told and not answered goes to the next person)
    record       (nothing but the end of a long digest: says which messages the rest becomes)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple, TypeAlias

import msgspec

from alerts.actions import Action, ActionKind
from alerts.audience import Hearer
from alerts.policy.state import Head, Item
from alerts.policy.terms import GRAVITY, Terms
from alerts.reasons import Reason
from alerts.values import Form
from playbook.alerting import Inhibition
from playbook.calendars import BusinessTime
from topics.instants import DAY_US, parse_rfc3339
from topics.signals import Severity, Signal

_replace = msgspec.structs.replace


class Occasion(StrEnum):
    """Why a signal is a candidate: there is something new about it, or it only stands."""

    NEW = "new"
    WORSE = "worse"
    BACK = "back"
    AGAIN = "again"
    DIGEST = "digest"
    STANDING = "standing"


#: What interrupts because something happened, not because time passed.
NEWS = frozenset({Occasion.NEW, Occasion.WORSE, Occasion.BACK})


class Candidate(NamedTuple):
    """An open signal on its way through the steps. `reason`: what is to be logged if it is told."""

    item: Item
    occasion: Occasion
    reason: Reason = Reason.TOLD

    @property
    def is_news(self) -> bool:
        """Whether something happened."""
        return self.occasion in NEWS


class Scene(NamedTuple):
    """Everything that a step may look at. `deals`: the open items by what they are about; `today`: the day there."""

    now_us: int
    head: Head
    terms: Terms
    hours: BusinessTime
    deals: Mapping[str, tuple[Item, ...]]
    today: int

    @property
    def is_person(self) -> bool:
        """Whether a person would be interrupted."""
        return not self.head.recipient.channel

    @property
    def spent(self) -> int:
        """Interruptions made today."""
        return self.head.spent if self.head.day == self.today else 0

    @property
    def room(self) -> int:
        """Interruptions that are left today."""
        budget = self.terms.alerts.budget
        return max(0, (budget.per_day if self.is_person else budget.channel_per_day) - self.spent)

    def tomorrow_us(self) -> int:
        """When the next day begins, in the recipient's zone."""
        return self.hours.zone.start_us(self.today + 1)

    def digest_us(self, at_us: int) -> int:
        """The first digest at that instant or later: at the opening of a working day."""
        day = self.hours.zone.day_of(at_us)
        today_us = self.hours.opens_us(self.hours.zone.start_us(day))
        return today_us if today_us >= at_us else self.hours.opens_us(self.hours.zone.start_us(day + 1))

    @property
    def week(self) -> int:
        """The first day of the week in the recipient's zone."""
        return self.hours.week_of(self.today)

    def queue_us(self, week: int) -> int:
        """When the queue of a week is due: at the opening of its first working day."""
        return self.hours.opens_us(self.hours.zone.start_us(week))

    @property
    def queues(self) -> bool:
        """Whether the week's queue is due: on its first working day, once, to a person."""
        if not (self.is_person and self.terms.alerts.queue.enabled and self.head.queue_week < self.week):
            return False
        due_us = self.queue_us(self.week)
        return self.now_us >= due_us and self.today == self.hours.zone.day_of(due_us)

    def next_queue_us(self) -> int:
        """When the next queue is due; 0: never."""
        if not (self.is_person and self.terms.alerts.queue.enabled):
            return 0
        due_us = self.queue_us(self.week)
        return due_us if due_us > self.now_us else self.queue_us(self.hours.week_of(self.week + _WEEK_DAYS))


_WEEK_DAYS = 7


class Stopped(NamedTuple):
    """A candidate that goes no further. `until_us`: look again then; 0: when something happens."""

    item: Item
    reason: Reason
    until_us: int = 0
    detail: str = ""


class Raised(NamedTuple):
    """A signal that goes to the next person."""

    item: Item
    to: Hearer | None


class Saying(NamedTuple):
    """Candidates that are told in one message, the most important first; `more` wait for another day.

    `listed`: what was told before and stands, and is shown again.
    """

    form: Form
    told: tuple[Candidate, ...]
    more: int = 0
    listed: tuple[Item, ...] = ()


class Passage(NamedTuple):
    """What came of a step: who goes on, who was stopped, what goes to somebody else, and what is said."""

    going: tuple[Candidate, ...]
    stopped: tuple[Stopped, ...] = ()
    raised: tuple[Raised, ...] = ()
    sayings: tuple[Saying, ...] = ()


Going: TypeAlias = tuple[Candidate, ...]
PolicyStep: TypeAlias = Callable[[Scene, Going], Passage]


def settle(scene: Scene, going: Going) -> Passage:
    """What was never told must have lasted a while."""
    return _sift(going, lambda one: _unsettled(scene, one))


def _unsettled(scene: Scene, one: Candidate) -> Stopped | None:
    if one.occasion is not Occasion.NEW or scene.now_us >= one.item.settled_us:
        return None
    return Stopped(one.item, Reason.SETTLING, one.item.settled_us)


def inhibit(scene: Scene, going: Going) -> Passage:
    """Nobody is interrupted about what a graver signal on the same deal says already.

    The table goes before the rule of severities: what the table mutes can itself mute nothing by that rule, so that
    something is always left to be told.
    """
    return _sift(going, lambda one: _inhibited(scene, one))


def _inhibited(scene: Scene, one: Candidate) -> Stopped | None:
    others = scene.deals[one.item.signal.subject_key]
    if len(others) == 1:
        return None
    by = _by_table(scene, one.item, others) or _by_severity(scene, one.item, others)
    return None if by is None else Stopped(one.item, Reason.INHIBITED, detail=by.signal.kind.value)


def _by_table(scene: Scene, item: Item, others: Iterable[Item]) -> Item | None:
    rows = scene.terms.inhibitors.get(item.signal.kind, ())
    return next((other for row in rows for other in others if _covers(row, other.signal, item.signal)), None)


def _covers(row: Inhibition, graver: Signal, milder: Signal) -> bool:
    if graver.kind is not row.by:
        return False
    return not row.same_field or fields_of(milder) <= fields_of(graver)


def fields_of(signal: Signal) -> frozenset[object]:
    """The fields that a signal complains of."""
    return frozenset(detail["field"] for detail in signal.evidence.details if "field" in detail)


def _by_severity(scene: Scene, item: Item, others: Iterable[Item]) -> Item | None:
    if not scene.terms.alerts.graver_in_family:
        return None
    signal = item.signal
    for other in others:
        graver = GRAVITY[other.signal.severity] > GRAVITY[signal.severity]
        if graver and other.signal.family is signal.family and _by_table(scene, other, others) is None:
            return other
    return None


def silence(scene: Scene, going: Going) -> Passage:
    """What somebody has seen to is left alone: for a time, until it is over, or until it becomes worse."""
    return _sift(going, lambda one: _silenced(scene, one))


def _silenced(scene: Scene, one: Candidate) -> Stopped | None:
    action = one.item.action
    if action is None:
        return None
    if one.occasion is Occasion.WORSE and action.kind in _UNLESS_WORSE:
        return None
    until_us = silent_until_us(action, scene.terms)
    if until_us is not None and scene.now_us >= until_us:
        return None
    return Stopped(one.item, _SILENCES[action.kind], until_us or 0)


_SILENCES: dict[ActionKind, Reason] = {
    ActionKind.DONE: Reason.DONE,
    ActionKind.SNOOZE: Reason.SNOOZED,
    ActionKind.NOT_RELEVANT: Reason.NOT_RELEVANT,
    ActionKind.OVERRIDE: Reason.OVERRIDDEN,
    ActionKind.ACKNOWLEDGE: Reason.ACKNOWLEDGED,
}
#: These were said of the signal as it was; an exception and a "not relevant" hold however grave it becomes.
_UNLESS_WORSE = frozenset({ActionKind.DONE, ActionKind.SNOOZE, ActionKind.ACKNOWLEDGE})


def silent_until_us(action: Action, terms: Terms) -> int | None:
    """When an action is over; None: with the signal. A snooze or an exception without an end ends where it began."""
    if action.kind is ActionKind.DONE:
        return parse_rfc3339(action.at) + round(terms.alerts.done_days * DAY_US)
    if action.kind in (ActionKind.SNOOZE, ActionKind.OVERRIDE):
        return parse_rfc3339(action.until or action.at)
    return None


def quiet_hours(scene: Scene, going: Going) -> Passage:
    """People hear in their working hours, unless the playbook wakes them for a kind. Channels wake nobody."""
    if not scene.is_person or not scene.terms.alerts.quiet_hours:
        return Passage(going)
    opens_us = scene.hours.opens_us(scene.now_us)
    if opens_us == scene.now_us:
        return Passage(going)
    return _sift(
        going,
        lambda one: None if scene.terms.wakes(one.item.signal) else Stopped(one.item, Reason.QUIET_HOURS, opens_us),
    )


def group(scene: Scene, going: Going) -> Passage:
    """News waits a moment for more; when the moment of one is over, all that is ready goes as one message.

    What cannot wait inside the working hours goes before they end.
    """
    news = tuple(_ready(scene, one) for one in going if one.is_news and not one.item.digest_us)
    others = tuple(one for one in going if not one.is_news or one.item.digest_us)
    if not news:
        return Passage(going)
    end_us = min(_waits_until_us(scene, one) for one in news)
    if scene.now_us >= end_us or _closes_before(scene, end_us):
        return Passage((*news, *others))
    return Passage(others, tuple(Stopped(one.item, Reason.GROUPING, end_us) for one in news))


def _ready(scene: Scene, one: Candidate) -> Candidate:
    return one if one.item.ready_us else one._replace(item=_replace(one.item, ready_us=scene.now_us))


def _waits_until_us(scene: Scene, one: Candidate) -> int:
    if one.occasion is not Occasion.NEW:
        return scene.now_us
    return one.item.ready_us + scene.terms.group_us(one.item.signal.severity)


def _closes_before(scene: Scene, end_us: int) -> bool:
    quiet = scene.is_person and scene.terms.alerts.quiet_hours
    return quiet and scene.hours.opens_us(scene.now_us) == scene.now_us and not scene.hours.is_open(end_us)


def budget(scene: Scene, going: Going) -> Passage:
    """The news, as far as the day has room for messages: the critical and then the most money first.

    What it has no room for waits for the digest. A critical signal on one of the largest deals needs no room.
    """
    waiting = tuple(one for one in going if one.is_news and one.item.digest_us)
    news = sorted((one for one in going if one.is_news and not one.item.digest_us), key=lambda one: _price(scene, one))
    told: list[Candidate] = []
    beyond: list[Candidate] = []
    room = scene.room
    for batch in _messages(scene, news):
        some, rest = _afforded(scene, batch, room)
        told, beyond, room = told + some, beyond + rest, room - bool(some)
    late = scene.digest_us(scene.now_us + 1)
    stopped = [Stopped(_replace(one.item, digest_us=late), Reason.OVER_BUDGET, late) for one in beyond]
    digest = tuple(one._replace(occasion=Occasion.DIGEST) for one in waiting if _is_digested(scene, one.item.digest_us))
    held = (one for one in waiting if not _is_digested(scene, one.item.digest_us))
    stopped += [Stopped(one.item, Reason.OVER_BUDGET, _digest_after_us(scene, one.item.digest_us)) for one in held]
    standing = tuple(one for one in going if not one.is_news)
    return Passage((*told, *digest, *standing), tuple(stopped))


def _price(scene: Scene, one: Candidate) -> tuple[bool, float, int, str]:
    """What goes first: the critical, the most money, the older."""
    signal = one.item.signal
    critical = signal.severity is Severity.CRITICAL
    return not critical, -scene.terms.money(signal), one.item.settled_us, signal.id


def _messages(scene: Scene, news: Iterable[Candidate]) -> list[list[Candidate]]:
    """Which news becomes one message."""
    if scene.terms.alerts.group.across_deals:
        return [list(news)]
    by_deal: dict[str, list[Candidate]] = {}
    for one in news:
        by_deal.setdefault(one.item.signal.subject_key, []).append(one)
    return list(by_deal.values())


def _afforded(scene: Scene, news: list[Candidate], room: int) -> tuple[list[Candidate], list[Candidate]]:
    numbers = scene.terms.alerts
    critical = any(one.item.signal.severity is Severity.CRITICAL for one in news)
    reserve = numbers.budget.critical_reserve if scene.is_person and not critical else 0
    if room > reserve:
        return news[: numbers.group.most], news[numbers.group.most :]
    exempt = [one for one in news if _is_exempt(one)][: numbers.group.most]
    told = [one._replace(reason=Reason.TOLD_BEYOND_BUDGET) for one in exempt]
    return told, [one for one in news if one not in exempt]


def _is_exempt(one: Candidate) -> bool:
    return one.item.large and one.item.signal.severity is Severity.CRITICAL


def _is_digested(scene: Scene, digest_us: int) -> bool:
    """Whether the digest for which something waits is the one of this moment. There is one a day."""
    return scene.now_us >= digest_us and scene.head.digest_day != scene.today


def _digest_after_us(scene: Scene, digest_us: int) -> int:
    return digest_us if digest_us > scene.now_us else scene.digest_us(scene.now_us + 1)


def repeat(scene: Scene, going: Going) -> Passage:
    """What was told long enough ago is said again: a critical one by itself, the others in the digest.

    The intervals grow, and when the last is over it stands as it is. Only what the news left of the budget is used.
    """
    room = scene.room - sum(map(bool, _messages(scene, (one for one in going if one.is_news))))
    passed: list[Candidate] = []
    for one in sorted(going, key=lambda one: _price(scene, one)):
        due_us = repeat_us(scene, one.item) if one.occasion is Occasion.STANDING else 0
        if not due_us or scene.now_us < due_us:
            passed.append(one)
        elif one.item.signal.severity is not Severity.CRITICAL:
            passed.append(one._replace(occasion=Occasion.DIGEST, reason=Reason.REPEATED))
        elif room > 0:
            room -= 1
            passed.append(one._replace(occasion=Occasion.AGAIN, reason=Reason.REPEATED))
        else:
            passed.append(one)
    return Passage(tuple(passed))


def repeat_us(scene: Scene, item: Item) -> int:
    """When an item that was told is said again; 0: never. Each interval is longer than the last one really was."""
    days = scene.terms.alerts.repeat_days
    if item.first is None or item.repeats >= len(days):
        return 0
    interval_us = max(round(days[item.repeats] * DAY_US), item.gap_us + 1 if item.repeats else 0)
    at_us = item.told_us + interval_us
    if item.signal.severity is Severity.CRITICAL:
        return at_us if at_us > scene.now_us or scene.room > 0 else scene.tomorrow_us()
    at_us = scene.digest_us(at_us)
    if at_us > scene.now_us or scene.head.digest_day != scene.today:
        return at_us
    return scene.digest_us(scene.now_us + 1)


def escalate(scene: Scene, going: Going) -> Passage:
    """What was told, and about which nobody has said a word within the time limit, goes to the next person."""
    raised = tuple(
        Raised(item, scene.terms.next_rung(item.signal, (*item.before, scene.head.recipient.key)))
        for item in (one.item for one in going)
        if item.first is not None and item.answer_us and scene.now_us > item.answer_us
    )
    return Passage(going, raised=raised)


def record(scene: Scene, going: Going) -> Passage:
    """What came through is told: the news in one message, each repetition in its own, the digest. The rest stands."""
    news = [one for one in going if one.is_news]
    again = [one for one in going if one.occasion is Occasion.AGAIN]
    digest = sorted((one for one in going if one.occasion is Occasion.DIGEST), key=lambda one: _late(scene, one))
    listed = _listed(scene, going)
    queue = scene.queues and bool(listed or digest)
    most = scene.terms.alerts.queue.most if queue else scene.terms.alerts.digest.most
    shown, rest = digest[:most], digest[most:]
    sayings = [
        Saying(_form_of(some), tuple(_called(one, place) for place, one in enumerate(some)))
        for some in _messages(scene, news)
        if some
    ]
    sayings += [Saying(Form.DEAL, (one,)) for one in again]
    told = tuple(one._replace(reason=_IN_DIGEST.get(one.reason, one.reason)) for one in shown)
    if queue:
        fits = listed[: most - len(told)]
        sayings.append(Saying(Form.QUEUE, told, len(rest) + len(listed) - len(fits), fits))
    elif told:
        sayings.append(Saying(Form.DIGEST, told, len(rest)))
    late_us = scene.digest_us(scene.now_us + 1)
    stopped = tuple(Stopped(one.item, Reason.OVER_BUDGET, late_us) for one in rest)
    standing = tuple(one for one in going if one.occasion is Occasion.STANDING)
    return Passage(standing, stopped, sayings=tuple(sayings))


def _listed(scene: Scene, going: Going) -> tuple[Item, ...]:
    """What stands in the week's queue beside the day's digest: all that was told before the week began."""
    if not scene.queues:
        return ()
    began_us = scene.queue_us(scene.week)
    standing = [one.item for one in going if one.occasion in _LISTED and one.item.told_us < began_us]
    return tuple(sorted(standing, key=lambda item: -scene.terms.money(item.signal)))


_LISTED = frozenset({Occasion.STANDING, Occasion.AGAIN})


def _late(scene: Scene, one: Candidate) -> tuple[bool, tuple[bool, float, int, str]]:
    """In a digest what was never told goes before what is said again."""
    return one.item.first is not None, _price(scene, one)


def _form_of(news: list[Candidate]) -> Form:
    return Form.DEAL if len({one.item.signal.subject_key for one in news}) == 1 else Form.DEALS


_OCCASIONS = {Occasion.WORSE: Reason.WORSE, Occasion.BACK: Reason.ACTION_OVER}
_IN_DIGEST = {Reason.TOLD: Reason.DIGESTED}


def _called(one: Candidate, place: int) -> Candidate:
    """The reason that is logged: of several that are new, the first is told and the others are merged with it.

    What is told beyond the budget says so, whatever else is the matter with it.
    """
    if one.reason is not Reason.TOLD:
        return one
    return one._replace(reason=_OCCASIONS.get(one.occasion, Reason.MERGED if place else Reason.TOLD))


STEPS: tuple[PolicyStep, ...] = (
    settle,
    inhibit,
    silence,
    quiet_hours,
    group,
    budget,
    repeat,
    escalate,
    record,
)


def through(scene: Scene, candidates: Going) -> Passage:
    """All the steps, one after another."""
    going = candidates
    stopped: list[Stopped] = []
    raised: list[Raised] = []
    sayings: list[Saying] = []
    for step in STEPS:
        passage = step(scene, going)
        going = passage.going
        stopped += passage.stopped
        raised += passage.raised
        sayings += passage.sayings
    return Passage(going, tuple(stopped), tuple(raised), tuple(sayings))


def _sift(going: Going, stops: Callable[[Candidate], Stopped | None]) -> Passage:
    answers = [(one, stops(one)) for one in going]
    return Passage(
        tuple(one for one, stopped in answers if stopped is None),
        tuple(stopped for _, stopped in answers if stopped is not None),
    )
