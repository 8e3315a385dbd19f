"""Which definitions count in a partition: a function of its log.

A control event (`DefinitionsChanged`) switches at its offset (law 11). What counts is kept in the partition's own
state, so a restart or another worker goes on with the same; a worker's own file counts only until the first switch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from signals.judge import Panel, Stored
from signals.step import HORIZON_US
from topics.events import FIRST_US, DefinitionsChanged

#: So many deals that have not had a visit since a switch are judged at a tick, in the order of their keys. At 50 to
#: 100 microseconds each, that is 25 to 50 ms of a second, and 100,000 deals in a partition take 200 s.
SWEPT_PER_TICK = 500

#: A deal's base is older than a switch until the switch is beyond the horizon, and the deal had a visit after that: at
#: the latest one horizon later, when it settles. One more to be sure.
KEPT_US = 3 * HORIZON_US

#: The compiled definitions of a version. Raises `UnknownDefinitionsError` where there are none.
Panels = Callable[[str], Panel]

_replace = msgspec.structs.replace


class UnknownDefinitionsError(LookupError):
    """No definitions with this version are known: nothing can be decided by them. `version` says which."""

    def __init__(self, version: str) -> None:
        super().__init__(f"no definitions are known under {version}")
        self.version = version


class Switches(msgspec.Struct, frozen=True, array_like=True):
    """The definitions that counted in a partition lately, oldest first, each as the event that put it in force.

    Empty until the first switch. The first of them stands for all that was before: its own instant is of no account.
    """

    events: tuple[Stored, ...] = ()

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that must be known for the partition to go on."""
        return tuple(version_of(one) for one in self.events)

    def switched(self, before: str, stored: Stored, at_us: int) -> Switches:
        """With one more: from `at_us` on (T of the partition), the event's version in the place of `before`.

        The same version again, or the same event, is no switch; where it is the worker's own, the log has now named it.
        """
        known = self.events or (_origin(before),)
        event = stored.event
        if not isinstance(event, DefinitionsChanged):
            raise TypeError(event)
        if event.playbook == version_of(known[-1]) or any(one.event.id == event.id for one in known):
            return self if self.events else Switches(known)
        epoch = known[-1].event.seq[0] + 1
        return Switches((*known, Stored(_replace(event, key="", at_us=at_us, seq=(epoch, 0)), stored.offset)))

    def recent(self, at_us: int) -> Switches:
        """Without the first, where T is so far past the second that no deal needs what was before it."""
        events = self.events
        if len(events) < 2 or events[1].event.at_us >= at_us - KEPT_US:  # noqa: PLR2004 - the first has no instant
            return self
        return Switches(events[1:])

    def panel(self, own: Panel, panels: Panels) -> Panel:
        """The panel that counts now, with those before it. `own`: before any switch."""
        if not self.events:
            return own
        made = tuple(
            panels(version_of(one))._replace(epoch=one.event.seq[0], since=one, before=()) for one in self.events
        )
        return made[-1]._replace(before=made[:-1])


class Switch(NamedTuple):
    """A control event with the instant at which it counts: T of the partition at its offset."""

    at_us: int
    stored: Stored


def timeline(own: Panel, panels: Panels, switches: Iterable[Switch]) -> tuple[Panel, list[Stored]]:
    """For a history at rest: the last panel, which knows those before it, and the switches as events of every deal.

    A deal's history is then `run(panel, start, its events and these in order, until_us)`.
    """
    taken = Switches()
    for switch in switches:
        taken = taken.switched(own.rules.version, switch.stored, switch.at_us)
    return taken.panel(own, panels), list(taken.events[1:])


def version_of(stored: Stored) -> str:
    """The playbook that a switch puts in force."""
    event = stored.event
    if not isinstance(event, DefinitionsChanged):
        raise TypeError(event)
    return event.playbook


def named(events: Iterable[Stored]) -> list[str]:
    """The versions that a batch switches to, in order: known they must be before it is folded."""
    return [version_of(one) for one in events if isinstance(one.event, DefinitionsChanged)]


def only(own: Panel) -> Panels:
    """Panels for who knows one version only."""

    def panels(version: str) -> Panel:
        if version != own.rules.version:
            raise UnknownDefinitionsError(version)
        return own

    return panels


def _origin(version: str) -> Stored:
    """What counted before the first switch."""
    return Stored(DefinitionsChanged(id="", key="", source="", at_us=FIRST_US, playbook=version), -1)
