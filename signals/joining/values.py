"""Values that nobody defined: someone has a definition of their own.

A stage, a pipeline or a forecast category without a meaning in the playbook is told of once per source, field and
value, however many deals it stands on; and it is over when definitions count that know it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from playbook.meanings import Meanings
from signals.joining.buckets import Buckets
from signals.joining.records import Fields
from signals.keyed import Keyed
from topics.events import DefinitionsChanged, Origin, ValueSeen
from topics.instants import rfc3339
from topics.signals import FAMILY, Cause, Evidence, Kind, Resolution, Severity, Signal, Step, signal_id

#: Pipelines that are remembered per value: a stage may mean something in one and nothing in another.
MAX_PIPELINES = 32

_KIND = Kind.VALUE_UNMAPPED
_replace = msgspec.structs.replace


class Opened(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """It is told of since `at_us`. `pipeline`: where the value means nothing; empty where that is unknown."""

    anchor: str
    at_us: int
    pipeline: str
    cause: Cause
    origin: Origin


class Seen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value of a field, and the pipelines of deals that it was seen on (empty: unknown)."""

    field: str
    value: str
    pipelines: tuple[str, ...] = ()
    opened: Opened | None = None


_seen = msgspec.msgpack.Decoder(dict[str, Seen]).decode


class Values:
    """The values that were seen, over a keyed store, under the definitions in force."""

    def __init__(self, store: Keyed, meanings: Meanings, version: str) -> None:
        self._meanings, self._version = meanings, version
        self._known = Buckets(store, "values", _seen)

    def see(self, event: ValueSeen, cause: Cause) -> Iterator[Signal]:
        """A value stands on a deal."""
        seen = self._known.get(event.key) or Seen(event.field, event.value)
        if event.pipeline in seen.pipelines or len(seen.pipelines) >= MAX_PIPELINES:
            return
        now = _replace(seen, pipelines=(*seen.pipelines, event.pipeline))
        if seen.opened is None and not self._meanings.defines(event.field, event.value, event.pipeline):
            now = _replace(now, opened=Opened(event.id, event.at_us, event.pipeline, cause, event.origin))
            yield self._signal(event.key, now, Step.OPENED, event.at_us, {"deal": event.deal})
        self._known.put(event.key, now)

    def redefine(self, event: DefinitionsChanged, cause: Cause) -> Iterator[Signal]:
        """Other definitions count: what they know is over, and what they know no longer begins."""
        changed: dict[str, Seen] = {}
        for key, seen in self._known.items():
            unknown = [one for one in seen.pipelines if not self._meanings.defines(seen.field, seen.value, one)]
            if seen.opened is not None and not unknown:
                yield self._signal(key, seen, Step.RESOLVED, max(event.at_us, seen.opened.at_us), {})
                changed[key] = _replace(seen, opened=None)
            elif seen.opened is None and unknown:
                opened = Opened(event.id, event.at_us, unknown[0], cause, event.origin)
                changed[key] = _replace(seen, opened=opened)
                yield self._signal(key, changed[key], Step.OPENED, event.at_us, {})
        for key, seen in changed.items():
            self._known.put(key, seen)

    def _signal(self, key: str, seen: Seen, step: Step, at_us: int, where: Fields) -> Signal:
        opened = seen.opened
        if opened is None:
            message = f"{key}: nothing is open"
            raise ValueError(message)
        inside = f" in {opened.pipeline}" if opened.pipeline else ""
        details: Fields = {"field": seen.field, "value": seen.value}
        if opened.pipeline:
            details["pipeline"] = opened.pipeline
        return Signal(
            id=signal_id(key, _KIND, opened.anchor),
            kind=_KIND,
            family=FAMILY[_KIND],
            severity=Severity.WARNING,
            transition=step,
            subject_key=key,
            pipeline=opened.pipeline,
            anchor=opened.anchor,
            occurred_at=rfc3339(at_us),
            opened_at=rfc3339(opened.at_us),
            reason=f"nobody defined the {seen.field.replace('_', ' ')} {seen.value!r}{inside}",
            resolution=Resolution.DEFINITION if step is Step.RESOLVED else None,
            evidence=Evidence(details=({**details, **where},), events=(opened.cause,)),
            playbook=self._version,
            origin=opened.origin,
        )
