"""What the fields of Pipedrive's deals, organizations, persons and users are called here, and how they are read.

Beside the tables only the fields are read that `Source.fields` declares: a custom field's name is a hash, which no
playbook could speak of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from topics.sources.declared_fields import Meaning, Table, declared
from topics.sources.pipedrive.values import READERS, Fields, Values, custom, day, flag, instant, number, reference, text
from topics.sources.source import Source

#: Pipedrive's fields of a deal but its stage, which `stage_of` reads; `Source.fields` adds and overrides.
DEAL_FIELDS: Table = {
    "title": Meaning("name", text),
    "value": Meaning("amount", number),
    "currency": Meaning("currency", text),
    "expected_close_date": Meaning("close_date", day),
    "add_time": Meaning("created_at", instant),
    "owner_id": Meaning("owner_id", reference),
    "pipeline_id": Meaning("pipeline", reference),
    "org_id": Meaning("account_id", reference),
    "probability": Meaning("probability", number),
    "lost_reason": Meaning("lost_reason", text),
    "origin": Meaning("origin", text),
}
#: Of an organization.
ORGANIZATION_FIELDS: Table = {
    "name": Meaning("name", text),
    "industry": Meaning("industry", text),
    "employee_count": Meaning("employees", number),
    "annual_revenue": Meaning("annual_revenue", number),
    "country_code": Meaning("country", text),
    "website": Meaning("website", text),
}
#: Of a person; nothing else of people is kept.
PERSON_FIELDS: Table = {
    "name": Meaning("name", text),
    "job_title": Meaning("title", text),
    "org_id": Meaning("account", reference),
}
#: Of a user of Pipedrive.
USER_FIELDS: Table = {
    "name": Meaning("name", text),
    "email": Meaning("email", text),
    "active_flag": Meaning("active", flag),
}

_CUSTOM = "custom_fields"
#: What a custom field is called.
_HASH = re.compile(r"[0-9a-f]{40}", re.ASCII)
#: The statuses that end a deal, as what its stage then is.
CLOSED = frozenset({"won", "lost"})
DELETED = "deleted"


class FieldNames:
    """The fields of one entity, those that the settings declare among them."""

    def __init__(self, source: Source, entity: str, table: Table) -> None:
        self._table = declared(source.fields, entity, table, READERS)
        self._custom = tuple(filter(_HASH.fullmatch, self._table))

    def read(self, values: Values) -> Fields:
        """The fields that a whole record covers. Raises RefusedError.

        A field that is not there was not sent and stays as it was; but of the custom fields only those with a value are
        sent, so a declared one that is missing is empty.
        """
        fields: Fields = {}
        for theirs, meaning in self._table.items():
            if meaning is not None and theirs in values and theirs not in self._custom:
                fields[meaning.name] = meaning.read(theirs, values[theirs])
        own = values.get(_CUSTOM)
        if isinstance(own, dict):
            fields |= self._read_custom(own)
        return fields

    def _read_custom(self, own: Mapping[str, object]) -> Fields:
        fields: Fields = {}
        for theirs in self._custom:
            meaning = self._table[theirs]
            if meaning is not None:
                value = custom(own.get(theirs))
                fields[meaning.name] = None if value is None else meaning.read(theirs, value)
        return fields


def stage_of(values: Values) -> Fields:
    """The stage that a deal is in, as the playbook names it: won and lost are stages, which count before `stage_id`."""
    status = text("status", values.get("status"))
    if status in CLOSED:
        return {"stage": status}
    return {"stage": reference("stage_id", values["stage_id"])} if "stage_id" in values else {}


def email_of(values: Values) -> Fields:
    """A person's address: the primary one, else the first."""
    addresses = values.get("emails")
    if not isinstance(addresses, list):
        return {}
    named = [one for one in addresses if isinstance(one, dict)]
    main = next((one for one in named if one.get("primary") is True), named[0] if named else {})
    return {"email": text("emails", main.get("value"))}
