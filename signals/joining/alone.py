"""Intents of people and accounts, and the signals of those that had no deal then: they are routed all the same."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from signals.intents import Intents
from signals.joining.records import Change, Fields, shortened
from signals.joining.stories import Entry
from topics.events import EngagementSeen, IntentSeen, Origin, source_of
from topics.instants import rfc3339
from topics.signals import FAMILY, Cause, Evidence, Kind, Resolution, Severity, Signal, Step, signal_id

_replace = msgspec.structs.replace


class Intent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that the playbook called high-intent when it was seen. `change`: when, and its data.

    `cause`: where it stands; `version`: the playbook's.
    """

    change: Change
    name: str
    window_us: int
    person: str | None
    account: str | None
    cause: Cause
    version: str


def intent_of(intents: Intents, event: EngagementSeen, cause: Cause) -> Intent | None:
    """The intent that an engagement shows; None when it is none."""
    name = intents.name_of(event)
    if name is None:
        return None
    change = Change(event.id, event.at_us, event.seq, shortened(event.data))
    return Intent(change, name, intents.window_us, event.person, event.account, cause, intents.version)


def intent_on_deal(intents: Intents, event: EngagementSeen) -> IntentSeen | None:
    """The intent that an engagement shows on the deal that it names; None when it is none, or names no deal."""
    name = None if event.deal is None else intents.name_of(event)
    if name is None or event.deal is None:
        return None
    return IntentSeen(
        id=event.id,
        key=event.deal,
        source=source_of(event.deal),
        at_us=event.at_us,
        seq=event.seq,
        origin=event.origin,
        intent=name,
        data=event.data,
        window_us=intents.window_us,
        person=event.person,
        account=event.account,
    )


def alone(intents: Iterable[Intent], entries: Iterable[Entry]) -> dict[str, Intent]:
    """The intents of one who had no deal then, by event; of each intent the first in its window."""
    ties = list(entries)
    said: dict[str, Intent] = {}
    last_us: dict[str, int] = {}
    for one in intents:
        at_us, last = one.change.at_us, last_us.get(one.name)
        if (last is None or at_us - last > one.window_us) and not any(tie.tied_at(one.change.place) for tie in ties):
            said[one.change.id], last_us[one.name] = one, at_us
    return said


def opened(key: str, intent: Intent, of_whom: Fields, origin: Origin) -> Signal:
    """The signal of an intent without a deal. `of_whom`: the name of the person or the account, where it is known."""
    at = rfc3339(intent.change.at_us)
    details: Fields = {"intent": intent.name, "at": at, **of_whom}
    return Signal(
        id=signal_id(key, Kind.HIGH_INTENT, intent.change.id),
        kind=Kind.HIGH_INTENT,
        family=FAMILY[Kind.HIGH_INTENT],
        severity=Severity.INFO,
        transition=Step.OPENED,
        subject_key=key,
        anchor=intent.change.id,
        occurred_at=at,
        opened_at=at,
        reason=f"high intent: {intent.name.replace('_', ' ')}",
        evidence=Evidence(details=(details,), events=(intent.cause,)),
        playbook=intent.version,
        origin=origin,
    )


def corrected(key: str, intent: Intent, of_whom: Fields, at_us: int, origin: Origin) -> Signal:
    """The end of a signal that never should have been: late news say that there was a deal, or an earlier intent."""
    return _replace(
        opened(key, intent, of_whom, origin),
        transition=Step.RESOLVED,
        resolution=Resolution.CORRECTED,
        occurred_at=rfc3339(max(at_us, intent.change.at_us)),
    )
