"""What to do after a call that was not done. Pure: delays in, moves out.

    reply       post                       edit (saying it twice does no harm)
    Limited     again after Retry-After    the same
    Unreached   again, growing delays      the same
    Barred      again in a minute          the same
    Ambiguous   look for it, then again    again, growing delays; at most `attempts` answers of this kind by Slack
                                           itself, and `away_attempts` calls while it is away
    Refused     stop                       stop

What certainly did not happen is tried for as long as it takes: a Slack that is down for a day loses nothing.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from alerts.reasons import Reason
from alerts.replies import Ambiguous, Barred, Limited, NotDone, Refused, Unreached
from alerts.values import Op


class Patience(NamedTuple):
    """The delays, in seconds. History may lag behind a post, so it is read more than once (`look_after_s`).

    `away_attempts`, a minute apart, are a day: as long as an outage may last before a person is told that it was not.
    """

    backoff_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
    barred_s: float = 60.0
    look_after_s: tuple[float, ...] = (0.0, 5.0)
    attempts: int = 10
    away_attempts: int = 1_500


PATIENCE = Patience()


class Again(NamedTuple):
    """The same call once more, after so many seconds."""

    after_s: float


class LookFirst(NamedTuple):
    """Look for the message, so many times; if it is not there, the same call after `after_s`."""

    after_s: float


class Stop(NamedTuple):
    """No further call."""

    reason: Reason
    detail: str


Move: TypeAlias = Again | LookFirst | Stop


def next_move(op: Op, reply: NotDone, tries: int, doubts: int, patience: Patience) -> Move:
    """What follows the `tries`-th call; at `doubts` of them, this one included, Slack stumbled over the call itself."""
    match reply:
        case Limited(after_s):
            return Again(after_s)
        case Unreached():
            return Again(delay(patience, tries))
        case Barred():
            return Again(patience.barred_s)
        case Refused(reason, detail):
            return Stop(reason, detail)
        case Ambiguous(detail) if doubts >= patience.attempts or tries >= patience.away_attempts:
            return Stop(Reason.GAVE_UP, detail)
        case Ambiguous():
            after_s = delay(patience, tries)
            return LookFirst(after_s) if op is Op.POST else Again(after_s)


def delay(patience: Patience, tries: int) -> float:
    """Seconds after the `tries`-th call; the last delay repeats."""
    return patience.backoff_s[min(tries, len(patience.backoff_s)) - 1]
