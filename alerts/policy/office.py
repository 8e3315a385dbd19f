"""All mailboxes of a partition of the inbox, and a heap that says which is due. Pure: time is an argument."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from alerts.policy.arrivals import take_acted, take_flooded, take_told, take_withdrawn
from alerts.policy.effects import Effect
from alerts.policy.rounds import play
from alerts.policy.state import Head, Item, Mailbox, Row, loaded
from alerts.policy.terms import Terms
from alerts.values import Acted, Flooded, Told, Withdrawn

TermsOf = Callable[[str], Terms]


class Office:
    """Takes entries and moments; what is to be logged, said and passed on is returned in order."""

    def __init__(self, terms_of: TermsOf, rows: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._terms_of = terms_of
        self.boxes = loaded(rows)
        self._touched: dict[str, Mailbox] = {}
        self._heap = [(box.head.due_us, key) for key, box in self.boxes.items()]
        heapq.heapify(self._heap)

    def take(self, entry: Told | Acted | Withdrawn | Flooded, now_us: int) -> list[Effect]:
        """Something for one recipient. Nobody is interrupted before the next moment, but by a flood's one message."""
        key = entry.recipient.key
        box = self.boxes.get(key)
        if box is None:
            box = self.boxes[key] = Mailbox(Head(recipient=entry.recipient, version=""))
        effects = list(self._taken(box, entry, now_us))
        self._touched[key] = box
        box.wake(_about(entry), now_us)
        self._wake(box, now_us)
        return effects

    def _taken(self, box: Mailbox, entry: Told | Acted | Withdrawn | Flooded, now_us: int) -> Iterator[Effect]:
        match entry:
            case Told():
                return take_told(box, self._terms_of(entry.signal.playbook), entry, now_us)
            case Acted():
                return take_acted(box, self._terms_of(box.head.version), entry, now_us)
            case Withdrawn():
                return take_withdrawn(box, entry, now_us)
            case Flooded():
                return take_flooded(box, self._terms_of(entry.signal.playbook), entry, now_us)

    def moment(self, at_us: int, *, exact: bool = False) -> list[Effect]:
        """It is `at_us`: whoever is due is looked at.

        `exact`: as of the instant at which it was due, one after another in time: where time is the data's and leaps.
        """
        effects: list[Effect] = []
        while self._heap and self._heap[0][0] <= at_us:
            due_us, key = heapq.heappop(self._heap)
            box = self.boxes.get(key)
            if box is None or box.head.due_us != due_us:
                continue  # it was woken earlier, or looked at since
            effects += play(box, self._terms_of(box.head.version), due_us if exact else at_us)
            self._touched[key] = box
            heapq.heappush(self._heap, (box.head.due_us, key))
        return effects

    def next_due_us(self) -> int | None:
        """When somebody is due next."""
        return self._heap[0][0] if self._heap else None

    def items(self) -> Iterator[Item]:
        """Every item of every mailbox."""
        return (item for box in self.boxes.values() for item in box.items.values())

    def forget(self, now_us: int) -> None:
        """Drop what was over long ago."""
        for key, box in self.boxes.items():
            box.forget(now_us)
            self._touched[key] = box

    def changes(self) -> Iterator[Row]:
        """The rows that changed since this was asked last."""
        for box in self._touched.values():
            yield from box.changes()
        self._touched.clear()

    def _wake(self, box: Mailbox, at_us: int) -> None:
        if box.head.due_us > at_us:
            box.lead(replace(box.head, due_us=at_us))
            heapq.heappush(self._heap, (at_us, box.recipient.key))


def _about(entry: Told | Acted | Withdrawn | Flooded) -> str:
    """The id of the signal that an entry is about."""
    match entry:
        case Acted():
            return entry.action.signal
        case Withdrawn():
            return entry.signal
    return entry.signal.id
