"""What is remembered of one recipient: a head, an item per signal, a page per message.

Each is a row of its own, so that a change writes what changed and not the whole mailbox: a channel may have thousands
of open signals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec

from alerts.actions import Action
from alerts.reasons import FATES, Fate, Reason
from alerts.values import Form, Recipient, Said, decode_said
from topics.codec import decoder, encode
from topics.instants import DAY_US
from topics.signals import Severity, Signal, Step

#: How many transitions of one signal are recognised when they come again. A redelivered batch repeats the latest.
REMEMBERED = 32
#: How long a resolved signal is remembered, so that a repeat of its transitions changes nothing.
KEEP_RESOLVED_US = 30 * DAY_US
NEVER_US = 2**62
_ITEM, _PAGE = "\x1f", "\x1e"


class Head(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The recipient, the latest definitions heard of, and what today has seen.

    `day` is the day of the recipient's zone (as `date.toordinal`) on which `spent` interruptions were made;
    `digest_day` the day of the last digest, `queue_week` the first day of the week of the last queue. `due_us`: when
    the mailbox is to be looked at again.
    """

    recipient: Recipient
    version: str
    day: int = 0
    spent: int = 0
    digest_day: int = 0
    queue_week: int = 0
    due_us: int = NEVER_US


#: These are over for a recipient, though the signal is open.
_CLOSED = frozenset({Reason.FLOOD, Reason.NOT_THEIRS})


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One signal, as this recipient met it. Instants are microseconds since 1970, 0: not yet, or none.

    `at_us` is the instant of the latest transition, `heard_us` when it arrived; `seen` are fingerprints of those that
    arrived, newest last. `reason` is the latest decision; `first` the one by which it was told, at severity `told_as`.
    `settled_us`: it has lasted long enough then. `ready_us`: since when it waits for others. `digest_us`: the digest it
    waits for. `told_us`: the latest interruption about it, `gap_us` after the one before, `repeats` of them repeats.
    `answer_us`: something must have changed by then. `due_us`: time alone may change something then.
    `before` and `passed_to`: who was told before, and who after.
    """

    signal: Signal
    via: Reason
    reason: Reason
    at_us: int
    heard_us: int
    seen: tuple[str, ...]
    settled_us: int = 0
    ready_us: int = 0
    digest_us: int = 0
    large: bool = False
    first: Reason | None = None
    told_as: Severity | None = None
    told_us: int = 0
    gap_us: int = 0
    repeats: int = 0
    answer_us: int = 0
    due_us: int = 0
    before: tuple[str, ...] = ()
    passed_to: tuple[Recipient, ...] = ()
    action: Action | None = None

    @property
    def is_over(self) -> bool:
        """Whether it is resolved."""
        return self.signal.transition is Step.RESOLVED

    @property
    def is_open(self) -> bool:
        """Whether it may still be said, by this recipient's lights: it is neither over, nor closed, nor another's."""
        return not (self.is_over or self.reason in _CLOSED or self.via is Reason.HEARD_BEFORE)

    @property
    def fate(self) -> Fate:
        """What became of it; what was told stays told."""
        return FATES[self.first or self.reason]


class Page(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message: which signals it shows, how often it was said or edited (`seq`), and when it was said first.

    `more` is how many more a digest tells of. Of a flood: `flood` stands for its signals, `counts` are the openings by
    partition, `since` is when it began, `heard_us` when it was last heard of.
    """

    id: str
    form: Form
    via: Reason
    signals: tuple[str, ...]
    seq: int
    born_us: int = 0
    more: int = 0
    counts: dict[int, int] = msgspec.field(default_factory=dict)
    flood: Signal | None = None
    since: str = ""
    heard_us: int = 0


Row: TypeAlias = tuple[bytes, bytes | None]


