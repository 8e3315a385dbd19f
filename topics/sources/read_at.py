"""When a raw record was read from its source, where it says so, and how what it holds is dated."""

from __future__ import annotations

from topics.outcomes import READ_AT_HEADER, RawRecord
from topics.sources.field_values import event_time, instant
from topics.sources.refusals import Reason, RefusedError


def read_at_us(record: RawRecord) -> int | None:
    """Microseconds; None without the header. Raises RefusedError for one that is no time."""
    said = dict(record.headers).get(READ_AT_HEADER) if record.headers else None
    return None if said is None else instant(READ_AT_HEADER, said.decode(errors="replace"))


def dated(name: str, changed_us: int | None, read_us: int | None, broker_us: int) -> int:
    """When a record says what it says: when it was read, or changed if that was later or is all that is known.

    A deal whose changes were lost is clean again only by what was read after the loss. Raises RefusedError: no_time,
    and what `event_time` raises; `name` is where the record says that it changed.
    """
    times = [at_us for at_us in (changed_us, read_us) if at_us is not None]
    if not times:
        raise RefusedError(Reason.NO_TIME, f"neither {name} nor a time at which the record was read")
    return event_time(name, max(times), broker_us)
