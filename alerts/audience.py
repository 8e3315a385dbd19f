"""Who hears of a signal: the playbook's response to its kind, the owners' directory, the fallback channel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from alerts.reasons import Reason
from alerts.values import Recipient
from playbook.model import Audience, Owner, Playbook, Response
from topics.signals import Signal

_UPWARDS = (Audience.OWNER, Audience.LEAD, Audience.REVOPS)


class Directory(Protocol):
    """What the fan-out asks of the playbook's owners (`playbook.owners.Directory`)."""

    def find(self, reference: str | None) -> Owner | None:
        """The owner whom this id, name or e-mail means."""

    def lead(self, owner: Owner) -> Owner | None:
        """Whom this owner reports to."""


class Hearer(NamedTuple):
    """A recipient, and why it is this one."""

    recipient: Recipient
    via: Reason


def response_to(playbook: Playbook, signal: Signal) -> Response:
    """The response protocol of the signal's kind; silent in the playbook means: tell the owner."""
    return playbook.response(signal.kind)


def audience(playbook: Playbook, directory: Directory, signal: Signal) -> tuple[tuple[Hearer, ...], Reason | None]:
    """Who hears of the signal, each once, in the playbook's order; when nobody does, the reason."""
    tell = [each for each in response_to(playbook, signal).tell if each is not Audience.NOBODY]
    if not tell:
        return (), Reason.KIND_NOT_TOLD
    owner = directory.find(signal.owner_id) or directory.find(signal.owner)
    found = (_hearer(playbook, directory, owner, each) for each in tell)
    hearers = _once(each for each in found if each is not None)
    return hearers, None if hearers else Reason.NOBODY_TO_TELL


def ladder(playbook: Playbook, directory: Directory, signal: Signal) -> tuple[Hearer, ...]:
    """Who is told of it when nothing changes, one after another, each once: upwards from whoever was told at first."""
    owner = directory.find(signal.owner_id) or directory.find(signal.owner)
    response = response_to(playbook, signal)
    told = max((_UPWARDS.index(each) for each in response.tell if each in _UPWARDS), default=-1)
    then = (each for each in response.then if each in _UPWARDS[told + 1 :])
    found = (_hearer(playbook, directory, owner, each) for each in then)
    return _once(each for each in found if each is not None)


def revops(playbook: Playbook) -> Hearer | None:
    """RevOps, or the fallback channel; None where the playbook names neither."""
    if playbook.revops_channel:
        return Hearer(channel(playbook.revops_channel), Reason.AS_REVOPS)
    return _fallback(playbook, Reason.NO_REVOPS_CHANNEL)


def channel(name: str) -> Recipient:
    """A channel as a recipient."""
    return Recipient(key=f"channel:{name}", name=name, channel=name)


def person(owner: Owner) -> Recipient:
    """An owner as a recipient."""
    return Recipient(key=f"person:{owner.name}", name=owner.name, slack=owner.slack, email=owner.email)


def _hearer(playbook: Playbook, directory: Directory, owner: Owner | None, whom: Audience) -> Hearer | None:
    if whom is Audience.REVOPS:
        return revops(playbook)
    if owner is None:
        return _fallback(playbook, Reason.OWNER_UNKNOWN)
    if whom is Audience.OWNER:
        return _reachable(playbook, owner, Reason.AS_OWNER, Reason.OWNER_WITHOUT_ADDRESS)
    lead = directory.lead(owner)
    if lead is None:
        return _fallback(playbook, Reason.LEAD_UNKNOWN)
    return _reachable(playbook, lead, Reason.AS_LEAD, Reason.LEAD_WITHOUT_ADDRESS)


def _reachable(playbook: Playbook, owner: Owner, via: Reason, otherwise: Reason) -> Hearer | None:
    if owner.slack or owner.email:
        return Hearer(person(owner), via)
    return _fallback(playbook, otherwise)


def _fallback(playbook: Playbook, why: Reason) -> Hearer | None:
    return Hearer(channel(playbook.fallback_channel), why) if playbook.fallback_channel else None


def _once(hearers: Iterable[Hearer]) -> tuple[Hearer, ...]:
    by_key: dict[str, Hearer] = {}
    for each in hearers:
        by_key.setdefault(each.recipient.key, each)
    return tuple(by_key.values())
