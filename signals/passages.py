"""What became of the gates that a deal passed: each entry into a stage, as it was judged then.

A gate is judged once, on the values a settle time after the entry (`signals.md`). What was found is kept for the
window of the pass ratio, by the definitions of that day: later ones do not change what happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from signals.deal import MAX_ENTRIES, Deal, Entry
from signals.rules import Gate, Rules, StageRule
from signals.teams import team_of
from topics.indicators import WINDOW_DAYS
from topics.instants import DAY_US
from topics.standing import Answer, together


class Passage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A stage was entered at `at_us`: by the playbook's names, the team of the deal's owner then, what was found."""

    pipeline: str
    stage: str
    team: str
    at_us: int
    answer: Answer


Passages = tuple[Passage, ...]


def gate_of(stages: Mapping[str, StageRule], entries: Sequence[Entry]) -> Gate:
    """The gate of the last entry: the entry criteria of its stage, after the exit criteria of the one left forward."""
    stage = stages.get(entries[-1].stage)
    if stage is None or not stage.is_open:
        return []
    left = stages.get(entries[-2].stage) if len(entries) > 1 else None
    if left is not None and left.is_open and left.order < stage.order:
        return left.exit_gate + stage.entry_gate
    return stage.entry_gate


def passed(rules: Rules, deal: Deal, before: Passages, due_us: int) -> Passages:
    """The passages of a deal whose gate was judged at `due_us`; those that no window holds any longer are dropped."""
    passage = _passage(rules, deal, due_us)
    if passage is None:
        return before
    oldest_us = passage.at_us - (WINDOW_DAYS + 1) * DAY_US
    return (*[one for one in before if one.at_us >= oldest_us], passage)[-MAX_ENTRIES:]


def _passage(rules: Rules, deal: Deal, due_us: int) -> Passage | None:
    """The last entry, where it is the one that was judged, and there was anything to judge."""
    entry = deal.entries[-1]
    if entry.at_us is None or entry.at_us + rules.settle_us != due_us:
        return None
    stages = rules.stages(deal.fields)
    gate = gate_of(stages, deal.entries)
    if not gate:
        return None
    stage = stages[entry.stage]
    answer = together([condition.judge(deal.fields) for _, condition in gate])
    return Passage(stage.pipeline, stage.name, team_of(rules, deal.fields), entry.at_us, answer)
