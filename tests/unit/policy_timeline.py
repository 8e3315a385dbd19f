"""The policy as a timeline: something arrives at t, something is said between t1 and t2. The test moves the clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from alerts.actions import Action, ActionKind, By, Role
from alerts.audience import person
from alerts.policy.effects import Effect
from alerts.policy.office import Office
from alerts.policy.terms import Terms, terms_of
from alerts.reasons import FATES, Fate, Reason
from alerts.values import Acted, Decision, Delivery, Flooded, Op, Recipient, Told, Withdrawn
from playbook.alerting import Queue
from playbook.model import Playbook
from playbook.owners import Directory
from tests.golden.messages.samples import ANN, PLAYBOOK, PLAYBOOK_HASH
from topics.instants import SECOND_US, parse_rfc3339, rfc3339
from topics.signals import Signal, Step

#: A Wednesday, half past nine: half an hour into Ann's working day, which ends at 17:00 UTC.
START_US = parse_rfc3339("2026-11-04T09:30:00Z")
TO_ANN = person(ANN)


#: Without the weekly queue, which has tests of its own and would stand between the others' messages.
UNQUEUED = PLAYBOOK.model_copy(update={"alerts": PLAYBOOK.alerts.model_copy(update={"queue": Queue(enabled=False)})})


class Line(NamedTuple):
    """Something that was said: seconds after the start, what was done, why, about which kinds."""

    at_s: float
    op: Op
    reason: Reason
    kinds: tuple[str, ...]


class Timeline:
    """One office and its clock, in seconds after START_US."""

    def __init__(self, playbook: Playbook = UNQUEUED, to: Recipient = TO_ANN) -> None:
        self.terms: Terms = terms_of(playbook, PLAYBOOK_HASH, Directory(playbook.owners), {})
        self.to = to
        self.now_us = START_US
        self.office = Office(lambda _: self.terms)
        self.said: list[tuple[float, Delivery]] = []
        self.log: list[Decision] = []

    def push(self, at_s: float, signal: Signal, *, large: bool = False) -> Signal:
        """A transition arrives when it is detected."""
        self.until(at_s)
        at = rfc3339(self.now_us)
        signal = replace(signal, occurred_at=at, detected_at=at)
        self.take(Told(recipient=self.to, via=Reason.AS_OWNER, signal=signal, large=large))
        return signal

    def act(self, at_s: float, kind: ActionKind, signal: Signal, until_s: float | None = None) -> None:
        """Somebody does something about it."""
        self.until(at_s)
        action = Action(
            id=f"{kind}@{at_s}",
            kind=kind,
            signal=signal.id,
            subject_key=signal.subject_key,
            by=By(team_id="T1", user_id="U1", name="Ann Example", role=Role.OWNER),
            at=rfc3339(self.now_us),
            until="" if until_s is None else rfc3339(START_US + round(until_s * SECOND_US)),
        )
        self.take(Acted(recipient=self.to, action=action))

    def until(self, at_s: float) -> None:
        """Let time pass up to then."""
        end_us = START_US + round(at_s * SECOND_US)
        while (due_us := self.office.next_due_us()) is not None and due_us <= end_us:
            self.now_us = max(due_us, self.now_us)
            self._take(self.office.moment(self.now_us, exact=True))
        self.now_us = end_us

    def take(self, entry: Told | Acted | Withdrawn | Flooded) -> None:
        """An entry of the inbox, now."""
        self._take(self.office.take(entry, self.now_us))

    def _take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Delivery):
                self.said.append(((self.now_us - START_US) / SECOND_US, effect))
            elif isinstance(effect, Decision):
                self.log.append(effect)
            else:
                self.take(effect)

    def lines(self) -> list[Line]:
        """What was said to the recipient so far."""
        return [
            Line(at_s, each.op, each.reason, tuple(one.kind.value for one in each.shown)) for at_s, each in self.own()
        ]

    def own(self) -> list[tuple[float, Delivery]]:
        """The deliveries to the recipient, not those to whom it was passed on."""
        return [(at_s, each) for at_s, each in self.said if each.recipient == self.to]

    def spoken(self) -> Iterator[Line]:
        """The interruptions among it."""
        return (line for line in self.lines() if line.op is not Op.EDIT)

    def reasons(self) -> list[Reason]:
        """What was decided, in order."""
        return [each.reason for each in self.log]


def conserved(log: list[Decision]) -> dict[tuple[str, str], Fate]:
    """The fate of every (signal, recipient) that opened, as the log alone tells it.

    Raises AssertionError where the log leaves one without a fate, or takes back that it was told.
    """
    fates: dict[tuple[str, str], Fate] = {}
    for each in log:
        key = (each.signal, each.recipient)
        if each.reason in FATES and (key in fates or each.transition is not Step.RESOLVED):
            known = fates.get(key)
            if known not in (Fate.TOLD, Fate.MERGED):
                fates[key] = FATES[each.reason]
        elif each.op is not None:
            assert key in fates, each
    return fates


def counted(fates: dict[tuple[str, str], Fate]) -> Counter[Fate]:
    """How many have each fate."""
    return Counter(fates.values())
