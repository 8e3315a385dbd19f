"""Why something was told, edited, routed, or not: one enum for log, metric and message (law 10)."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Every named reason of the voice. `MEANING` says each in a sentence."""

    # the policy speaks
    TOLD = "told"
    TOLD_BEYOND_BUDGET = "told_beyond_budget"
    MERGED = "merged"
    JOINED = "joined"
    DIGESTED = "digested"
    QUEUED = "queued"
    ROLLED_UP = "rolled_up"
    WORSE = "worse"
    REPEATED = "repeated"
    ACTION_OVER = "action_over"
    UPDATED = "updated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    # the policy waits
    SETTLING = "settling"
    INHIBITED = "inhibited"
    SNOOZED = "snoozed"
    DONE = "done"
    ACKNOWLEDGED = "acknowledged"
    QUIET_HOURS = "quiet_hours"
    GROUPING = "grouping"
    OVER_BUDGET = "over_budget"
    # the policy is silent
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out_of_order"
    RESOLVED_BEFORE_TOLD = "resolved_before_told"
    NOT_RELEVANT = "not_relevant"
    OVERRIDDEN = "overridden"
    NOT_THEIRS = "not_theirs"
    FLOOD = "flood"
    # nobody hears
    KIND_NOT_TOLD = "kind_not_told"
    NOBODY_TO_TELL = "nobody_to_tell"
    # why this recipient hears
    AS_OWNER = "as_owner"
    AS_LEAD = "as_lead"
    AS_REVOPS = "as_revops"
    HEARD_BEFORE = "heard_before"
    ESCALATED = "escalated"
    OWNER_UNKNOWN = "owner_unknown"
    OWNER_WITHOUT_ADDRESS = "owner_without_address"
    LEAD_UNKNOWN = "lead_unknown"
    LEAD_WITHOUT_ADDRESS = "lead_without_address"
    NO_REVOPS_CHANNEL = "no_revops_channel"
    # routing
    ROUTED = "routed"
    NOT_AN_INTENT = "not_an_intent"
    NOT_NEW = "not_new"
    INTENT_UNKNOWN = "intent_unknown"
    INTENT_WITHOUT_ROUTE = "intent_without_route"
    # delivery
    ALREADY_SAID = "already_said"
    NEVER_SAID = "never_said"
    MESSAGE_GONE = "message_gone"
    MESSAGE_REFUSED = "message_refused"
    RECIPIENT_REFUSED = "recipient_refused"
    GAVE_UP = "gave_up"


