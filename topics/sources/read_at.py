"""When a raw record was read from its source, where it says so."""

from __future__ import annotations

from topics.outcomes import READ_AT_HEADER, RawRecord
from topics.sources.field_values import instant


def read_at_us(record: RawRecord) -> int | None:
    """Microseconds; None without the header. Raises RefusedError for one that is no time."""
    said = dict(record.headers).get(READ_AT_HEADER) if record.headers else None
    return None if said is None else instant(READ_AT_HEADER, said.decode(errors="replace"))
