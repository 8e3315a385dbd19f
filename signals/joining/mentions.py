"""Who names a subject in what join keeps: its own values, and the records and hubs that name it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from signals.forgetting import names
from signals.joining.records import Record

#: The keys of join's store (see `joiner` and `hubs`): a hub's stories, its ties in buckets; a record.
_HUB = re.compile(r"(person|account|owner) (.+?)(?: (?:stories|spoken|(?:ties|texts|repeats)(?: \d+)?))?", re.DOTALL)
_RECORD = re.compile(r"(activity|relation) (.+)", re.DOTALL)

_record = msgspec.msgpack.Decoder(Record).decode
_bucket = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode


#: As what a subject may be known: the fields of records that name one.
WHATS = ("deal", "person", "account", "owner")


class Mention(NamedTuple):
    """One who knows a subject: what it is (`person`, `account`, `owner`, `activity`, `relation`), and its key."""

    kind: str
    key: str


class Found(NamedTuple):
    """What join keeps of a subject: as what it is known itself, and who names it as each of `WHATS`.

    Ids of different kinds may be equal, so a key may be known as several.
    """

    itself: frozenset[str]
    mentions: dict[str, tuple[Mention, ...]]


def found(entries: Iterable[tuple[bytes, bytes | None]], subject: str) -> Found:
    """What the entries of join's store hold of a subject, the last of each name; None: deleted.

    They may be the log of the store: nothing is kept of what does not concern the subject.
    """
    itself: dict[bytes, str] = {}
    named: dict[bytes, dict[str, Mention]] = {}
    needle = _needle(subject)
    for name, value in entries:
        itself.pop(name, None)
        named.pop(name, None)
        if value is None or not (needle in value or needle in name):
            continue
        text = name.decode(errors="replace")
        hub, record = _HUB.fullmatch(text), _RECORD.fullmatch(text)
        if hub is not None and hub[2] == subject:
            itself[name] = hub[1]
        elif hub is not None and subject in _deals(value):
            named[name] = {"deal": Mention(hub[1], hub[2])}
        elif record is not None:
            named[name] = {
                what: Mention(record[1], record[2]) for what in WHATS if _is_named(value, record[2], subject, what)
            }
    mentions = {what: tuple(dict.fromkeys(one[what] for one in named.values() if what in one)) for what in WHATS}
    return Found(frozenset(itself.values()), mentions)


def _needle(subject: str) -> bytes:
    """What stands in every value that names the subject: its id, unless a source may have sent that as a number."""
    identity = subject.partition(":")[2]
    return b"" if identity.isdigit() else identity.encode()


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