MEANING: dict[Reason, str] = {
    Reason.TOLD: "told for the first time",
    Reason.TOLD_BEYOND_BUDGET: "told although the day's budget was spent: it is critical, on one of the largest deals",
    Reason.MERGED: "told together with another signal, in one message",
    Reason.JOINED: "told in the message about the same deal that stands already",
    Reason.DIGESTED: "told in the digest, with what else was left of the day before",
    Reason.QUEUED: "shown again in the queue of the week",
    Reason.ROLLED_UP: "the roll-up of the week",
    Reason.WORSE: "it has become graver since it was told",
    Reason.REPEATED: "it still holds, and nobody has said a word",
    Reason.ACTION_OVER: "the time that somebody asked for is over, and it still holds",
    Reason.UPDATED: "the message was brought up to date",
    Reason.RESOLVED: "the message now says that it is over",
    Reason.REOPENED: "it holds again after it was over; the message says so",
    Reason.SETTLING: "held until it has lasted long enough to be worth a message",
    Reason.INHIBITED: "a graver signal on the same deal says it already",
    Reason.SNOOZED: "somebody asked to be left alone with it for a while",
    Reason.DONE: "somebody said that it is done",
    Reason.ACKNOWLEDGED: "somebody has taken it on",
    Reason.QUIET_HOURS: "held until the recipient's working hours begin",
    Reason.GROUPING: "held for a moment, so that several become one message",
    Reason.OVER_BUDGET: "the day's budget of messages is spent: it waits for the digest",
    Reason.NOT_RELEVANT: "somebody said that it is not relevant",
    Reason.OVERRIDDEN: "a manager made an exception",
    Reason.NOT_THEIRS: "it is somebody else's by now",
    Reason.FLOOD: "too many of this kind opened at once: RevOps was told, nobody else",
    Reason.DUPLICATE: "the same transition had arrived before",
    Reason.OUT_OF_ORDER: "something newer had been told already",
    Reason.RESOLVED_BEFORE_TOLD: "it was over before this recipient had heard of it",
    Reason.KIND_NOT_TOLD: "the playbook tells nobody of this kind",
    Reason.NOBODY_TO_TELL: "no recipient is known and the playbook names no fallback channel",
    Reason.AS_OWNER: "the deal's owner",
    Reason.AS_LEAD: "the owner's lead",
    Reason.AS_REVOPS: "the playbook tells RevOps of this kind",
    Reason.HEARD_BEFORE: "was told when it opened",
    Reason.ESCALATED: "nothing had changed within the time limit, so it was passed on",
    Reason.OWNER_UNKNOWN: "the playbook does not know the deal's owner",
    Reason.OWNER_WITHOUT_ADDRESS: "the playbook has neither a Slack id nor an e-mail of the deal's owner",
    Reason.LEAD_UNKNOWN: "the playbook names no lead of the deal's owner",
    Reason.LEAD_WITHOUT_ADDRESS: "the playbook has neither a Slack id nor an e-mail of the owner's lead",
    Reason.NO_REVOPS_CHANNEL: "the playbook names no RevOps channel",
    Reason.ROUTED: "sent to the intent's routing topic",
    Reason.NOT_AN_INTENT: "only high-intent signals are routed",
    Reason.NOT_NEW: "only the opening of an intent is routed",
    Reason.INTENT_UNKNOWN: "the playbook defines no intent of this name",
    Reason.INTENT_WITHOUT_ROUTE: "the playbook gives this intent no route",
    Reason.ALREADY_SAID: "the ledger says that this was done before",
    Reason.NEVER_SAID: "there is no message to edit: it could not be said",
    Reason.MESSAGE_GONE: "the message to edit is gone or may no longer be edited",
    Reason.MESSAGE_REFUSED: "Slack does not accept this message",
    Reason.RECIPIENT_REFUSED: "Slack could not reach the person or the channel that it was meant for",
    Reason.GAVE_UP: "no clear answer from Slack after many attempts",
}


class Fate(StrEnum):
    """What became of a signal that opened, for one recipient: one of these at every moment."""

    TOLD = "told"
    MERGED = "merged"
    INHIBITED = "inhibited"
    HELD = "held"
    DROPPED = "dropped"


#: The fate of a signal of which the policy last said this.
FATES: dict[Reason, Fate] = {
    Reason.TOLD: Fate.TOLD,
    Reason.TOLD_BEYOND_BUDGET: Fate.TOLD,
    Reason.MERGED: Fate.MERGED,
    Reason.JOINED: Fate.MERGED,
    Reason.DIGESTED: Fate.MERGED,
    Reason.QUEUED: Fate.TOLD,
    Reason.INHIBITED: Fate.INHIBITED,
    Reason.SETTLING: Fate.HELD,
    Reason.SNOOZED: Fate.HELD,
    Reason.DONE: Fate.HELD,
    Reason.ACKNOWLEDGED: Fate.HELD,
    Reason.QUIET_HOURS: Fate.HELD,
    Reason.GROUPING: Fate.HELD,
    Reason.OVER_BUDGET: Fate.HELD,
    Reason.RESOLVED_BEFORE_TOLD: Fate.DROPPED,
    Reason.NOT_RELEVANT: Fate.DROPPED,
    Reason.OVERRIDDEN: Fate.DROPPED,
    Reason.NOT_THEIRS: Fate.DROPPED,
    Reason.FLOOD: Fate.DROPPED,
}

#: The recipient is the fallback channel because of this.
FALLBACKS = frozenset(
    {
        Reason.OWNER_UNKNOWN,
        Reason.OWNER_WITHOUT_ADDRESS,
        Reason.LEAD_UNKNOWN,
        Reason.LEAD_WITHOUT_ADDRESS,
        Reason.NO_REVOPS_CHANNEL,
        Reason.RECIPIENT_REFUSED,
    }
)
