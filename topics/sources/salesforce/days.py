"""Calendar days as the forms of Salesforce's events write them.

ISO text (CometD, queries), epoch milliseconds (the Pub/Sub API's Avro), or days since 1970 (Kafka Connect's logical
type Date, which its JSON converter writes as that number). The two numbers cannot be mistaken for each other: so many
milliseconds would be the first minute of 1970.
"""

from __future__ import annotations

from datetime import date

from topics.instants import DAY_US
from topics.sources import field_values
from topics.sources.field_values import FIRST_DAY, LAST_DAY, midnight

_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = FIRST_DAY.toordinal() - _EPOCH, LAST_DAY.toordinal() - _EPOCH
_DAY_MS = DAY_US // 1000


def day(name: str, value: object) -> str | None:
    """A calendar day as ISO text. Raises RefusedError."""
    if type(value) is int and _FIRST <= value <= _LAST:
        value *= _DAY_MS
    return field_values.day(name, value)


def day_end(name: str, value: object) -> int | None:
    """The first microsecond after a calendar day in UTC. Raises RefusedError."""
    iso = day(name, value)
    return None if iso is None else midnight(iso) + DAY_US
