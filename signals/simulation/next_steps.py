"""What stands in the next step: mostly something of its own, now and then what other deals say, too, or nothing at all.

The words alone are drawn here, from a chance of their own: when something is written there is decided elsewhere.
"""

from __future__ import annotations

from random import Random

from signals.simulation.changes import Change
from signals.simulation.profile import Profile, company

#: Of a hundred next steps, so many are placeholders, filler phrases, too short, or shared between deals.
_PLACEHOLDER, _FILLER, _SHORT, _SHARED = 20, 8, 6, 40

_PLACEHOLDERS = ("tbd", "TBD", "n/a", "xxx", "???", "-")
_FILLERS = ("Follow up", "check in.", "Touch base")
_SHORTS = ("Call CFO", "Send NDA")


def worded(seed: int, deal: Profile, changes: list[Change]) -> list[Change]:
    """The changes of a deal with next steps in the words of its seller."""
    rng = Random(f"{seed}:{deal.number}:next_steps")  # noqa: S311 - a simulation has to be repeatable, not secret
    return [_worded(rng, deal, change) for change in changes]


def _worded(rng: Random, deal: Profile, change: Change) -> Change:
    text = change.fields.get("NextStep")
    if not isinstance(text, str):
        return change
    return change._replace(fields={**change.fields, "NextStep": _words(rng, deal, text)})


def _words(rng: Random, deal: Profile, text: str) -> str:
    chance = rng.randrange(100)
    if chance < _PLACEHOLDER:
        return rng.choice(_PLACEHOLDERS)
    if chance < _PLACEHOLDER + _FILLER:
        return rng.choice(_FILLERS)
    if chance < _PLACEHOLDER + _FILLER + _SHORT:
        return rng.choice(_SHORTS)
    if chance < _PLACEHOLDER + _FILLER + _SHORT + _SHARED:
        return rng.choice((text, f" {text.lower()}.", text.upper()))
    return own(deal, text)


def own(deal: Profile, text: str) -> str:
    """A next step that no other deal has."""
    return f"{text}, {company(deal.number)} ({deal.number})"
