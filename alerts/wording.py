"""The words of each kind of signal, as a table. `{stage}` is the deal's stage."""

from __future__ import annotations

from typing import NamedTuple

from alerts.actions import ActionKind
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
    Kind.STAGE_SKIPPED: Words("skipped a stage on the way to {stage}"),
    Kind.STAGE_BOUNCED: Words("back and forth, in {stage} once more"),
    Kind.STAGE_PARKED: Words("moved on to {stage} without the buyer"),
    Kind.BUYER_SILENT: Words("the buyer does not answer", dated=True),
    Kind.NO_NEXT_MEETING: Words("no next meeting", dated=True),
    Kind.SINGLE_THREADED: Words("hangs on one person"),
    Kind.HANDOFF_STALLED: Words("nobody has spoken to the buyer since the handover", dated=True),
    Kind.ICP_MISMATCH: Words("not the kind of customer we look for", why="This does not fit the ideal customer:"),
    Kind.JUNK_FIELD: Words("a placeholder where something should stand", why="This says nothing:"),
    Kind.HANDOFF_INCOMPLETE: Words("handed over incomplete", why="The next team needs this, and it is missing:"),
    Kind.VALUE_UNMAPPED: Words("a value that the playbook does not define"),
    Kind.CLOSE_DATE_PASSED: Words("the close date has passed", dated=True),
    Kind.CLOSE_DATE_PARKED: Words("a close date further out than anyone can know"),
    Kind.CLOSE_DATE_WISHFUL: Words("a close date sooner than such deals close"),
    Kind.CATEGORY_MISMATCH: Words("forecast stronger than the deal is"),
    Kind.AMOUNT_SHRUNK: Words("the amount has shrunk"),
    Kind.NEXT_STEP_STALE: Words("no next step that says anything"),
    Kind.INTENT_UNANSWERED: Words("the buyer asked, and nobody answered", why="The buyer did this:", dated=True),
    Kind.STALE_DEAL: Words("nothing has happened for a long time", dated=True),
    Kind.REOPENED: Words("open again in {stage}"),
    Kind.UNOWNED: Words("nobody owns it", dated=True),
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

#: What a button says.
OFFERS: dict[ActionKind, str] = {
    ActionKind.DONE: "Done",
    ActionKind.SNOOZE: "Snooze…",
    ActionKind.NOT_RELEVANT: "Not relevant…",
    ActionKind.OVERRIDE: "Exception…",
}

#: What a message shows once somebody has pressed; `{why}` is the person's reason after a colon, or nothing.
HANDLED: dict[ActionKind, str] = {
    ActionKind.DONE: "Done, says {by}, {at}{why}",
    ActionKind.SNOOZE: "Snoozed by {by} until {until}{why}",
    ActionKind.NOT_RELEVANT: "Not relevant, says {by}, {at}{why}",
    ActionKind.OVERRIDE: "Exception made by {by} until {until}{why}",
    ActionKind.ACKNOWLEDGE: "Seen by {by}, {at}{why}",
}
