"""The stories of a hub as they are told: as which event, under which identity, in which version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import msgspec

from signals.deal import is_true
from signals.joining.alone import Intent
from signals.joining.records import Fields
from signals.joining.stories import Entry, Heard, Story, difference
from topics.events import (
    ActivityChanged,
    IntentSeen,
    Origin,
    RelatedChanged,
    TextRepeated,
    event_id,
    source_of,
)

Sent: TypeAlias = ActivityChanged | RelatedChanged | IntentSeen | TextRepeated

_replace = msgspec.structs.replace


class Speaker(NamedTuple):
    """A story on its way to deals.

    `name` tells it from the hub's other ones; `make`: the event that says it, of its fields (None: of what is taken
    back) and what all events have; `window_us`: how long after its changes a new tie hears of it.
    """

    name: str
    story: Story
    make: Callable[..., Sent]
    window_us: int | None = None


def itself(kind: str, subject: str, story: Story) -> Speaker:
    """What is known of an account or an owner."""
    return Speaker("", story, partial(_related, cast('Literal["account", "owner"]', kind), subject))


def of_activity(via: str, name: str, story: Story) -> Speaker:
    """What is known of an activity that goes through the hub, `via`."""
    return Speaker(f"activity {name}", story, partial(_activity, via, name))


def of_intent(intent: Intent) -> Speaker:
    """An intent of a person or an account."""
    # Its data is the buyer's, and no word in it is one of ours.
    story = Story((_replace(intent.change, fields={}),), 1)
    return Speaker(f"intent {intent.change.id}", story, partial(_intent, intent), intent.window_us)


def _related(role: Literal["account", "owner"], subject: str, fields: Fields | None, **said: Any) -> Sent:  # noqa: ANN401 - what all events have
    return RelatedChanged(role=role, subject=subject, fields=fields or {}, **said)


def _activity(via: str, name: str, fields: Fields | None, **said: Any) -> Sent:  # noqa: ANN401 - what all events have
    return ActivityChanged(activity=name, via=via, fields=fields or {}, **said)


def _intent(intent: Intent, fields: Fields | None, **said: Any) -> Sent:  # noqa: ANN401 - what all events have
    return IntentSeen(
        intent="" if fields is None else intent.name,
        data={} if fields is None else intent.change.fields,
        window_us=intent.window_us,
        person=intent.person,
        account=intent.account,
        **said,
    )


class Voice(NamedTuple):
    """Who speaks to a deal, and in which version. `hub`: the name of the hub among all."""

    speaker: Speaker
    hub: str
    deal: str
    version: int
    origin: Origin

    def difference(self, before: list[Heard], now: list[Heard]) -> Iterator[Sent]:
        """What makes of all that the deal heard all that it should have heard."""
        if before == now:
            return
        said, taken_back = difference(before, now)
        for one in said:
            yield self.say(one)
        for one in taken_back:
            yield self.say(one, taken_back=True)

    def say(self, heard: Heard, *, taken_back: bool = False) -> Sent:
        """What the deal hears at one place.

        The id is the same in each version, since signals are anchored at it. It is after those of sources (hex digits):
        at one instant a deal names its account first, and then hears of it.
        """
        identity = f"v{heard.id[:_OF_CAUSE]}{event_id(self.hub, self.speaker.name, heard.id)[:_OF_STORY]}"
        return self.speaker.make(
            fields=None if taken_back else heard.fields,
            id=identity,
            key=self.deal,
            source=source_of(self.deal),
            at_us=heard.at_us,
            seq=heard.seq,
            origin=self.origin,
            change=identity,
            version=self.version,
        )


#: So many digits are the beginning of the causing event's id, which keep the order, and so many tell stories apart.
_OF_CAUSE, _OF_STORY = 13, 6


def appended(was: Story, now: Story, entry: Entry) -> list[Heard] | None:
    """What a deal hears in the usual case, where a story goes on after all that was heard; None: it is another case."""
    if not now.changes or was.changes != now.changes[:-1]:
        return None
    last, known = now.changes[-1], now.known()
    if is_true(known.get("removed")) or not entry.lasts_from(last.place):
        return None
    return [Heard(last.id, last.at_us, last.seq, known)] if entry.tied_at(last.place) else []
