"""docs/privacy.md says of every topic how long it is kept and what personal data it holds, as the catalogue has it."""

from __future__ import annotations

import re
from pathlib import Path

from programs.configuration import VARIABLES
from topics.catalog import RAW_PREFIX, ROUTE_PREFIX, TOPICS, Topic, raw_topic, route_topic

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text()
EVERY: tuple[Topic, ...] = (raw_topic("*"), *TOPICS, route_topic("*"))


def test_the_table_is_the_catalogue() -> None:
    part = PAGE.split("\n## ")[2]
    assert part.startswith("What lies where")
    table = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", part, re.MULTILINE)
    assert table == [(topic.name, topic.kept, topic.personal) for topic in EVERY]


def test_every_topic_says_what_it_holds_of_people() -> None:
    assert all(topic.personal for topic in EVERY)


def test_what_is_over_is_gone_a_day_later() -> None:
    day_ms = str(24 * 3600 * 1000)
    for topic in EVERY:
        bound = "max.compaction.lag.ms" if topic.retention_days is None else "segment.ms"
        assert topic.config()[bound] == day_ms, topic.name


def test_the_variables_that_are_named_are_read() -> None:
    named = set(re.findall(r"\bSIGNALS_[A-Z_]+\b", PAGE))
    assert named
    assert named <= {variable.name for variable in VARIABLES}


def test_topics_of_sources_and_routes_begin_as_they_are_written() -> None:
    assert (EVERY[0].name, EVERY[-1].name) == (f"{RAW_PREFIX}*", f"{ROUTE_PREFIX}*")
