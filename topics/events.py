"""Canonical events: everything a CRM can tell us, as one tagged union, with its order.

Rules that every event keeps:

* `id` is a hash of what the source says identifies the change, so a repeat has the same id.
* `order` is total: (occurred_at, the source's own sequence, id). Folding is by this order, never by arrival.
* Instants are whole microseconds since 1970 in UTC (`_us`); calendar days are ISO strings.
* A field that is present with `None` is *empty*; a field that is absent was not covered, so it stays as it was.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from topics.instants import DAY_US

#: What state, views and clients in other languages can hold.
Int64: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
#: The years 1900 to 9000: what deadlines are added to stays in the calendar.
FIRST_US, LAST_US = -2_208_988_800_000_000, 221_845_392_000_000_000
#: Microseconds since 1970 in UTC.
Instant: TypeAlias = Annotated[int, Meta(ge=FIRST_US, le=LAST_US)]
Scalar: TypeAlias = str | float | Int64 | bool | None
Order: TypeAlias = tuple[int, int, int, str]
Origin: TypeAlias = Literal["live", "backfill"]
Direction: TypeAlias = Literal["inbound", "outbound", "mutual"]
#: Who made a change, as far as the source says.
Actor: TypeAlias = Literal["", "person", "system"]

#: The canonical names of a deal's fields that the product itself reads. Sources map onto them; any other name
#: is a field of the customer's own, which only the playbook's criteria read.
DEAL_FIELDS = (
    "name",
    "stage",
    "amount",
    "currency",
    "close_date",
    "created_at",
    "owner_id",
    "pipeline",
    "forecast_category",
    "next_step",
    "account_id",
    "type",
    "lead_source",
)

#: The canonical names of an account's fields; any other name is the customer's own.
ACCOUNT_FIELDS = ("name", "industry", "employees", "annual_revenue", "country", "type", "website")


#: Looked up once: every event has an id.
_blake2b = hashlib.blake2b


def event_id(*parts: object) -> str:
    """Twenty hex digits of BLAKE2b over the parts that identify a change at its source."""
    return id_of("\x1f".join(map(str, parts)))


def id_of(text: str) -> str:
    """The same over the parts as one text, the unit separator between them."""
    return _blake2b(text.encode(), digest_size=10).hexdigest()


def deal_key(source: str, deal_id: str) -> str:
    """`<source>/<tenant>:<id>`, given the source's own key `<source>/<tenant>`."""
    return f"{source}:{deal_id}"


def source_of(key: str) -> str:
    """The source's own key, of a key that `deal_key` made."""
    return key.split(":", 1)[0]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """What every event carries.

    `key` is the Kafka key: the deal for `deal.events`, the activity, person or account for `people.events`. Control
    events have an empty key and go to every partition. `source` is `<source>/<tenant>`. `seq` is the source's own
    sequence, two integers (Salesforce: commitNumber, sequenceNumber; tables: load, row number).
    """

    id: str
    key: str
    source: str
    at_us: Instant
    seq: tuple[Int64, Int64] = (0, 0)
    origin: Origin = "live"

    @property
    def order(self) -> Order:
        """The total order of folding."""
        return (self.at_us, self.seq[0], self.seq[1], self.id)


class DealChanged(Event, frozen=True, tag="deal_changed"):
    """A deal was created or some of its fields changed.

    `full` says that the event is a full record, so every mapped field is in `fields` (empty ones as None) and a
    suspect deal is clean again. `created` says that the deal came into being here. `undated` marks a row without a
    usable date: `at_us` is then 0 and says nothing. `actor` says whether a person did it or a sync, a rule, a
    calculation; empty where the source does not say: then it counts as a person. Values: text, number, bool;
    `created_at` in microseconds, `close_date` an ISO day, `amount` in units of `currency`.
    """

    fields: dict[str, Scalar]
    full: bool = False
    created: bool = False
    undated: bool = False
    actor: Actor = ""


class DealRemoved(Event, frozen=True, tag="deal_removed"):
    """A deal was deleted at the source, or merged into another one (`merged_into`: that deal's key)."""

    merged_into: str | None = None


