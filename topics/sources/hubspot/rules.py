"""What of a HubSpot source is compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from topics.sources.hubspot.objects import Kind
from topics.sources.hubspot.properties import (
    Properties,
    company_properties,
    contact_properties,
    deal_properties,
)
from topics.sources.source import Source


class Rules(NamedTuple):
    """The rules of one source. `portal`: the one whose rows are read, where the tenant is a portal's number."""

    source: str
    subjects: str
    own_client: str
    portal: str
    properties: Mapping[Kind, Properties]

    @classmethod
    def of(cls, source: Source) -> Rules:
        """The rules of this source. Raises FieldTypeError."""
        return cls(
            source.key,
            source.subject_key,
            source.own_client,
            source.tenant if source.tenant.isdecimal() else "",
            {
                Kind.DEAL: deal_properties(source),
                Kind.ACCOUNT: company_properties(source),
                Kind.PERSON: contact_properties(),
            },
        )
