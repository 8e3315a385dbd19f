"""What the properties of HubSpot's deals, contacts, companies and users are called here, and how they are read.

Beside the tables, a property of a deal or a company that has no line keeps its own name and stays text, unless HubSpot
keeps it itself (`hs_…` and the roll-ups below) or its name is one of ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from topics.events import ACCOUNT_FIELDS, DEAL_FIELDS, Scalar
from topics.sources.declared_fields import Meaning, Table, declared
from topics.sources.hubspot.values import READERS, Fields, day, flag, instant, number, text
from topics.sources.source import Source

#: HubSpot's properties of a deal; `Source.fields` adds and overrides. The last four are those that the playbook that
#: ships with the product asks for.
DEAL_PROPERTIES: Table = {
    "dealname": Meaning("name", text),
    "dealstage": Meaning("stage", text),
    "pipeline": Meaning("pipeline", text),
    "amount": Meaning("amount", number),
    "deal_currency_code": Meaning("currency", text),
    "closedate": Meaning("close_date", day),
    "createdate": Meaning("created_at", instant),
    "hubspot_owner_id": Meaning("owner_id", text),
    "hs_forecast_category": Meaning("forecast_category", text),
    "hs_manual_forecast_category": Meaning("forecast_category", text),
    "hs_next_step": Meaning("next_step", text),
    "hs_primary_associated_company": Meaning("account_id", text),
    "dealtype": Meaning("type", text),
    "hs_analytics_source": Meaning("lead_source", text),
    "budget_confirmed": Meaning("budget_confirmed", flag),
    "authority_confirmed": Meaning("authority_confirmed", flag),
    "need_confirmed": Meaning("need_confirmed", flag),
    "timeline_confirmed": Meaning("timeline_confirmed", flag),
}

#: HubSpot's properties of a company.
COMPANY_PROPERTIES: Table = {
    "name": Meaning("name", text),
    "industry": Meaning("industry", text),
    "numberofemployees": Meaning("employees", number),
    "annualrevenue": Meaning("annual_revenue", number),
    "country": Meaning("country", text),
    "type": Meaning("type", text),
    "website": Meaning("website", text),
}

#: HubSpot's properties of a contact; of people nothing else is kept.
CONTACT_PROPERTIES: Table = {
    "email": Meaning("email", text),
    "jobtitle": Meaning("title", text),
    "associatedcompanyid": Meaning("account", text),
}

#: Texts of any length and what HubSpot works out from other records: no criterion's business, and no act of a person.
NOT_READ = frozenset(
    {
        "amount_in_home_currency",
        "archived",
        "days_to_close",
        "description",
        "engagements_last_meeting_booked",
        "engagements_last_meeting_booked_campaign",
        "engagements_last_meeting_booked_medium",
        "engagements_last_meeting_booked_source",
        "first_contact_createdate",
        "first_deal_created_date",
        "lastmodifieddate",
        "notes_last_contacted",
        "notes_last_updated",
        "notes_next_activity_date",
        "num_associated_contacts",
        "num_associated_deals",
        "num_contacted_notes",
        "num_notes",
        "recent_deal_amount",
        "recent_deal_close_date",
        "total_revenue",
    }
)
_KEPT_BY_HUBSPOT = "hs_"


class Properties:
    """The properties of one kind of record. `own`: those without a line keep their names."""

    def __init__(self, table: Table, *, canonical: tuple[str, ...] = (), own: bool = False) -> None:
        self._table = table
        self._own = own
        self._taken = frozenset(canonical) | {meaning.name for meaning in table.values() if meaning is not None}

    def read(self, values: Mapping[str, object]) -> Fields:
        """The fields that the values cover; empty where none of them is read. Raises RefusedError."""
        fields: dict[str, Scalar] = {}
        for theirs, value in values.items():
            meaning = self.meaning(theirs)
            if meaning is not None:
                fields[meaning.name] = meaning.read(theirs, value)
        return fields

    def meaning(self, theirs: str) -> Meaning | None:
        """What a property means; None where it is not read."""
        if theirs in self._table:
            return self._table[theirs]
        if not self._own or theirs.startswith(_KEPT_BY_HUBSPOT) or theirs in NOT_READ or theirs in self._taken:
            return None
        return Meaning(theirs, text)


def deal_properties(source: Source) -> Properties:
    """Those of this source's deals. Raises FieldTypeError."""
    return Properties(declared(source.fields, "", DEAL_PROPERTIES, READERS), canonical=DEAL_FIELDS, own=True)


def company_properties(source: Source) -> Properties:
    """Those of this source's companies. Raises FieldTypeError."""
    table = declared(source.fields, "company", COMPANY_PROPERTIES, READERS)
    return Properties(table, canonical=ACCOUNT_FIELDS, own=True)


def contact_properties() -> Properties:
    """Those of contacts."""
    return Properties(CONTACT_PROPERTIES)
