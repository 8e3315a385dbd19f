"""Every topic as data: its name, what its keys and values are, its partitions, how long it keeps what.

`signals topics apply` creates what stands here and says what differs on the broker; nothing else creates topics.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

DAY_MS = 24 * 3600 * 1000


class Cleanup(StrEnum):
    """What the broker does with old records."""

    DELETE = "delete"
    COMPACT = "compact"


#: A broker deletes whole files, and compacts when it finds that worth the while. So that what is over is gone a day
#: later on a quiet topic, too, files end after a day and compaction waits no longer than that. A tombstone stays for a
#: week, so that a worker that was away as long still hears of it.
_GONE_IN_TIME = {
    Cleanup.DELETE: {"segment.ms": str(DAY_MS)},
    Cleanup.COMPACT: {"max.compaction.lag.ms": str(DAY_MS), "delete.retention.ms": str(7 * DAY_MS)},
}


class Topic(NamedTuple):
    """One topic. `partitions` None: the setting's number, so that keys of one space stand in step (co-partitioned).

    `personal`: what stands there of buyers and of our own people, for docs/privacy.md.
    """

    name: str
    key: str
    value: str
    cleanup: Cleanup
    retention_days: int | None
    partitions: int | None = None
    max_message_bytes: int = 1_048_588
    doc: str = ""
    personal: str = ""

    @property
    def kept(self) -> str:
        """How long a record stays, for a person."""
        return "the last of each key" if self.retention_days is None else f"{self.retention_days} days"

    def config(self) -> dict[str, str]:
        """The broker's settings of this topic, as it names them."""
        retention = -1 if self.retention_days is None else self.retention_days * DAY_MS
        return {
            "cleanup.policy": self.cleanup.value,
            "retention.ms": str(retention),
            **_GONE_IN_TIME[self.cleanup],
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "CreateTime",
        }


RAW_PREFIX = "crm.raw."
ROUTE_PREFIX = "route."
RAW_MAX_BYTES = 16 * 1024 * 1024
#: How long input is kept as it was sent, unless the settings say otherwise: long enough to read it again after a fix.
RAW_DAYS = 30
#: How long input that could not be understood is kept, unless the settings say otherwise.
REJECTED_DAYS = 90
#: A deal is the sum of its events: hundreds of fields of the customer's own, of up to 32 KB each.
DEAL_MAX_BYTES = 16 * 1024 * 1024
#: A playbook's file may have 1 MB (`playbook.yamltree.MAX_BYTES`); as JSON a character may take six.
DEFINITIONS_MAX_BYTES = 8 * 1024 * 1024

PEOPLE_EVENTS = "people.events"
DEAL_EVENTS = "deal.events"
DEFINITIONS = "definitions"
DEAL_SIGNALS = "deal.signals"
DEAL_CURRENT = "deal.current"
PIPELINE_INDICATORS = "pipeline.indicators"
STAGE_DWELLS = "stage.dwells"
REJECTED = "crm.rejected"
ALERT_ACTIONS = "alert.actions"
ALERT_INBOX = "alert.inbox"
ALERT_OUTBOX = "alert.outbox"
ALERT_LOG = "alert.log"
ALERT_LEDGER = "alert.ledger"
STATE_JOIN = "state.join"
STATE_DETECT = "state.detect"
STATE_BASELINES = "state.baselines"
STATE_FANOUT = "state.fanout"
STATE_NOTIFY = "state.notify"

_DELETE, _COMPACT = Cleanup.DELETE, Cleanup.COMPACT

