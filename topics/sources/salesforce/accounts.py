"""Salesforce's Account: the company that a deal is with. Most criteria of who is a good customer are about it.

AnnualRevenue stands in the account's own currency, which is not read: an org with several currencies compares it with
care. Of the address only the country is read, as its name (`BillingAddress.Country`; `BillingCountry` in a query).
"""

from __future__ import annotations

from functools import partial

from topics.events import ACCOUNT_FIELDS, AccountChanged, Scalar
from topics.silences import Silence
from topics.sources.field_values import Coerce, number, text
from topics.sources.salesforce.changes import Change
from topics.sources.salesforce.fields import Fields, Table
from topics.sources.salesforce.names import said_with_name
from topics.sources.salesforce.subjects import Read, Subject, read, stamp
from topics.sources.source import Source

_READ: dict[str, Coerce] = {**dict.fromkeys(ACCOUNT_FIELDS, text), "employees": number, "annual_revenue": number}
ACCOUNT = Table(
    "Account",
    {
        "Industry": "industry",
        "NumberOfEmployees": "employees",
        "AnnualRevenue": "annual_revenue",
        "BillingAddress.Country": "country",
        "BillingCountry": "country",
        "Type": "type",
        "Website": "website",
    },
    _READ,
    canonical=ACCOUNT_FIELDS,
    custom=True,
)


def accounts(source: Source) -> Read:
    """What the changes of this source's accounts become."""
    return partial(read, Subject(partial(said_with_name, Fields(ACCOUNT, source)), _changed, Silence.ACCOUNT_GAP))


def _changed(change: Change, record: str, fields: dict[str, Scalar]) -> AccountChanged:
    return AccountChanged(**stamp(change, record), account=record, fields=fields)