class DealGap(Event, frozen=True, tag="deal_gap"):
    """The source said that the deal changed, but not how: suspect until a full record arrives."""


class ActivityChanged(Event, frozen=True, tag="activity_changed"):
    """Some fields of an activity (task, call, e-mail, meeting) changed; only those are in `fields`.

    On `people.events` the key is the activity; `join` sends it on to `deal.events` under the deal's key once the deal
    is known. There `change` identifies the change that it tells of, and the fields are all that is known of the
    activity at that change; of the same change a higher `version` stands in the place of a lower one, and one without
    fields takes back what was said. `via` is the one through whom it goes on: `person:<id>` or `account:<id>`, empty
    where it names the deal itself.
    Fields, all optional, None for empty:

    * `deal`: the deal's key; `person`, `account`: the other side's ids; `owner`: the seller's id
    * `channel`: "call", "email", "meeting", "task", ...; `direction`: see `Direction`
    * `meets`: true for a meeting, which becomes a contact by itself when it ends
    * `done`: true once a task, call or e-mail was carried out
    * `at_us`: when it takes or took place, or is due; for a meeting, its end
    * `removed`: true when it was deleted
    """

    activity: str
    fields: dict[str, Scalar]
    change: str = ""
    version: Int64 = 0
    via: str = ""


class PersonChanged(Event, frozen=True, tag="person_changed"):
    """Fields of a person changed. The key is `deal_key(source, person)`.

    A user of the CRM (an owner) has `name`, `email`, `active`, `team`, `role`; a buyer (a contact, a lead) `name`,
    `email`, `title`, `account` (an id), `removed`. What a user's fields say reaches the deals that the user owns.
    `user` says which of both it is, for sources where their ids may be equal; None: whichever has this id.
    """

    person: str
    fields: dict[str, Scalar]
    user: bool | None = None


class AccountChanged(Event, frozen=True, tag="account_changed"):
    """Fields of an account (a company) changed. The key is `deal_key(source, account)`.

    Names are canonical or the customer's own, without a prefix (`ACCOUNT_FIELDS`); on the account's deals they stand as
    `account_<name>`. `removed` is true when the account was deleted.
    """

    account: str
    fields: dict[str, Scalar]


class RelationChanged(Event, frozen=True, tag="relation_changed"):
    """Some fields of a record that ties people, accounts and activities to deals changed; only those are in `fields`.

    A contact role, an association, an invitation to a meeting, a deal's own account and owner. On `people.events` the
    key is the record, `deal_key(source, relation)`; `join` tells the one whom it concerns (`via`: `activity`, `person`,
    `account` or `owner`, and its id), and then `change` and `version` are as in `ActivityChanged`. Fields, all
    optional, None for empty; all that name somebody are keys but `owner`, which is an id:

    * `deal`, `activity`: what somebody is tied to; with both, or with one of these and
    * `person`, `account`, `owner`: who is tied to it
    * `role`: what the CRM calls it
    * `removed`: true when the tie was cut
    """

    relation: str
    fields: dict[str, Scalar]
    change: str = ""
    version: Int64 = 0
    via: str = ""


class RelatedChanged(Event, frozen=True, tag="related_changed"):
    """All that is known of a deal's account or owner, on the deal that it concerns.

    `role` says which of both, `subject` is its id as in the deal's `account_id` or `owner_id`. On the deal a field
    stands as `<role>_<name>` as long as the deal names this subject. `change` and `version` as in `ActivityChanged`.
    """

    role: Literal["account", "owner"]
    subject: str
    fields: dict[str, Scalar]
    change: str = ""
    version: Int64 = 0


class EngagementSeen(Event, frozen=True, tag="engagement_seen"):
    """Something a buyer did outside the CRM (a CloudEvent). `join` decides, by the playbook, whether it is an intent.

    `kind` is the CloudEvent's type, `data` its scalar attributes; `deal`, `person`, `account` are ids where named.
    """

    kind: str
    data: dict[str, Scalar]
    deal: str | None = None
    person: str | None = None
    account: str | None = None


