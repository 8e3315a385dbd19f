"""In what a broker's topics differ from those wanted."""

from __future__ import annotations

import pytest

from engine.admin import Difference, TopicSpec, TopicState, What, compare

SPEC = TopicSpec("t", 4, {"cleanup.policy": "compact", "retention.ms": "-1"})
AS_WANTED = {"cleanup.policy": "compact", "retention.ms": "-1", "segment.ms": "1"}

CASES: tuple[tuple[str, dict[str, TopicState], list[Difference], str], ...] = (
    ("as wanted; other settings are the broker's own", {"t": TopicState("t", 4, AS_WANTED)}, [], ""),
    ("missing", {}, [Difference("t", What.MISSING, "", "4", "")], "t: does not exist, wanted with 4 partitions"),
    (
        "too few partitions",
        {"t": TopicState("t", 1, AS_WANTED)},
        [Difference("t", What.PARTITIONS, "", "4", "1")],
        "t: partitions is 1, wanted 4",
    ),
    (
        "another setting",
        {"t": TopicState("t", 4, AS_WANTED | {"retention.ms": "7"})},
        [Difference("t", What.CONFIG, "retention.ms", "-1", "7")],
        "t: retention.ms is 7, wanted -1",
    ),
    (
        "a setting that the broker does not report",
        {"t": TopicState("t", 4, {"cleanup.policy": "compact"})},
        [Difference("t", What.UNREPORTED, "retention.ms", "-1", "")],
        "t: retention.ms should be -1, the broker does not report it",
    ),
    ("topics of others are left alone", {"t": TopicState("t", 4, AS_WANTED), "x": TopicState("x", 1, {})}, [], ""),
)


@pytest.mark.parametrize(("sentence", "found", "wanted", "line"), CASES, ids=[case[0] for case in CASES])
def test_compare(sentence: str, found: dict[str, TopicState], wanted: list[Difference], line: str) -> None:
    differences = compare(found, [SPEC])
    assert differences == wanted, sentence
    assert "\n".join(map(str, differences)) == line
