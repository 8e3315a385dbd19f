"""The stays of a deal: a function of what is known of it and of the rules, so live and replay say the same.

What a change of the deal makes of its stays is the difference of two answers. All stays of a deal count in the segment
that it is in now: another segment, or other definitions, move them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from playbook.model import Outcome
from signals.deal import Deal, Entry
from signals.judge import Watch
from signals.rules import Rules, StageRule
from topics.dwells import Dwell, DwellOutcome, DwellRecord, DwellUndone

_NONE: tuple[Dwell, ...] = ()
_NOTHING: tuple[DwellRecord, ...] = ()


class _End(NamedTuple):
    """How a deal ended, and when: None for an open one, and where nobody knows."""

    outcome: DwellOutcome
    closed_us: int | None = None

    @property
    def is_timed(self) -> bool:
        return self.outcome == "open" or self.closed_us is not None


_OPEN = _End("open")


def dwells_of(rules: Rules, deal: Deal) -> tuple[Dwell, ...]:
    """Every stay in an open stage that began at a known instant, and the cycle of a deal that was seen to begin.

    None of a deal that is deleted, merged away or being loaded.
    """
    if deal.removed or deal.loading or not deal.entries:
        return _NONE
    stages = rules.stages(deal.fields)
    if not stages:
        return _NONE
    pipeline = next(iter(stages.values())).pipeline
    segment = rules.segment(deal.fields)
    of_deal = (deal, pipeline, None if segment is None else segment.name, _end_of(stages, deal.entries[-1]))
    stays = tuple(_stay(*of_deal, *one) for one in _timed(deal.entries, stages))
    return stays + _cycle(*of_deal)


def changed(rules_before: Rules, before: Watch | None, rules: Rules, now: Watch | None) -> tuple[DwellRecord, ...]:
    """What is to be said of the stays of a deal that was `before` (None: unknown) and is `now` (None: forgotten)."""
    if (
        before is not None
        and now is not None
        and rules is rules_before
        and _tells_the_same(rules, before.deal, now.deal)
    ):
        return _NOTHING
    old = () if before is None else dwells_of(rules_before, before.deal)
    new = () if now is None else dwells_of(rules, now.deal)
    return difference(old, new)


def difference(old: Iterable[Dwell], new: Iterable[Dwell]) -> tuple[DwellRecord, ...]:
    """What makes the old stays the new ones."""
    known = {one.identity: one for one in old}
    said: list[DwellRecord] = [one for one in new if known.pop(one.identity, None) != one]
    return (*said, *map(_undone, known.values()))


def _undone(one: Dwell) -> DwellUndone:
    return DwellUndone(deal=one.deal, entry=one.entry, pipeline=one.pipeline, stage=one.stage, segment=one.segment)


def _tells_the_same(rules: Rules, before: Deal, now: Deal) -> bool:
    """Whether nothing changed that stays are made of; nearly every change leaves them alone."""
    if now is before:
        return True
    if (
        now.entries is not before.entries
        or now.created_mark is not before.created_mark
        or now.created_us != before.created_us
        or now.removed is not before.removed
        or now.loading is not before.loading
    ):
        return False
    old, new = before.fields, now.fields
    if new is old:
        return True
    return rules.stages(old) is rules.stages(new) and rules.segment(old) is rules.segment(new)


def _end_of(stages: Mapping[str, StageRule], last: Entry) -> _End:
    stage = stages.get(last.stage)
    return _OPEN if stage is None or stage.is_open else _End(_OUTCOMES[stage.outcome], last.at_us)


_OUTCOMES: dict[Outcome, DwellOutcome] = {Outcome.OPEN: "open", Outcome.WON: "won", Outcome.LOST: "lost"}


def _timed(entries: tuple[Entry, ...], stages: Mapping[str, StageRule]) -> Iterator[tuple[str, str, int, int | None]]:
    """The stays whose beginning is known, and whose end is, if they ended: event, stage, from, until."""
    for place, entry in enumerate(entries):
        stage = stages.get(entry.stage)
        if stage is None or not stage.is_open or entry.at_us is None:
            continue
        if place == len(entries) - 1:
            yield entry.mark.event, stage.name, entry.at_us, None
        elif (until_us := entries[place + 1].at_us) is not None:
            yield entry.mark.event, stage.name, entry.at_us, until_us


def _stay(  # noqa: PLR0913, PLR0917 - what a stay is made of
    deal: Deal,
    pipeline: str,
    segment: str | None,
    end: _End,
    entry: str,
    stage: str,
    from_us: int,
    until_us: int | None,
) -> Dwell:
    return Dwell(
        deal=deal.key,
        entry=entry,
        pipeline=pipeline,
        stage=stage,
        segment=segment,
        from_us=from_us,
        until_us=until_us,
        outcome=end.outcome,
        closed_us=end.closed_us,
    )


def _cycle(deal: Deal, pipeline: str, segment: str | None, end: _End) -> tuple[Dwell, ...]:
    """The way of a deal from its creation until it closed. A deal that closed before it was created has none."""
    mark, created_us = deal.created_mark, deal.created_us
    if mark is None or created_us is None or not end.is_timed:
        return _NONE
    if end.closed_us is not None and end.closed_us < created_us:
        return _NONE
    return (_stay(deal, pipeline, segment, end, mark.event, "", created_us, end.closed_us),)