class IntentSeen(Event, frozen=True, tag="intent_seen"):
    """An engagement that the playbook calls high-intent, on the deal that it concerns. `intent` is its name there.

    `window_us` is the playbook's window at that time: within it, the same intent again says nothing new. Where it
    reaches the deal through a person or an account, `change` and `version` are as in `ActivityChanged`, and one with an
    empty `intent` takes back what was said.
    """

    intent: str
    data: dict[str, Scalar]
    window_us: Int64 = DAY_US
    person: str | None = None
    account: str | None = None
    change: str = ""
    version: Int64 = 0


class TextRepeated(Event, frozen=True, tag="text_repeated"):
    """On so many open deals of one owner the same text stands in a field, this deal among them.

    `what` names owner, field and text by a hash (`signals.texts.repeat_key`); `deals` is at most
    `signals.joining.texts.MOST_DEALS`, and under 2 it is repeated no longer. `change` and `version` as in
    `ActivityChanged`; one without `deals` takes back what was said.
    """

    what: str
    deals: Int64 | None
    change: str = ""
    version: Int64 = 0


class ValueSeen(Event, frozen=True, tag="value_seen"):
    """A value stands in a field to whose values the playbook gives a meaning: a stage, a pipeline, a category.

    The key is of the source, the field and the value, and so is the id: many deals say the same. `pipeline` is the
    deal's, empty where the change did not say it; `deal` is one on which the value stands.
    """

    field: str
    value: str
    pipeline: str = ""
    deal: str = ""


class Forgotten(Event, frozen=True, tag="forgotten"):
    """A subject is to be forgotten: nothing that is known of it stays in state, nor in what is drawn from that.

    `subject` is its key and `what` says what it is (a buyer is a person, a user of the CRM an owner). On `deal.events`
    the key is the subject, a deal. On `people.events` it goes to everyone who names the subject, and to itself. What
    the source says of it later makes it anew.
    """

    subject: str
    what: Literal["deal", "person", "account", "owner"]


class Tick(Event, frozen=True, tag="tick"):
    """It is `at_us`: everything that the sources sent before has been folded. To every partition."""


class SourceGap(Event, frozen=True, tag="source_gap"):
    """A whole entity of the source lost events (GAP_OVERFLOW): all its deals are suspect. To every partition."""


class LoadStarted(Event, frozen=True, tag="load_started"):
    """A backfill of the source began: its deals wait for `load_ended`, at most until `lease_us`. To every partition."""

    lease_us: Instant


class LoadEnded(Event, frozen=True, tag="load_ended"):
    """The backfill of the source is complete: what holds now, opens now. To every partition."""


class DefinitionsChanged(Event, frozen=True, tag="definitions_changed"):
    """From this offset on these definitions count. To every partition of deal.events, and of people.events.

    `playbook` and `baselines` are the versions under which they stand on the topic `definitions`; empty: as before.
    Baselines that are "none" count no more (`topics.definitions.NO_BASELINES`). Published with the publisher's time; in
    the state of a deal, with T of its partition at the switch and what counts from then on, both named; `seq` numbers
    the partition's switches. People's events know no baselines.
    """

    playbook: str = ""
    baselines: str = ""


DealEvent: TypeAlias = (
    DealChanged
    | DealRemoved
    | DealGap
    | ActivityChanged
    | RelatedChanged
    | IntentSeen
    | TextRepeated
    | Forgotten
    | Tick
    | SourceGap
    | LoadStarted
    | LoadEnded
    | DefinitionsChanged
)
PeopleEvent: TypeAlias = (
    ActivityChanged
    | PersonChanged
    | AccountChanged
    | RelationChanged
    | EngagementSeen
    | ValueSeen
    | Forgotten
    | DefinitionsChanged
)
AnyEvent: TypeAlias = DealEvent | PersonChanged | AccountChanged | RelationChanged | EngagementSeen | ValueSeen

#: Events that go to every partition of their topic instead of to one key.
CONTROLS = (Tick, SourceGap, LoadStarted, LoadEnded, DefinitionsChanged)
