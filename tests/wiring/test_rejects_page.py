"""docs/rejects.md explains every reason that the code can give, and none that it cannot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from programs.aside import UNDECODABLE_EVENT
from tests.unit.golden_sources import goldens
from tests.unit.parser_promises import REJECTIONS
from topics.silences import Dirt, Silence

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "rejects.md").read_text()
#: What stands on crm.rejected without a parser having said so: records of our own topics (`programs.aside`,
#: `alerts.reading`).
OF_OUR_OWN = {UNDECODABLE_EVENT, "undecodable", "bad_instant"}


def section(name: str) -> str:
    """The text under a heading of the second level."""
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def rows(name: str) -> list[list[str]]:
    """The rows of the tables of a section, cell by cell."""
    lines = [line for line in section(name).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def reasons(name: str) -> list[str]:
    """The reasons that a section explains."""
    return [row[0].strip("`") for row in rows(name)]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Rejected", REJECTIONS | OF_OUR_OWN),
        ("Silent", {reason.value for reason in Silence}),
        ("Dirt", {what.value for what in Dirt}),
    ],
)
def test_a_section_explains_what_the_code_knows(name: str, known: set[str]) -> None:
    explained = reasons(name)
    assert sorted(explained) == sorted(set(explained)), "a reason stands twice"
    assert set(explained) == known


@pytest.mark.parametrize("row", [row for name in ("Rejected", "Silent") for row in rows(name)], ids=lambda row: row[0])
def test_a_reason_has_a_meaning_a_remedy_and_an_example(row: list[str]) -> None:
    assert all(row), "an empty cell"


def test_every_reason_of_the_golden_payloads_is_explained() -> None:
    for golden in goldens():
        for outcome in golden.outcomes:
            assert outcome.get("rejected", "not_json") in reasons("Rejected")
            assert (outcome.get("silent") or "tombstone") in reasons("Silent")
