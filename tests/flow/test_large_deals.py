"""A deal with as much text as ingest lets in: what detect writes about it fits into the topics that it goes to."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Mapping

from prometheus_client import CollectorRegistry

from engine.records import Batch, Extent, Record
from engine.state import MemoryStore
from programs.detect import MakeDetect
from programs.times import Times
from signals.judge import panel_of
from signals.metrics import DetectMetrics
from tests.unit.brain_story import rules_of
from topics.catalog import DEAL_EVENTS, STATE_DETECT, TOPICS
from topics.codec import encode
from topics.outcomes import Accepted, RawRecord
from topics.sources.registry import parse
from topics.sources.source import Source, SourceKind

SOURCE = Source(name="salesforce", tenant="default", kind=SourceKind.SALESFORCE)
LIMITS = {topic.name: topic.max_message_bytes for topic in TOPICS}
#: What a record costs beside key and value, generously.
OVERHEAD = 1_000
BORN_MS = 1_700_000_000_000


class Log:
    """A changelog that refuses what the broker would."""

    def __init__(self) -> None:
        self.largest = 0

    async def append(self, changes: Mapping[bytes, bytes | None]) -> Extent:
        """Take changes."""
        self.largest = max(self.largest, *(len(key) + len(value or b"") for key, value in changes.items()))
        return Extent(0, 0)


def long_texts(number: int) -> bytes:
    """The event of a change that fills 32 fields with 30 KB each, of noise, which no compression makes smaller."""
    dice = random.Random(number)  # noqa: S311 - the same noise each time
    header = {
        "entityName": "Opportunity",
        "recordIds": ["006000000000001AAA"],
        "changeType": "UPDATE" if number else "CREATE",
        "transactionKey": f"t{number}",
        "sequenceNumber": 1,
        "commitTimestamp": BORN_MS + number * 1000,
        "commitNumber": number,
    }
    fields = {f"Long{field}__c": "".join(dice.choices(string.ascii_letters, k=30_000)) for field in range(32)}
    body = {"ChangeEventHeader": header, "StageName": "Prospecting", **fields}
    (outcome,) = parse(SOURCE, RawRecord(None, json.dumps(body).encode()))
    assert isinstance(outcome, Accepted)
    return encode(outcome.events[0])


async def written(changes: int) -> tuple[int, dict[str, int]]:
    """The largest state, and the largest output by topic, after so many changes, one batch each."""
    rules, log = rules_of(), Log()
    store = MemoryStore(log.append)
    make = MakeDetect(panel_of(rules), Times("wall"))
    make.report_to(DetectMetrics(CollectorRegistry(), make.served))
    detect = make(0, store)
    largest: dict[str, int] = {}
    for number in range(changes):
        record = Record(DEAL_EVENTS, 0, number, (BORN_MS + number * 1000) * 1000, b"k", long_texts(number))
        outputs = detect.process(Batch(DEAL_EVENTS, 0, (record,)))
        assert isinstance(outputs, list)
        for output in outputs:
            size = len(output.key or b"") + len(output.value or b"")
            largest[output.topic] = max(largest.get(output.topic, 0), size)
        await store.flush()
    return log.largest, largest


async def test_what_is_written_of_the_largest_event_fits() -> None:
    state, outputs = await written(1)
    assert 500_000 < state < LIMITS[STATE_DETECT] - OVERHEAD
    assert all(size < LIMITS[topic] - OVERHEAD for topic, size in outputs.items())


async def test_what_is_written_of_many_of_them_fits() -> None:
    state, outputs = await written(20)
    assert state < LIMITS[STATE_DETECT] // 4
    assert all(size < LIMITS[topic] - OVERHEAD for topic, size in outputs.items())
