"""Putting definitions in force: the text on the topic `definitions` first, then the switch on every log at once.

The switch is one transaction over every partition of `deal.events` and `people.events`: a reader of committed records
sees it in all of them or in none, and where it sees it the text stands on its topic already.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from engine.admin import produce, produce_together, read_all
from engine.records import EVERY_PARTITION, Output
from engine.settings import Broker
from programs.definitions import Text
from signals.baselines import Baselines, written
from topics.catalog import DEAL_EVENTS, DEFINITIONS, PEOPLE_EVENTS
from topics.codec import encode
from topics.definitions import (
    CURRENT_BASELINES_KEY,
    CURRENT_KEY,
    NO_BASELINES,
    CurrentBaselines,
    CurrentDefinitions,
    PublishedBaselines,
    PublishedPlaybook,
    decode_definition,
)
from topics.events import DefinitionsChanged, event_id
from topics.instants import rfc3339

#: Who publishes while another does fences that one off: one switch is whole before the next begins.
TRANSACTIONAL_ID = "publish.definitions"


class Shelf(NamedTuple):
    """What stands on the topic: the versions, and which were published last."""

    playbooks: Mapping[str, PublishedPlaybook]
    current: CurrentDefinitions | None
    baselines: Mapping[str, PublishedBaselines] = {}
    current_baselines: CurrentBaselines | None = None

    @property
    def in_force(self) -> PublishedPlaybook | None:
        """What was published last."""
        return None if self.current is None else self.playbooks.get(self.current.playbook)

    @property
    def learned(self) -> PublishedBaselines | None:
        """The baselines that were published last, unless they were taken back since."""
        return None if self.current_baselines is None else self.baselines.get(self.current_baselines.baselines)


def shelf(broker: Broker) -> Shelf:
    """What was published so far. Raises `BrokerAway`, and `LookupError` where the topic does not exist."""
    playbooks: dict[str, PublishedPlaybook] = {}
    baselines: dict[str, PublishedBaselines] = {}
    current: CurrentDefinitions | None = None
    current_baselines: CurrentBaselines | None = None
    for record in read_all(broker, DEFINITIONS):
        try:
            definition = decode_definition(record.value or b"")
        except msgspec.DecodeError:
            continue  # none of ours: no worker takes it for a definition either
        match definition:
            case PublishedPlaybook():
                playbooks[definition.version] = definition
            case PublishedBaselines():
                baselines[definition.version] = definition
            case CurrentDefinitions():
                current = definition
            case CurrentBaselines():
                current_baselines = definition
    return Shelf(playbooks, current, baselines, current_baselines)


def store(broker: Broker, text: Text) -> None:
    """Put a version on the topic, acknowledged on return; it counts nowhere by that."""
    published = PublishedPlaybook(
        version=text.loaded.hash, name=text.loaded.playbook.name, text=text.text, published_at=rfc3339(_now_us())
    )
    produce(broker, [Output(DEFINITIONS, text.loaded.hash.encode(), encode(published))])


def switch(broker: Broker, version: str) -> int:
    """Switch every partition of both logs to a version that stands on the topic; how many partitions."""
    now_us = _now_us()
    identity = event_id("definitions", version, time.time_ns())
    control = encode(DefinitionsChanged(id=identity, key="", source="", at_us=now_us, playbook=version))
    current = encode(CurrentDefinitions(playbook=version, id=identity, at_us=now_us))
    written = produce_together(
        broker,
        [
            Output(DEAL_EVENTS, b"", control, partition=EVERY_PARTITION),
            Output(PEOPLE_EVENTS, b"", control, partition=EVERY_PARTITION),
            Output(DEFINITIONS, CURRENT_KEY.encode(), current),
        ],
        TRANSACTIONAL_ID,
    )
    return written - 1


def store_baselines(broker: Broker, baselines: Baselines) -> None:
    """Put baselines on the topic, acknowledged on return; they count nowhere by that."""
    produce(broker, [stored_baselines(baselines, _now_us())])


def switch_baselines(broker: Broker, version: str) -> int:
    """Switch every partition of `deal.events` to baselines that stand on the topic; how many partitions.

    People's events know no limits, so that log hears nothing of it.
    """
    return produce_together(broker, baselines_controls(version, _now_us()), TRANSACTIONAL_ID) - 1


def stored_baselines(baselines: Baselines, now_us: int) -> Output:
    """The record under which baselines stand on the topic."""
    published = PublishedBaselines(version=baselines.version, text=written(baselines), published_at=rfc3339(now_us))
    return Output(DEFINITIONS, baselines.version.encode(), encode(published))


def baselines_controls(version: str, now_us: int) -> list[Output]:
    """The records that make baselines count, or, for "none", no longer; to be written together."""
    identity = event_id("baselines", version, time.time_ns())
    control = DefinitionsChanged(id=identity, key="", source="", at_us=now_us, baselines=version or NO_BASELINES)
    current = CurrentBaselines(baselines=version or NO_BASELINES, id=identity, at_us=now_us)
    return [
        Output(DEAL_EVENTS, b"", encode(control), partition=EVERY_PARTITION),
        Output(DEFINITIONS, CURRENT_BASELINES_KEY.encode(), encode(current)),
    ]


def _now_us() -> int:
    return time.time_ns() // 1000
