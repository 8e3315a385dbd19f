"""What every output is given and gives: a target of the settings, transitions of signals, requests to be posted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from topics.signals import Kind, Signal


class Form(StrEnum):
    """How a target wants to be told."""

    ALERTMANAGER = "alertmanager"
    WEBHOOK = "webhook"


class Target(NamedTuple):
    """Another system that wants to know. `kinds`: of which kinds, none for all. `secret`: none for nobody's.

    A kind stays the same for as long as a signal lives, so whoever hears that it opened hears how it ends.
    """

    name: str
    form: Form
    secret: bytes | None = None
    kinds: frozenset[Kind] = frozenset()

    def wants(self, signal: Signal) -> bool:
        """Whether it is to hear of this one."""
        return not self.kinds or signal.kind in self.kinds


class Request(NamedTuple):
    """One POST: a JSON body and the headers that go with it. `signals`: whose transitions it tells."""

    body: bytes
    headers: dict[str, str]
    signals: tuple[Signal, ...]


#: Transitions in order, and the present time in microseconds, to requests in order. Pure.
Requests: TypeAlias = Callable[[Target, Sequence[Signal], int], list[Request]]
