"""A configured source: which CRM, whose, how its fields are called, and what it can tell us (law 13)."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from topics.instants import MINUTE_US


class SourceKind(StrEnum):
    """The CRMs and formats that there is a parser for."""

    SALESFORCE = "salesforce"
    HUBSPOT = "hubspot"
    PIPEDRIVE = "pipedrive"
    DEBEZIUM = "debezium"
    CLOUDEVENTS = "cloudevents"
    TABLES = "tables"


#: What is read as a mapping file says.
MAPPED_KINDS = (SourceKind.DEBEZIUM, SourceKind.TABLES)


class Provides(StrEnum):
    """What a source may be able to tell. A kind whose input no source of the deal provides is off."""

    ACTIVITIES = "activities"
    MEETINGS = "meetings"
    CONTACTS = "contacts"
    CLOSE_DATE = "close_date"
    NEXT_STEP = "next_step"
    CATEGORY = "category"
    OWNERS = "owners"
    ACCOUNTS = "accounts"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One source of one tenant.

    `fields`: the source's name of a field -> the canonical or the playbook's name, beside the parser's own table.
    `schemas`: entity -> the field names of its schema in order, which bitmaps need (Salesforce).
    `mapping`: the parsed mapping file, for tables and Debezium. `grace_us`: how late its events may be (law 2).
    `own_client`: changes whose origin names this client are our own write-backs and are dropped. `deal_source`: the key
    of the source whose ids this one speaks of (the CRM of a web site's events, or of an export); none: its own.
    """

    name: str
    kind: SourceKind
    tenant: str
    provides: frozenset[Provides] = frozenset()
    fields: dict[str, str] = {}
    schemas: dict[str, tuple[str, ...]] = {}
    mapping: dict[str, object] | None = None
    grace_us: int = 2 * MINUTE_US
    own_client: str = ""
    deal_source: str = ""

    @property
    def key(self) -> str:
        """`<source>/<tenant>`, the prefix of every key of this source."""
        return f"{self.name}/{self.tenant}"

    @property
    def subject_key(self) -> str:
        """The source whose deals, people and accounts this one speaks of."""
        return self.deal_source or self.key
