"""The words of each kind of signal, as a table. `{stage}` is the deal's stage."""

from __future__ import annotations

from typing import NamedTuple

from topics.signals import Kind, Resolution, Severity


class Words(NamedTuple):
    """`headline` follows the deal's name; `why` stands instead of the signal's reason where the details say it better.

    `dated`: the anchor is the instant since when it has been so, which a reader wants to know.
    """

    headline: str
    why: str = ""
    dated: bool = False


WORDS: dict[Kind, Words] = {
    Kind.STAGE_OVERSTAY: Words("stuck in {stage}", dated=True),
    Kind.CYCLE_EXCEEDED: Words("open for longer than such deals take", dated=True),
    Kind.STAGE_REGRESSED: Words("moved back to {stage}"),
    Kind.CONTACT_GAP: Words("nobody has been in touch", dated=True),
    Kind.SQL_UNQUALIFIED: Words("in {stage}, but not qualified", why="Sales-qualified, yet this is missing:"),
    Kind.POST_SQL_INCONSISTENT: Words("no longer qualified", why="It was qualified, and this has changed since:"),
    Kind.GATE_VIOLATED: Words("entered {stage} too early", why="On entering {stage}, this did not hold:"),
    Kind.CLOSE_DATE_PUSHED: Words("close date pushed again"),
    Kind.HIGH_INTENT: Words("the buyer is interested right now", why="The buyer did this:"),
}

ICONS: dict[Severity, str] = {
    Severity.INFO: "\N{SPEECH BALLOON}",
    Severity.WARNING: "\N{LARGE YELLOW CIRCLE}",
    Severity.CRITICAL: "\N{LARGE RED CIRCLE}",
}
RESOLVED_ICON = "\N{WHITE HEAVY CHECK MARK}"

#: `{after}` is how long the signal was open.
RESOLUTIONS: dict[Resolution, str] = {
    Resolution.FIXED: "Fixed after {after}. Thank you.",
    Resolution.CLOSED: "The deal closed after {after}.",
    Resolution.CORRECTED: "Withdrawn: a change that arrived late shows that it did not hold.",
    Resolution.DEFINITION: "Withdrawn: the playbook has changed and no longer asks for this.",
    Resolution.EXPIRED: "Over: nothing more happened for {after}.",
    Resolution.MERGED_AWAY: "The deal was merged into another one.",
}
OVER = "Over after {after}."

UNITS: dict[str, tuple[str, str]] = {"d": ("day", "days"), "h": ("hour", "hours"), "min": ("minute", "minutes")}
