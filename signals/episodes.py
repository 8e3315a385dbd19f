"""Episodes own the edges: what holds now, compared with what was open, gives opened, updated and resolved.

A detector answers with findings. A finding with an `anchor` is the same episode as long as it names the same anchor. A
finding without one is a condition of which a deal has at most one run at a time: it is anchored at the event that made
it true, and runs until it holds no longer.

An episode that begins while its deal is muted (a backfill, a gap in the source) is not *told*: nobody hears of its
opening or its end, and if it still holds when the mute ends it opens then (laws 13 and 14).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from signals.deal import Deal, Mark
from topics.events import Scalar
from topics.instants import DAY_US, rfc3339
from topics.signals import Kind, Resolution, Severity, Step

Details = tuple[dict[str, Scalar], ...]


class Finding(msgspec.Struct, frozen=True, gc=False):
    """A detector's answer that something holds.

    `start_us` and `limit_us` belong to kinds that count time: the observed value is then measured from the start.
    `observed` and `limit` (in `unit`) are given by the others. `expires_us`: the last instant at which it may hold.
    `baseline`: the learned quantile that gave the limit.
    """

    reason: str
    anchor: str | None = None
    severity: Severity = Severity.WARNING
    start_us: int | None = None
    limit_us: int | None = None
    observed: float | None = None
    limit: float | None = None
    unit: str = "d"
    details: Details = ()
    causes: tuple[Mark, ...] = ()
    expires_us: int | None = None
    baseline: dict[str, Scalar] | None = None


class Episode(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A run of a condition on one deal. `observed` is the value at opening; `expires_us` the end by time, if any."""

    kind: Kind
    anchor: str
    severity: Severity
    opened_us: int
    told: bool
    reason: str
    observed: float | None = None
    limit: float | None = None
    unit: str = ""
    details: Details = ()
    causes: tuple[Mark, ...] = ()
    expires_us: int | None = None
    baseline: dict[str, Scalar] | None = None

    @property
    def identity(self) -> tuple[Kind, str]:
        """What makes it this episode of its deal."""
        return (self.kind, self.anchor)


class Transition(NamedTuple):
    """What happened to an episode, dated, with the deal as it was then."""

    step: Step
    episode: Episode
    at_us: int
    deal: Deal
    resolution: Resolution | None = None


class Occasion(msgspec.Struct, frozen=True, gc=False):
    """When and why a deal is judged.

    `at_us` is the instant of judging; `dated_us` the instant that transitions carry: the event's, or the due when time
    alone made the difference (`cause` is then None). `redefined`: other definitions count from now on, so what holds no
    longer was not fixed by anybody.
    """

    at_us: int
    dated_us: int
    cause: Mark | None
    redefined: bool = False


def compare(
    deal: Deal, kind: Kind, open_now: tuple[Episode, ...], findings: tuple[Finding, ...], on: Occasion
) -> tuple[tuple[Episode, ...], list[Transition]]:
    """The episodes of one kind after a judgement, and the transitions that led there."""
    if not findings and not open_now:
        return (), []
    if len(findings) == len(open_now) == 1 and findings[0].anchor in {None, open_now[0].anchor}:
        return _gone_on(deal, open_now, findings[0], on)
    transitions: list[Transition] = []
    left = {episode.anchor: episode for episode in open_now}
    kept: list[Episode] = []
    for finding in findings:
        anchor = _anchor(finding, open_now, on)
        known = left.pop(anchor, None)
        if known is None:
            episode = _opened(deal, kind, anchor, finding, on)
            transitions.append(Transition(Step.OPENED, episode, on.dated_us, deal))
        else:
            episode = _continued(known, finding)
            if episode is not known and _differs(known, episode):
                transitions.append(Transition(Step.UPDATED, episode, on.dated_us, deal))
        kept.append(episode)
    if left:
        transitions += [
            Transition(Step.RESOLVED, one, on.dated_us, deal, _resolution(deal, one, on)) for one in left.values()
        ]
    return tuple(kept), transitions


def _gone_on(
    deal: Deal, open_now: tuple[Episode, ...], finding: Finding, on: Occasion
) -> tuple[tuple[Episode, ...], list[Transition]]:
    """One episode, and the same run: what is found nearly always."""
    known = open_now[0]
    episode = _continued(known, finding)
    if episode is known:
        return open_now, []
    said = [Transition(Step.UPDATED, episode, on.dated_us, deal)] if _differs(known, episode) else []
    return (episode,), said


def told(transitions: list[Transition]) -> list[Transition]:
    """Those that are for others to hear."""
    return [transition for transition in transitions if transition.episode.told]


def _anchor(finding: Finding, open_now: tuple[Episode, ...], on: Occasion) -> str:
    if finding.anchor is not None:
        return finding.anchor
    if open_now:
        return open_now[0].anchor
    return rfc3339(on.dated_us) if on.cause is None else on.cause.event


def _opened(deal: Deal, kind: Kind, anchor: str, finding: Finding, on: Occasion) -> Episode:
    observed = finding.observed if finding.start_us is None else (on.dated_us - finding.start_us) / DAY_US
    limit = finding.limit if finding.limit_us is None else finding.limit_us / DAY_US
    return Episode(
        kind,
        anchor,
        finding.severity,
        on.dated_us,
        not deal.muted,
        finding.reason,
        observed,
        limit,
        finding.unit if observed is not None else "",
        finding.details,
        finding.causes or (() if on.cause is None else (on.cause,)),
        finding.expires_us,
        finding.baseline,
    )


def _continued(known: Episode, finding: Finding) -> Episode:
    """The same run, with what it shows now; value and limit stay those of the opening (law 11)."""
    if (
        known.reason == finding.reason
        and known.details == finding.details
        and known.expires_us == finding.expires_us
        and known.severity is finding.severity
    ):
        return known
    return msgspec.structs.replace(
        known,
        severity=finding.severity,
        reason=finding.reason,
        details=finding.details,
        causes=finding.causes or known.causes,
        expires_us=finding.expires_us,
    )


def _differs(known: Episode, now: Episode) -> bool:
    return (known.severity, known.reason, known.details) != (now.severity, now.reason, now.details)


def _resolution(deal: Deal, episode: Episode, on: Occasion) -> Resolution:
    if deal.merged_into is not None:
        return Resolution.MERGED_AWAY
    if deal.removed:
        return Resolution.CLOSED
    if episode.expires_us is not None and on.at_us > episode.expires_us:
        return Resolution.EXPIRED
    return Resolution.DEFINITION if on.redefined else Resolution.FIXED