TOPICS: tuple[Topic, ...] = (
    Topic(
        PEOPLE_EVENTS,
        "activity, tie, person, account or owner",
        "PeopleEvent",
        _DELETE,
        30,
        doc="what is keyed by something other than a deal, on its way through join",
        personal="names, e-mail addresses and titles of buyers and sellers, who takes part in which activity, what "
        "buyers did on the web site",
    ),
    Topic(
        DEAL_EVENTS,
        "deal",
        "DealEvent",
        _DELETE,
        400,
        doc="canonical changes of deals and ticks: the log that state and signals are a function of",
        personal="names of deals and of their accounts, ids of people in activities, every field that is mapped",
    ),
    Topic(
        DEFINITIONS,
        "version",
        "Definition",
        _COMPACT,
        None,
        partitions=1,
        max_message_bytes=DEFINITIONS_MAX_BYTES,
        doc="playbooks and baselines by version, for good, and which were published last; controls on the logs switch "
        "to them",
        personal="names, e-mail addresses and Slack ids of sellers, where the playbook names them",
    ),
    Topic(
        DEAL_SIGNALS,
        "deal, person or account",
        "Signal",
        _DELETE,
        400,
        doc="opened, updated, resolved: one record per transition",
        personal="names of deals and of their owners, ids of people, what a buyer's intent said",
    ),
    Topic(
        DEAL_CURRENT,
        "deal",
        "DealView",
        _COMPACT,
        None,
        max_message_bytes=DEAL_MAX_BYTES,
        doc="the present state of each deal with its open signals",
        personal="as deal.signals, and every mapped field of the deal",
    ),
    Topic(
        PIPELINE_INDICATORS,
        "sort, partition and labels",
        "Figures",
        _COMPACT,
        None,
        doc="sums of the pipeline by cell, gate and owner, of one partition of deal.events each",
        personal="names and ids of sellers with what is open on their deals; no deal, no buyer",
    ),
    Topic(
        STAGE_DWELLS,
        "pipeline, stage and segment",
        "DwellRecord",
        _DELETE,
        400,
        partitions=1,  # a few per deal and life; a stage's limit needs all of its segments
        doc="how long deals stay in stages and until they close, said anew when it changes",
        personal="keys of deals",
    ),
    Topic(
        REJECTED,
        "source",
        "Rejection",
        _DELETE,
        REJECTED_DAYS,
        max_message_bytes=RAW_MAX_BYTES,
        doc="input that could not be understood, with its bytes, position and reason",
        personal="whatever the source sent",
    ),
    Topic(
        ALERT_ACTIONS,
        "deal, person or account",
        "Action",
        _DELETE,
        400,
        doc="what people did about a signal: done, snoozed, not relevant, an exception",
        personal="names and Slack ids of those who act, their reasons in their own words, keys of deals",
    ),
    Topic(
        ALERT_INBOX,
        "recipient",
        "Told",
        _DELETE,
        7,
        doc="transitions by the recipient who may hear of them",
        personal="as deal.signals; names and addresses of recipients",
    ),
    Topic(
        ALERT_OUTBOX,
        "recipient",
        "Delivery",
        _DELETE,
        7,
        doc="what is to be said or edited, first in, first out per recipient",
        personal="as deal.signals; names and addresses of recipients",
    ),
    Topic(
        ALERT_LOG,
        "signal",
        "Decision",
        _DELETE,
        400,
        doc="what was decided about each signal and recipient, with the reason",
        personal="keys of deals and people, names of recipients, reasons that they gave",
    ),
    Topic(
        ALERT_LEDGER,
        "recipient and signal",
        "LedgerEntry",
        _COMPACT,
        None,
        doc="what was said, where, when: the state of send",
        personal="names of recipients, where their messages stand in Slack; no deal, no buyer",
    ),
    Topic(
        STATE_JOIN,
        "activity, tie, person, account or owner",
        "state",
        _COMPACT,
        None,
        max_message_bytes=DEAL_MAX_BYTES,
        doc="the state of join",
        personal="as people.events",
    ),
    Topic(
        STATE_DETECT,
        "deal",
        "state",
        _COMPACT,
        None,
        max_message_bytes=DEAL_MAX_BYTES,
        doc="the state of detect",
        personal="as deal.events",
    ),
    Topic(
        STATE_BASELINES,
        "deal, entry and stage",
        "state",
        _COMPACT,
        None,
        partitions=1,
        doc="the stays of all deals, and what was learned of them last: the state of baselines",
        personal="keys of deals",
    ),
    Topic(
        STATE_FANOUT,
        "signal",
        "Heard",
        _COMPACT,
        None,
        doc="who has heard of which open signal: state of notify",
        personal="names and addresses of recipients; no deal, no buyer",
    ),
    Topic(
        STATE_NOTIFY,
        "recipient",
        "state",
        _COMPACT,
        None,
        doc="the state of notify: what each recipient has waiting and was told",
        personal="as alert.inbox and alert.actions, until 30 days after a signal is over",
    ),
)


def raw_topic(source: str, days: int = RAW_DAYS) -> Topic:
    """The raw topic of a source: bytes as the CRM sent them."""
    return Topic(
        RAW_PREFIX + source,
        "as sent",
        "bytes",
        _DELETE,
        days,
        max_message_bytes=RAW_MAX_BYTES,
        doc="as the source sent it",
        personal="whatever the source sends: choose there which objects and fields it sends",
    )


def route_topic(route: str) -> Topic:
    """The topic of one route of the playbook."""
    return Topic(
        ROUTE_PREFIX + route,
        "deal, person or account",
        "CloudEvent",
        _DELETE,
        30,
        doc="high-intent events for other systems",
        personal="as deal.signals",
    )


def topics(
    sources: Iterable[str], routes: Iterable[str], *, raw_days: int = RAW_DAYS, rejected_days: int = REJECTED_DAYS
) -> tuple[Topic, ...]:
    """Every topic of an installation with these sources and these routes, in the order of the flow."""
    raw = tuple(raw_topic(name, raw_days) for name in sorted(set(sources)))
    ours = tuple(topic._replace(retention_days=rejected_days) if topic.name == REJECTED else topic for topic in TOPICS)
    routed = tuple(route_topic(name) for name in sorted(set(routes)))
    return (*raw, *ours, *routed)
