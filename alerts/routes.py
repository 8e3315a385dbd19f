"""Which routing topics an intent goes to, and what stands on them: a CloudEvent in structured form. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from alerts.audience import Directory
from alerts.reasons import Reason
from playbook.calendars import Calendars
from playbook.criteria import Expression
from playbook.model import Owner, Playbook
from topics.catalog import ROUTE_PREFIX
from topics.events import Scalar
from topics.instants import HOUR_US, parse_rfc3339, rfc3339
from topics.signals import Kind, Signal, Step

CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
SOURCE = "/deal-signals"


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
    """CloudEvents 1.0, JSON format. `id` is the same for a repeat of the same intent; `type` says of which kind."""

    specversion: str = "1.0"
    id: str
    source: str = SOURCE
    type: str
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


class Routes:
    """The routing rules of one playbook, compiled."""

    def __init__(self, playbook: Playbook, directory: Directory) -> None:
        self.playbook, self._directory = playbook, directory
        self._calendars = Calendars(playbook)
        self._intents = {intent.name: intent for intent in playbook.intents}
        self._rules = tuple(
            _Rule(rule.name, frozenset(rule.intents), None if rule.when is None else Expression(rule.when))
            for rule in playbook.routes
        )

    def of(self, signal: Signal) -> tuple[Routing, ...]:
        """One routing per intent that the signal names and route that takes it; else the reason why there is none.

        An intent that nobody answered in time goes where the intent went: a follow-up, of its own type.
        """
        if signal.kind not in _ROUTED:
            return (Routing(Reason.NOT_AN_INTENT),)
        if signal.transition is not Step.OPENED:
            return (Routing(Reason.NOT_NEW),)
        routings = (each for event in _events(signal) for each in self._one(signal, event))
        once = {(each.reason, each.intent, each.topic): each for each in routings}
        return tuple(once.values()) or (Routing(Reason.INTENT_UNKNOWN),)

    def _one(self, signal: Signal, event: dict[str, Scalar]) -> Iterator[Routing]:
        name = str(event["intent"])
        intent = self._intents.get(name)
        if intent is None:
            yield Routing(Reason.INTENT_UNKNOWN, name)
            return
        taken = [intent.route] if intent.route is not None else []
        taken += [rule.name for rule in self._rules if rule.takes(name, event, signal)]
        if not taken:
            yield Routing(Reason.INTENT_WITHOUT_ROUTE, name)
        for topic in dict.fromkeys(taken):
            yield Routing(Reason.ROUTED, name, ROUTE_PREFIX + topic, self._event(signal, name))

    def _event(self, signal: Signal, name: str) -> CloudEvent:
        return CloudEvent(
            id=f"{signal.id}/{name}",
            type=f"deal-signals.{signal.kind.value}.opened",
            subject=signal.subject_key,
            time=signal.occurred_at,
            data=RoutedIntent(
                intent=name,
                signal=signal,
                owner=_owner(self._directory, signal),
                answer_by=self._answer_by(signal),
            ),
        )

    def _answer_by(self, signal: Signal) -> str | None:
        """Until when somebody should have answered: in the owner's business hours, as `intent_unanswered` counts them.

        Of an intent that nobody answered, the instant at which the time was over; None where that kind is off.
        """
        if signal.kind is Kind.INTENT_UNANSWERED:
            return signal.occurred_at
        unanswered = self.playbook.signals.intent_unanswered
        if not unanswered.enabled:
            return None
        time = self._calendars.of(_known(self._directory, signal), signal.team, signal.pipeline)
        span_us = round(unanswered.business_hours * HOUR_US)
        return rfc3339(time.after_hours(parse_rfc3339(signal.occurred_at), span_us))


class _Rule(NamedTuple):
    """One route of the playbook. `intents`: of which, none for all."""

    name: str
    intents: frozenset[str]
    when: Expression | None

    def takes(self, intent: str, event: dict[str, Scalar], signal: Signal) -> bool:
        """Whether this intent goes here. What cannot be told of it, for something is unknown, does not."""
        if self.intents and intent not in self.intents:
            return False
        return self.when is None or self.when.judge({"intent": intent, "event": event, "deal": _deal(signal)}) is True


_ROUTED = (Kind.HIGH_INTENT, Kind.INTENT_UNANSWERED)
_DATA = "data."


def _events(signal: Signal) -> Iterator[dict[str, Scalar]]:
    """The intents that the evidence names: what is known of each, its data without their prefix."""
    for detail in signal.evidence.details:
        if isinstance(detail.get("intent"), str):
            yield {name.removeprefix(_DATA): value for name, value in detail.items()}


def _deal(signal: Signal) -> dict[str, Scalar]:
    """What a route may ask of the deal; without one, nothing is there and no comparison holds."""
    if not signal.deal_id:
        return {}
    return {
        "id": signal.deal_id,
        "name": signal.deal_name,
        "owner": signal.owner or signal.owner_id,
        "team": signal.team,
        "pipeline": signal.pipeline,
        "stage": signal.stage,
        "segment": signal.segment,
        "amount": signal.amount,
        "currency": signal.currency,
    }


def _known(directory: Directory, signal: Signal) -> Owner | None:
    return directory.find(signal.owner_id) or directory.find(signal.owner)


def _owner(directory: Directory, signal: Signal) -> RoutedOwner:
    known = _known(directory, signal)
    if known is None:
        return RoutedOwner(id=signal.owner_id, name=signal.owner)
    return RoutedOwner(id=signal.owner_id, name=known.name, email=known.email, slack=known.slack)
