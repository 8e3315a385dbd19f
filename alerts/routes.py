"""Which routing topic an intent goes to, and what stands on it: a CloudEvent in structured form. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from alerts.audience import Directory, response_to
from alerts.reasons import Reason
from playbook.model import Intent, Playbook
from topics.catalog import ROUTE_PREFIX
from topics.instants import HOUR_US, parse_rfc3339, rfc3339
from topics.signals import Kind, Signal, Step

CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
SOURCE = "/deal-signals"
TYPE = "deal-signals.high_intent.opened"


class RoutedOwner(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who owns the deal: as the CRM says, and how the playbook reaches them."""

    id: str = ""
    name: str = ""
    email: str | None = None
    slack: str | None = None


class RoutedIntent(msgspec.Struct, frozen=True, kw_only=True):
    """The intent with its deal, its owner and the time limit. `answer_by` is RFC 3339; null without a limit."""

    intent: str
    signal: Signal
    owner: RoutedOwner
    answer_by: str | None


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """CloudEvents 1.0, JSON format. `id` is the same for a repeat of the same intent."""

    specversion: str = "1.0"
    id: str
    source: str = SOURCE
    type: str = TYPE
    subject: str
    time: str
    datacontenttype: str = "application/json"
    data: RoutedIntent


class Routing(NamedTuple):
    """What becomes of one intent: the topic and the event, or only the reason."""

    reason: Reason
    intent: str = ""
    topic: str = ""
    event: CloudEvent | None = None


decode_cloud_event = msgspec.json.Decoder(CloudEvent).decode


def route(playbook: Playbook, directory: Directory, signal: Signal) -> tuple[Routing, ...]:
    """One routing per intent that the signal names; a single one with the reason when it names none."""
    if signal.kind is not Kind.HIGH_INTENT:
        return (Routing(Reason.NOT_AN_INTENT),)
    if signal.transition is not Step.OPENED:
        return (Routing(Reason.NOT_NEW),)
    intents = {intent.name: intent for intent in playbook.intents}
    routings = (_one(playbook, directory, signal, name, intents.get(name)) for name in dict.fromkeys(_named(signal)))
    return tuple(routings) or (Routing(Reason.INTENT_UNKNOWN),)


def _named(signal: Signal) -> Iterator[str]:
    for detail in signal.evidence.details:
        name = detail.get("intent")
        if isinstance(name, str):
            yield name


def _one(playbook: Playbook, directory: Directory, signal: Signal, name: str, intent: Intent | None) -> Routing:
    if intent is None:
        return Routing(Reason.INTENT_UNKNOWN, name)
    if intent.route is None:
        return Routing(Reason.INTENT_WITHOUT_ROUTE, name)
    event = CloudEvent(
        id=f"{signal.id}/{name}",
        subject=signal.subject_key,
        time=signal.occurred_at,
        data=RoutedIntent(
            intent=name,
            signal=signal,
            owner=_owner(directory, signal),
            answer_by=_answer_by(playbook, signal),
        ),
    )
    return Routing(Reason.ROUTED, name, ROUTE_PREFIX + intent.route, event)


def _owner(directory: Directory, signal: Signal) -> RoutedOwner:
    known = directory.find(signal.owner_id) or directory.find(signal.owner)
    if known is None:
        return RoutedOwner(id=signal.owner_id, name=signal.owner)
    return RoutedOwner(id=signal.owner_id, name=known.name, email=known.email, slack=known.slack)


def _answer_by(playbook: Playbook, signal: Signal) -> str | None:
    hours = response_to(playbook, signal).within_hours
    return None if hours is None else rfc3339(parse_rfc3339(signal.occurred_at) + round(hours * HOUR_US))
