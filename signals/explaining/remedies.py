"""What would end each kind of signal, in words: the catalogue's column, with what the episode names."""

from __future__ import annotations

from signals.episodes import Episode
from topics.instants import rfc3339
from topics.signals import Kind

#: By kind, what ends it. Every kind ends with the deal, too, but for those that are asked of closed deals.
REMEDIES: dict[Kind, str] = {
    Kind.STAGE_OVERSTAY: "the deal leaves the stage",
    Kind.CYCLE_EXCEEDED: "the deal closes",
    Kind.STAGE_REGRESSED: "it reaches that stage again",
    Kind.STAGE_SKIPPED: "the stage is entered",
    Kind.STAGE_BOUNCED: "nothing but time",
    Kind.STAGE_PARKED: "the buyer takes part: an inbound or mutual contact",
    Kind.CONTACT_GAP: "a contact, or one that is planned",
    Kind.BUYER_SILENT: "an inbound or mutual contact, or one that is planned",
    Kind.NO_NEXT_MEETING: "a meeting is planned",
    Kind.SINGLE_THREADED: "a contact with a second person at the buyer's",
    Kind.HANDOFF_STALLED: "the new owner speaks to the buyer",
    Kind.SQL_UNQUALIFIED: "all qualification fields are true",
    Kind.POST_SQL_INCONSISTENT: "what was lost is true again, and the deal is back at SQL",
    Kind.GATE_VIOLATED: "the criteria hold, or the deal leaves the stage",
    Kind.ICP_MISMATCH: "all ICP criteria hold",
    Kind.JUNK_FIELD: "the text is replaced by what is known",
    Kind.HANDOFF_INCOMPLETE: "the fields are filled",
    Kind.VALUE_UNMAPPED: "the playbook defines the value",
    Kind.CLOSE_DATE_PUSHED: "nothing but time without a further push",
    Kind.CLOSE_DATE_PASSED: "the close date is moved, or the deal closes",
    Kind.CLOSE_DATE_PARKED: "the close date is moved in",
    Kind.CLOSE_DATE_WISHFUL: "the close date is moved out",
    Kind.CATEGORY_MISMATCH: "category, stage and next step agree",
    Kind.AMOUNT_SHRUNK: "the amount is regained",
    Kind.NEXT_STEP_STALE: "the next step is replaced",
    Kind.HIGH_INTENT: "a contact",
    Kind.INTENT_UNANSWERED: "a contact",
    Kind.STALE_DEAL: "somebody works on the deal, or speaks to the buyer",
    Kind.REOPENED: "nothing but time",
    Kind.UNOWNED: "an owner who is active",
}
#: What the details of an episode may name that is to be mended.
_NAMES = ("field", "criterion", "furthest", "stage")


def remedy_of(episode: Episode, ends_us: int | None) -> str:
    """What would end an episode. `ends_us`: when time alone ends it, if nothing else happens."""
    named = [str(one[name]) for one in episode.details for name in _NAMES if name in one and "unknown" not in one]
    what = REMEDIES[episode.kind] + (f" ({', '.join(dict.fromkeys(named))})" if named else "")
    return what if ends_us is None else f"{what}; by itself at {rfc3339(ends_us)}"
