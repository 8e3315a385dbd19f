"""Too many openings of one kind at once: a definition is wrong, not the deals. Counted before recipients. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from topics.codec import decoder
from topics.instants import MINUTE_US, SECOND_US
from topics.signals import Kind

#: How often the message about a flood is brought up to date at most.
NOTICE_US = 5 * SECOND_US
#: Sooner when there are so many times more.
GROWTH = 1.25


class Recent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The openings of one kind within a minute, oldest first: at most one more than the limit.

    While a flood is on, `since_us` says since when, `count` how many opened, and `noticed` how many of them RevOps has
    heard of, at `noticed_us`.
    """

    openings: tuple[tuple[int, str], ...] = ()
    since_us: int = 0
    count: int = 0
    noticed: int = 0
    noticed_us: int = 0

    @property
    def is_flood(self) -> bool:
        """Whether a flood is on."""
        return self.since_us > 0

    @property
    def early(self) -> tuple[str, ...]:
        """Signals that were let through before it was known to be a flood."""
        return tuple(signal for _, signal in self.openings[:-1])


class Floods(msgspec.Struct, frozen=True):
    """What is remembered by kind (state of the fan-out)."""

    kinds: dict[Kind, Recent]


def counted(recent: Recent, signal: str, now_us: int, per_minute: int) -> Recent:
    """One more opening. A flood begins beyond `per_minute`, and is over when half as many open in a minute."""
    openings = (*(each for each in recent.openings if each[0] > now_us - MINUTE_US), (now_us, signal))[
        -(per_minute + 1) :
    ]
    if recent.is_flood:
        if 2 * len(openings) <= per_minute:
            return Recent(openings=openings)
        return msgspec.structs.replace(recent, openings=openings, count=recent.count + 1)
    if len(openings) <= per_minute:
        return Recent(openings=openings)
    return Recent(openings=openings, since_us=openings[0][0], count=len(openings))


def is_news(recent: Recent, now_us: int) -> bool:
    """Whether RevOps should hear how many there are by now."""
    if not recent.is_flood or recent.count == recent.noticed:
        return False
    return recent.count >= GROWTH * recent.noticed or now_us - recent.noticed_us >= NOTICE_US


def noticed(recent: Recent, now_us: int) -> Recent:
    """RevOps hears of it now."""
    return msgspec.structs.replace(recent, noticed=recent.count, noticed_us=now_us)


decode_floods: Callable[[bytes], Floods] = decoder(Floods)
