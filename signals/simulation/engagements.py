"""Engagements of buyers as the web site sends them: CloudEvents 1.0 in the structured mode."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from signals.simulation.changes import Change

CONTENT_TYPE = ("content-type", b"application/cloudevents+json")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cloudevent(change: Change, number: int) -> bytes:
    """One engagement, as JSON."""
    moment = _EPOCH + timedelta(milliseconds=change.at_ms)
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"engagement-{number}",
            "source": "/web",
            "type": change.change,
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": change.fields,
        }
    )
