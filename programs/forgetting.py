"""Making an installation forget: who holds a subject is looked up, and told to let go of it.

State has one writer, so nothing is deleted from outside: control events (`Forgotten`) go to the partitions that hold
the subject, and the programs that serve them let go of it in their own transactions. So a log that is replayed forgets
in the same place.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from alerts.ledger import LedgerEntry, decode_entry, places
from engine.admin import produce_together, read_all
from engine.records import Output
from engine.settings import Broker
from signals.joining.mentions import Mention, found
from topics.catalog import ALERT_LEDGER, DEAL_CURRENT, DEAL_EVENTS, DEAL_SIGNALS, PEOPLE_EVENTS, STATE_JOIN, Topic
from topics.codec import decode_signal, encode
from topics.events import Forgotten, event_id, source_of
from topics.instants import DAY_US, rfc3339

What: TypeAlias = Literal["deal", "person", "account", "owner"]
WHATS: tuple[What, ...] = ("deal", "person", "account", "owner")

#: Who forgets while another does fences that one off.
TRANSACTIONAL_ID = "forget.subject"
#: A record leaves its topic at most so much later than its retention says (`topics.catalog`).
LAG_DAYS = 1


class Held(NamedTuple):
    """What is kept of a subject: as what it is known, and in the join's state who names it as each of those."""

    known_as: tuple[What, ...]
    mentions: dict[What, tuple[Mention, ...]]


class Message(NamedTuple):
    """A message in Slack about the subject: where it stands."""

    channel: str
    ts: str


class Unreached(NamedTuple):
    """A topic where the subject may stand, until its records are past their time (RFC 3339, a day)."""

    topic: str
    until: str
    personal: str


def held(broker: Broker, subject: str) -> Held:
    """Read what is kept of a subject. Raises `BrokerAway`, and `LookupError` for topics that do not exist."""
    joined = found(((record.key or b"", record.value) for record in read_all(broker, STATE_JOIN)), subject)
    itself = set(joined.itself)
    if _last(broker, DEAL_CURRENT, subject.encode()) is not None:
        itself.add("deal")
    known_as = tuple(what for what in WHATS if what in itself or joined.mentions[what])
    return Held(known_as, {what: joined.mentions[what] for what in WHATS})


def forget(broker: Broker, subject: str, whats: Iterable[What], known: Held) -> int:
    """Tell all who hold the subject, in one transaction; how many were told. Raises as `produce_together`."""
    now_us = time.time_ns() // 1000
    outputs: list[Output] = []
    for what in whats:
        keys = dict.fromkeys([subject, *(mention.key for mention in known.mentions[what])])
        outputs += [_told(PEOPLE_EVENTS, key, subject, what, now_us) for key in keys]
        if what == "deal":
            outputs.append(_told(DEAL_EVENTS, subject, subject, what, now_us))
    return produce_together(broker, outputs, TRANSACTIONAL_ID)


def forgotten(broker: Broker, subject: str, whats: Sequence[What], wait_s: float) -> Held:
    """Look until nothing is kept of the subject as any of these, or the time is over; what is left then."""
    deadline = time.monotonic() + wait_s
    while True:
        left = held(broker, subject)
        if not set(left.known_as) & set(whats) or time.monotonic() >= deadline:
            return left
        time.sleep(1)


def messages(broker: Broker, subject: str) -> list[Message]:
    """The messages about a subject that stand in Slack, as far as signals and ledger still know them."""
    signals: set[str] = set()
    for record in read_all(broker, DEAL_SIGNALS):
        if record.key == subject.encode() and record.value is not None:
            try:
                signals.add(decode_signal(record.value).id)
            except msgspec.DecodeError:
                continue  # none of ours
    said: dict[bytes, LedgerEntry] = {}
    for record in read_all(broker, ALERT_LEDGER) if signals else ():
        said.pop(record.key or b"", None)
        if record.value is not None:
            entry = decode_entry(record.value)
            if not signals.isdisjoint((entry.signal, *entry.signals)):
                said[record.key or b""] = entry
    return sorted({Message(one.channel, ts) for one in said.values() for ts in places(one)})


def unreached(topics: Iterable[Topic], now_us: int) -> list[Unreached]:
    """The topics that are not compacted: what stands there of people goes with its time, not before."""
    return [
        Unreached(topic.name, _day(now_us, topic.retention_days + LAG_DAYS), topic.personal)
        for topic in topics
        if topic.retention_days is not None
    ]


def _day(now_us: int, days: int) -> str:
    return rfc3339(now_us + days * DAY_US)[:10]


def _told(topic: str, key: str, subject: str, what: What, now_us: int) -> Output:
    identity = event_id("forgotten", topic, key, subject, what, now_us)
    source = source_of(subject)
    event = Forgotten(id=identity, key=key, source=source, at_us=now_us, subject=subject, what=what)
    return Output(topic, key.encode(), encode(event))


def _last(broker: Broker, topic: str, key: bytes) -> bytes | None:
    """The last value of a key of a topic."""
    value: bytes | None = None
    for record in read_all(broker, topic):
        if record.key == key:
            value = record.value
    return value
