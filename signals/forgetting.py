"""A deal that is to be forgotten: its open signals end without saying anything of it."""

from __future__ import annotations

import msgspec

from signals.deal import Deal
from signals.episodes import Transition, told
from signals.step import State
from topics.events import Forgotten
from topics.signals import Resolution, Step

_replace = msgspec.structs.replace


def last_words(state: State | None, event: Forgotten) -> list[Transition]:
    """The ends of the open episodes that others heard of, so that nothing goes on claiming that something is wrong.

    They bear the key and the kind of what was open, nothing of the deal itself: no name, no owner, no cause.
    """
    if state is None:
        return []
    now = state.now
    unknown = Deal(now.deal.key, now.deal.source)
    at_us = max(event.at_us, now.now_us)
    return told(
        [
            Transition(Step.RESOLVED, _replace(one, details=(), causes=()), at_us, unknown, Resolution.EXPIRED)
            for one in now.episodes
        ]
    )
