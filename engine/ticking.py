"""What the clock says next: a pure decision over what was seen on the broker.

T says that everything the sources sent before T has been processed. So it is taken from the moment at which the clock
began to look, less a grace for the sources' own delay; it waits at the oldest record that is still unread; it never
falls; and a wall clock that jumped is not believed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

HOUR_US = 3_600_000_000
MAX_JUMP_US = HOUR_US
"""A wall clock further than this from all other evidence is refused."""


class Mode(StrEnum):
    """Whose time it is."""

    WALL = "wall"
    DATA = "data"


class Hold(StrEnum):
    """Why nothing is said this time."""

    NO_DATA = "no_data"
    NOT_LATER = "not_later"
    JUMPED = "jumped"


class Seen(NamedTuple):
    """What the clock saw; all times in microseconds since the epoch.

    `began_us` the wall clock when it began to look; `expected_us` what the wall clock should then have shown by the
    time that passed since the last look (None: first look); `newest_us` the largest timestamp of the records upstream
    (None: no record, or not looked at); `unread_us` the smallest timestamp of the records still unread (None: all was
    read); `last_us` the last T (None: never).
    """

    began_us: int
    expected_us: int | None = None
    newest_us: int | None = None
    unread_us: int | None = None
    last_us: int | None = None


def next_tick(mode: Mode, grace_us: int, seen: Seen) -> int | Hold:
    """The next T in microseconds since the epoch, or why there is none."""
    if mode is Mode.WALL:
        if jumped(seen):
            return Hold.JUMPED
        now = seen.began_us
    elif seen.newest_us is None:
        return Hold.NO_DATA
    else:
        now = seen.newest_us
    if seen.unread_us is not None:
        now = min(now, seen.unread_us)
    tick = now - grace_us
    if seen.last_us is not None and tick <= seen.last_us:
        return Hold.NOT_LATER
    return tick


def jumped(seen: Seen) -> bool:
    """Whether the wall clock contradicts what else is known of the time.

    Time that passed since the last look is believed first; records written near the new time confirm a jump (a clock
    set right). On the first look only a clock behind the records is refused: records may be old for want of traffic.
    """
    if seen.newest_us is not None and abs(seen.began_us - seen.newest_us) <= MAX_JUMP_US:
        return False
    if seen.expected_us is None:
        return seen.newest_us is not None and seen.newest_us - seen.began_us > MAX_JUMP_US
    return abs(seen.began_us - seen.expected_us) > MAX_JUMP_US
