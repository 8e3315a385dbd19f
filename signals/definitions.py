"""Which definitions count in a partition: a function of its log.

A control event (`DefinitionsChanged`) switches at its offset (law 11). What counts is kept in the partition's own
state, so a restart or another worker goes on with the same; a worker's own file counts only until the first switch.

A version here is that of a playbook and of what was learned, together (`topics.definitions.counted`). A control may
name one of them only: the other stays what it was, so who publishes one need not know the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from signals.judge import Panel, Stored
from signals.step import HORIZON_US
from topics.definitions import NO_BASELINES, Counted, counted, parts_of
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
        last = version_of(known[-1])
        event = _completed(_control(stored), parts_of(last))
        if counted(event.playbook, event.baselines) == last or any(one.event.id == event.id for one in known):
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
        taken = taken.switched(own.rules.definitions, switch.stored, switch.at_us)
    return taken.panel(own, panels), list(taken.events[1:])


def version_of(stored: Stored) -> str:
    """What a switch puts in force."""
    event = _control(stored)
    return counted(event.playbook, event.baselines)


def named(events: Iterable[Stored]) -> list[str]:
    """The playbooks and baselines that a batch switches to, in order: known they must be before it is folded."""
    controls = [one.event for one in events if isinstance(one.event, DefinitionsChanged)]
    return [name for one in controls for name in (one.playbook, one.baselines) if name not in {"", NO_BASELINES}]


def _control(stored: Stored) -> DefinitionsChanged:
    event = stored.event
    if not isinstance(event, DefinitionsChanged):
        raise TypeError(event)
    return event


def _completed(event: DefinitionsChanged, before: Counted) -> DefinitionsChanged:
    """The event with both versions: what it does not name stays as it was."""
    baselines = "" if event.baselines == NO_BASELINES else event.baselines or before.baselines
    return _replace(event, playbook=event.playbook or before.playbook, baselines=baselines)


def only(own: Panel) -> Panels:
    """Panels for who knows one version only."""

    def panels(version: str) -> Panel:
        if version != own.rules.definitions:
            raise UnknownDefinitionsError(version)
        return own

    return panels


def _origin(version: str) -> Stored:
    """What counted before the first switch."""
    return Stored(DefinitionsChanged(id="", key="", source="", at_us=FIRST_US, **parts_of(version)._asdict()), -1)
