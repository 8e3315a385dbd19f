"""Who names a subject in what join keeps: its own values, and the records and hubs that name it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from signals.forgetting import names
from signals.records import Record

#: The keys of join's store (`signals.joiner`, `signals.hubs`): a hub's stories, its ties in buckets; a record.
_HUB = re.compile(r"(person|account|owner) (.+?)(?: (?:stories|ties(?: \d+)?))?", re.DOTALL)
_RECORD = re.compile(r"(activity|relation) (.+)", re.DOTALL)

_record = msgspec.msgpack.Decoder(Record).decode
_bucket = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode


class Mention(NamedTuple):
    """One who knows a subject: what it is (`person`, `account`, `owner`, `activity`, `relation`), and its key."""

    kind: str
    key: str


class Found(NamedTuple):
    """What join keeps of a subject: as what it is known itself, and who names it."""

    itself: frozenset[str]
    mentions: tuple[Mention, ...]


def found(entries: Iterable[tuple[bytes, bytes]], subject: str, what: str) -> Found:
    """What the entries of join's store hold of a subject that is looked for as a deal, a person, an account, an owner.

    `itself` holds every kind under which the key is known, whatever is looked for: ids of different kinds may be equal.
    """
    itself: set[str] = set()
    mentions: dict[Mention, None] = {}
    for name, value in entries:
        text = name.decode(errors="replace")
        hub = _HUB.fullmatch(text)
        if hub is not None and hub[2] == subject:
            itself.add(hub[1])
        elif hub is not None and what == "deal" and subject in _deals(value):
            mentions[Mention(hub[1], hub[2])] = None
        elif (record := _RECORD.fullmatch(text)) is not None and _is_named(value, record[2], subject, what):
            mentions[Mention(record[1], record[2])] = None
    return Found(frozenset(itself), tuple(mentions))


def _deals(value: bytes) -> frozenset[str]:
    """The deals in a bucket of ties; none in any other value."""
    try:
        return frozenset(_bucket(value))
    except msgspec.DecodeError:
        return frozenset()


def _is_named(value: bytes, key: str, subject: str, what: str) -> bool:
    try:
        return names(_record(value), key, what, subject)
    except msgspec.DecodeError:
        return False
