"""PromQL in small pieces. A ratio is written once and used by panels and by recording rules alike."""

from __future__ import annotations

#: The answers that count in a ratio; unknown is reported beside it, never in it (law 13).
JUDGED = 'answer=~"met|not_met"'
MET = 'answer="met"'
UNKNOWN = 'answer="unknown"'


def select(metric: str, *matchers: str) -> str:
    """A selector: `metric{a="b",c="d"}`. Empty matchers are left out."""
    inside = ",".join(each for each in matchers if each)
    return f"{metric}{{{inside}}}" if inside else metric


def total(metric: str, *matchers: str, by: str = "") -> str:
    """The sum over all workers and partitions, by some labels."""
    return f"sum by ({by}) ({select(metric, *matchers)})" if by else f"sum({select(metric, *matchers)})"


def count_of(metric: str, *matchers: str) -> str:
    """A sum that is 0 where there is no series, as a count must be."""
    return f"({total(metric, *matchers)} or vector(0))"


def met_ratio(metric: str, *matchers: str, by: str = "") -> str:
    """What is met, of X 0 to 1. No sample where nothing could be judged, since 0 of 0 is no ratio."""
    judged = total(metric, *matchers, JUDGED, by=by)
    if not by:
        return f"{count_of(metric, *matchers, MET)} / ({judged} > 0)"
    met = total(metric, *matchers, MET, by=by)
    return f"({met} or 0 * {judged}) / ({judged} > 0)"


def per_second(metric: str, *matchers: str, by: str = "", over: str = "$__rate_interval") -> str:
    """A counter's rate in 1/s, summed."""
    return _summed(f"rate({select(metric, *matchers)}[{over}])", by)


def grown(metric: str, *matchers: str, by: str = "", over: str = "1h") -> str:
    """What a counter grew by within a time, summed."""
    return _summed(f"increase({select(metric, *matchers)}[{over}])", by)


def risen(metric: str, by: str, over: str) -> str:
    """Where a counter grew within a time, also one whose series began in it: `increase` does not see a first sample."""
    return f"{grown(metric, by=by, over=over)} > 0 or sum by ({by}) ({metric} unless {metric} offset {over}) > 0"


def quantile(share: float, histogram: str, by: str = "", over: str = "$__rate_interval") -> str:
    """A quantile of a histogram, in its own unit. No sample where nothing was observed."""
    labels = f"le, {by}" if by else "le"
    rate = f"sum by ({labels}) (rate({histogram}_bucket[{over}]))"
    return f"histogram_quantile({share:g}, {rate}) >= 0"


def or_none(expression: str, label: str) -> str:
    """The expression; one zero that says "none" under the label where it has no series at all."""
    return f'{expression} or on() label_replace(vector(0), "{label}", "none", "", "")'


def named(expression: str, label: str) -> str:
    """The expression with "none" in place of an empty label, which a legend would show as nothing."""
    return f'label_replace({expression}, "{label}", "none", "{label}", "")'


def _summed(expression: str, by: str) -> str:
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"
