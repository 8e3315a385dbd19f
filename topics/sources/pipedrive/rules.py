"""What of a Pipedrive source is compiled once."""

from __future__ import annotations

from typing import NamedTuple

from topics.sources.pipedrive.fields import (
    DEAL_FIELDS,
    ORGANIZATION_FIELDS,
    PERSON_FIELDS,
    USER_FIELDS,
    FieldNames,
)
from topics.sources.source import Source


class Rules(NamedTuple):
    """The rules of one source. `company`: whose webhooks are read, where the tenant is a company's number."""

    source: str
    subjects: str
    own_client: str
    company: str
    deals: FieldNames
    organizations: FieldNames
    persons: FieldNames
    users: FieldNames

    @classmethod
    def of(cls, source: Source) -> Rules:
        """The rules of this source. Raises FieldTypeError."""
        return cls(
            source.key,
            source.subject_key,
            source.own_client,
            source.tenant if source.tenant.isdecimal() else "",
            FieldNames(source, "", DEAL_FIELDS),
            FieldNames(source, "organization", ORGANIZATION_FIELDS),
            FieldNames(source, "person", PERSON_FIELDS),
            FieldNames(source, "user", USER_FIELDS),
        )
