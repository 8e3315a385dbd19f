"""The payloads of `tests/golden/sources/`, one file per source: a record of its raw topic and what becomes of it.

A case has a `sentence`, its `outcomes`, and the record: `payload` (JSON; none: a record without a value), and where
they matter `key` (JSON) and `headers` (name: text, or null).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from topics.codec import encode
from topics.outcomes import Accepted, Outcome, RawRecord, Silent
from topics.sources.source import Source

GOLDEN = Path(__file__).parents[1] / "golden" / "sources"


class Golden(NamedTuple):
    """One case. `stem` is the name of its file without the suffix."""

    stem: str
    source: Source
    sentence: str
    record: RawRecord
    outcomes: list[dict[str, Any]]


def goldens() -> list[Golden]:
    """Every case of every file."""
    return [golden for path in sorted(GOLDEN.glob("*.json")) for golden in _of(path)]


def _of(path: Path) -> list[Golden]:
    document = json.loads(path.read_bytes())
    source = msgspec.convert(document["source"], Source)
    return [Golden(path.stem, source, case["sentence"], _record(case), case["outcomes"]) for case in document["cases"]]


def _record(case: dict[str, Any]) -> RawRecord:
    headers = case.get("headers", {})
    return RawRecord(
        key=_bytes(case, "key"),
        value=_bytes(case, "payload"),
        headers=tuple((name, None if text is None else text.encode()) for name, text in headers.items()),
    )


def _bytes(case: dict[str, Any], part: str) -> bytes | None:
    return json.dumps(case[part]).encode() if part in case else None


def written(outcome: Outcome) -> dict[str, Any]:
    """An outcome as the golden files write it."""
    if isinstance(outcome, Accepted):
        events = [json.loads(encode(event)) for event in outcome.events]
        return {"events": events, "silent": outcome.silent, "dirt": list(outcome.dirt)}
    if isinstance(outcome, Silent):
        return {"silent": outcome.reason}
    return {"rejected": outcome.reason, "detail": outcome.detail}
