"""What is to be forgotten: a deal's last words, and records without the one whom they named."""

from __future__ import annotations

import msgspec

from signals.deal import Deal
from signals.episodes import Transition, told
from signals.joining.records import Change, Record, key_of
from signals.step import State
from topics.events import Forgotten, source_of
from topics.signals import Resolution, Step

_replace = msgspec.structs.replace


def last_words(state: State | None, event: Forgotten) -> list[Transition]:
    """The ends of the open episodes that others heard of, so that nothing goes on claiming that something is wrong.

    They bear the key and the kind of what was open, nothing of the deal itself: no name, no owner, no cause.
    """
    if state is None:
        return []
    now = state.now
    unknown = Deal(now.deal.key, now.deal.source)
    at_us = max(event.at_us, now.now_us)
    return told(
        [
            Transition(Step.RESOLVED, _replace(one, details=(), causes=()), at_us, unknown, Resolution.EXPIRED)
            for one in now.episodes
        ]
    )


def names(record: Record, key: str, what: str, subject: str) -> bool:
    """Whether a record with this key names the subject, as what it is (`what`: the field)."""
    return any(_names(change, key, what, subject) for change in record.changes)


def without(record: Record, key: str, what: str, subject: str) -> Record:
    """The record as if nobody had stood there."""
    changes = (
        _replace(one, fields={**one.fields, what: None}) if _names(one, key, what, subject) else one
        for one in record.changes
    )
    return _replace(record, changes=tuple(changes))


def _names(change: Change, key: str, what: str, subject: str) -> bool:
    return key_of(source_of(key), change.fields.get(what)) == subject
