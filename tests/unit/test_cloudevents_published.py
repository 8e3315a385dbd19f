"""The scenarios and events that the authors of CloudEvents published, read in place where they are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from topics.outcomes import RawRecord
from topics.sources.cloudevents.modes import CloudEvent, messages

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "payloads" / "cloudevents"
pytestmark = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published payloads lie beside the checkout")


class Scenario(NamedTuple):
    """A Kafka message of the feature file, and the event that it is."""

    name: str
    payload: str
    headers: dict[str, str]
    attributes: dict[str, str]
    data: Any


def _scenarios() -> Iterator[Scenario]:
    feature = PUBLISHED / "kafka-protocol-binding.feature"
    text = feature.read_text() if feature.is_file() else ""
    for part in re.split(r"\n\s*Scenario", text)[1:]:
        name = part.partition(":")[2].partition("\n")[0].strip()
        payload, data = re.findall(r'"""\n(.*?)\n\s*"""', part, re.DOTALL)
        headers, attributes, *examples = _tables(part)
        for values in examples[0] if examples else [{}]:
            filled = {key: _filled(value, values) for key, value in _pairs(headers).items()}
            yield Scenario(_filled(name, values), payload, filled, _pairs(attributes), json.loads(data))


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def _tables(part: str) -> list[list[dict[str, str]]]:
    """The tables of a scenario, as their rows by heading."""
    tables = []
    for block in re.findall(r"(?:^[ \t]*\|.*\|[ \t]*\n?)+", part, re.MULTILINE):
        heading, *rows = (
            [cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.strip().split("\n")
        )
        tables.append([dict(zip(heading, row, strict=True)) for row in rows])
    return tables


def _pairs(table: list[dict[str, str]]) -> dict[str, str]:
    return {row["key"]: row["value"] for row in table}


def test_every_scenario_of_the_kafka_binding() -> None:
    scenarios = list(_scenarios())
    assert [scenario.name for scenario in scenarios] == [
        "Binary content mode",
        "Structured content mode (application/cloudevents+json)",
        "Structured content mode (application/cloudevents+json; charset=utf-8)",
    ]
    for scenario in scenarios:
        headers = tuple((name, value.encode()) for name, value in scenario.headers.items())
        (event,) = messages(RawRecord(None, scenario.payload.encode(), headers))
        assert isinstance(event, CloudEvent), scenario.name
        found = {name: value for name, value in event.attributes.items() if name != "data"}
        assert (found, event.data) == (scenario.attributes, scenario.data), scenario.name


def _conformance() -> Iterator[dict[str, Any]]:
    for name in ("v1.yaml", "v1_minimum.yaml"):
        yield from filter(None, yaml.load_all((PUBLISHED / name).read_text(), Loader=yaml.BaseLoader))


def test_every_event_of_the_conformance_suite_in_binary_mode() -> None:
    """Its attributes and extensions are headers, its data the value as it stands."""
    events = list(_conformance())
    assert len(events) == 8
    for one in events:
        attributes = dict(one["ContextAttributes"])
        attributes |= attributes.pop("Extensions", None) or {}
        content_type = attributes.pop("datacontenttype", None)
        headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
        headers += [("content-type", content_type.encode())] if content_type else []
        (event,) = messages(RawRecord(None, one["Data"].encode(), tuple(headers)))
        assert isinstance(event, CloudEvent), one
        is_json = "json" in (content_type or "json")
        expected = attributes | ({"datacontenttype": content_type} if content_type else {})
        assert event == CloudEvent(expected, json.loads(one["Data"]) if is_json else None)
