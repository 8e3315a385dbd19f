"""How the command line shows what limits are worth, and what was learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from signals.baselines import GRID, Baselines, Measure, Row
from signals.fitting import Group
from signals.worth import MOST_FIRED, Ends, Worth
from topics.instants import DAY_US

#: The quantiles that are shown; the playbook may name any other.
_SHOWN = (0.25, 0.5, 0.75, 0.9, 0.975)
_NAMES = {Measure.DWELL: "in", Measure.CYCLE: "won cycle", Measure.TO_WIN: "to the win from"}


def rows_shown(baselines: Baselines, naive_us: Mapping[Group, int]) -> Iterator[str]:
    """One line per row: what it is about, what is behind it, its quantiles in days as far as the curve reaches.

    `naive_us`: the medians of stays that ended, which leave out what still runs and so look fast; shown beside.
    """
    width = max((len(_about(row)) for row in baselines.rows), default=0)
    for row in baselines.rows:
        days = ", ".join(f"p{share * 100:g} {_days(row.quantile_us(share))}" for share in _SHOWN)
        end = "" if len(row.quantiles) == GRID - 1 else f"; the curve ends at p{len(row.quantiles) * 100 / GRID:g}"
        median_us = naive_us.get(_group(row)) if row.measure is Measure.DWELL else None
        naive = "" if median_us is None else f" (p50 of those that ended: {_days(median_us)})"
        yield f"{_about(row):<{width}}  n {row.n:,} ({row.events:,} ended): {days}{end}{naive}"


def worth_shown(worths: Iterable[Worth]) -> Iterator[str]:
    """Two lines per limit: whom it fires on, how those ended against the others."""
    for one in worths:
        yield f"{limit_shown(one)}"
        yield (
            f"  fires on {one.share:.1%} of {one.past + one.open:,} deals: {one.past_fired:,} of {one.past:,} past, "
            f"{one.open_fired:,} of {one.open:,} open"
        )
        yield f"  won of those that closed: {_won(one.fired)} where it fires, {_won(one.spared)} else{_verdict(one)}"


def limit_shown(one: Worth) -> str:
    """Which limit, for whom."""
    if one.learned is None:
        source = "fixed"
    else:
        whose = "the stage's" if one.learned.segment is None and one.group.segment is not None else "its own"
        source = f"p{one.learned.quantile * 100:g} of {one.learned.n:,}, {whose}"
    return f"{one.kind.value} ({one.severity.value}) {_place(one.group)}: {_days(one.limit_us)} ({source})"


def worth_document(one: Worth) -> dict[str, Any]:
    """The same as JSON; durations in days."""
    return {
        "kind": one.kind.value,
        "severity": one.severity.value,
        **one.group._asdict(),
        "limit_days": one.limit_us / DAY_US,
        "learned": None if one.learned is None else one.learned.evidence(),
        "past": one.past,
        "past_fired": one.past_fired,
        "open": one.open,
        "open_fired": one.open_fired,
        "share": one.share,
        "won_share_fired": one.fired.won_share,
        "won_share_spared": one.spared.won_share,
        "noise": one.is_noise,
    }


def _verdict(one: Worth) -> str:
    said = f"; more than {MOST_FIRED:.0%} is noise" if one.is_noise else ""
    fired, spared = one.fired.won_share, one.spared.won_share
    if fired is not None and spared is not None and fired > spared:
        said += "; those that it fires on win more often"
    return said


def _won(ends: Ends) -> str:
    return "none closed" if ends.won_share is None else f"{ends.won_share:.1%} of {ends.closed:,}"


def _about(row: Row) -> str:
    return f"{_NAMES[row.measure]} {_place(_group(row))}"


def _group(row: Row) -> Group:
    return Group(row.pipeline, row.stage, row.segment)


def _place(group: Group) -> str:
    names = group.pipeline if not group.stage else f"{group.pipeline} / {group.stage}"
    return names if group.segment is None else f"{names}, {group.segment}"


def _days(duration_us: int | None) -> str:
    return "-" if duration_us is None else f"{duration_us / DAY_US:.4g} d"