class Mailbox:
    """One recipient's rows; it holds no other knowledge than these."""

    __slots__ = ("_changed", "_deals", "_pages_of", "earlier", "head", "items", "pages")

    def __init__(self, head: Head) -> None:
        self.head = head
        self.items: dict[str, Item] = {}
        self.pages: dict[str, Page] = {}
        self.earlier: dict[str, Said] = {}
        self._pages_of: dict[str, tuple[str, ...]] = {}
        self._deals: dict[str, set[str]] = {}
        self._changed: set[str] = {""}

    @property
    def recipient(self) -> Recipient:
        """Whose it is."""
        return self.head.recipient

    def lead(self, head: Head) -> None:
        """Replace the head."""
        if head != self.head:
            self.head = head
            self._changed.add("")

    def put(self, item: Item) -> None:
        """Add or replace an item."""
        key = item.signal.id
        if self.items.get(key) is not item:
            self.items[key] = item
            self.earlier.pop(key, None)
            self._deals.setdefault(item.signal.subject_key, set()).add(key)
            self._changed.add(_ITEM + key)

    def put_page(self, page: Page) -> None:
        """Add or replace a page."""
        for signal in page.signals:
            known = self._pages_of.get(signal, ())
            if page.id not in known:
                self._pages_of[signal] = (*known, page.id)
        self.pages[page.id] = page
        self._changed.add(_PAGE + page.id)

    def pages_with(self, signal: str) -> tuple[Page, ...]:
        """Every page that shows a signal, oldest first."""
        pages = (self.pages[each] for each in self._pages_of.get(signal, ()))
        return tuple(sorted(pages, key=lambda page: (page.born_us, page.id)))

    def deal(self, subject_key: str) -> tuple[Item, ...]:
        """The open items about one deal, in an order that does not depend on how they came here."""
        items = (self.items[each] for each in sorted(self._deals.get(subject_key, ())))
        return tuple(item for item in items if item.is_open)

    def wake(self, signal: str, now_us: int) -> None:
        """Something happened to a signal: it and its deal are to be looked at again."""
        item = self.items.get(signal)
        for each in () if item is None else self.deal(item.signal.subject_key):
            if each.due_us > now_us:
                self.put(msgspec.structs.replace(each, due_us=now_us))

    def forget(self, now_us: int) -> None:
        """Drop what was over long ago, and pages that show nothing else."""
        for key in [key for key, item in self.items.items() if _forgettable(item, now_us)]:
            self._deals[self.items.pop(key).signal.subject_key].discard(key)
            self._pages_of.pop(key, None)
            self._changed.add(_ITEM + key)
        for page in [page for page in self.pages.values() if self._is_empty(page, now_us)]:
            del self.pages[page.id]
            self._changed.add(_PAGE + page.id)
        for key in [key for key, said in self.earlier.items() if _past(said, now_us)]:
            del self.earlier[key]
            self._changed.add(_ITEM + key)

    def _is_empty(self, page: Page, now_us: int) -> bool:
        if page.form is Form.FLOOD:
            return now_us - page.heard_us > KEEP_RESOLVED_US
        return not any(each in self.items for each in page.signals)

    def changes(self) -> Iterator[Row]:
        """The rows that changed since this was asked last."""
        for name in sorted(self._changed):
            yield f"{self.recipient.key}{name}".encode(), self._row(name)
        self._changed.clear()

    def _row(self, name: str) -> bytes | None:
        value: object = self.head
        if name.startswith(_ITEM):
            value = self.items.get(name[1:])
        elif name.startswith(_PAGE):
            value = self.pages.get(name[1:])
        return None if value is None else encode(value)

    def settle(self) -> None:
        """Count what was loaded as written."""
        self._changed.clear()


def loaded(rows: Iterable[tuple[bytes, bytes]]) -> dict[str, Mailbox]:
    """The mailboxes of a partition by recipient. Rows of earlier releases are kept until their signal is heard again.

    Those have no head; their mailbox is made when the recipient is first heard of (`adopted`).
    """
    boxes: dict[str, Mailbox] = {}
    parts: list[tuple[str, str, str, bytes]] = []
    for key, value in rows:
        text = key.decode()
        for mark in (_ITEM, _PAGE):
            recipient, found, name = text.partition(mark)
            if found:
                parts.append((recipient, mark, name, value))
                break
        else:
            boxes[text] = Mailbox(_decode_head(value))
    for recipient, mark, name, value in parts:
        box = boxes.get(recipient)
        if box is None:
            box = boxes[recipient] = Mailbox(Head(recipient=Recipient(key=recipient, name=""), version=""))
        if mark == _PAGE:
            box.put_page(_decode_page(value))
        elif isinstance(found_item := _item(value), Said):
            box.earlier[name] = found_item
        else:
            box.put(found_item)
    for box in boxes.values():
        box.settle()
    return boxes


def _item(value: bytes) -> Item | Said:
    try:
        item: Item = _decode_item(value)
    except msgspec.ValidationError:
        return decode_said(value)
    return item


def _forgettable(item: Item, now_us: int) -> bool:
    """Whether the signal has been over for so long that nothing of it can come again."""
    return item.is_over and now_us - item.heard_us > KEEP_RESOLVED_US


def _past(said: Said, now_us: int) -> bool:
    return said.step is Step.RESOLVED and now_us - said.heard_us > KEEP_RESOLVED_US


_decode_head: Callable[[bytes], Head] = decoder(Head)
_decode_item: Callable[[bytes], Item] = decoder(Item)
_decode_page: Callable[[bytes], Page] = decoder(Page)
