"""What a person is told of a new playbook: each difference once, by the names that stand in the file."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from playbook.changes import LONGEST, changes
from playbook.model import Playbook

BASE: dict[str, Any] = {
    "name": "ours",
    "pipelines": [
        {
            "name": "Sales",
            "stages": [{"name": "Lead", "max_days": 10}, {"name": "Demo"}, {"name": "Won", "outcome": "won"}],
        }
    ],
    "sql": {"fields": ["budget", "need"]},
    "owners": [{"name": "Ana", "ids": ["u1"]}],
}
(SALES,) = BASE["pipelines"]
LEAD, DEMO, WON = SALES["stages"]


def sales(*stages: dict[str, Any]) -> dict[str, Any]:
    return {"pipelines": [{**SALES, "stages": list(stages)}]}


class Row(NamedTuple):
    """What differs, and what is said."""

    sentence: str
    after: dict[str, Any]
    expected: list[str]


ROWS = [
    Row("nothing", {}, []),
    Row("a limit", sales({**LEAD, "max_days": 4}, DEMO, WON), ["pipelines[Sales].stages[Lead].max_days: 10 -> 4"]),
    Row(
        "a limit that is new",
        sales(LEAD, {**DEMO, "max_days": 7.5}, WON),
        ["pipelines[Sales].stages[Demo].max_days: none -> 7.5"],
    ),
    Row("a stage less", sales(LEAD, WON), ["pipelines[Sales].stages[Demo]: gone"]),
    Row("a stage more", sales(LEAD, DEMO, {"name": "Trial"}, WON), ["pipelines[Sales].stages[Trial]: new"]),
    Row("another order", sales(DEMO, LEAD, WON), ["pipelines[Sales].stages: in another order: Demo, Lead, Won"]),
    Row("other fields", {"sql": {"fields": ["budget"]}}, ["sql.fields: budget, need -> budget"]),
    Row("none any more", {"sql": {"fields": []}}, ["sql.fields: budget, need -> none"]),
    Row("a kind is off", {"signals": {"contact_gap": {"enabled": False}}}, ["signals.contact_gap.enabled: on -> off"]),
    Row(
        "an owner moves",
        {"owners": [{"name": "Ana", "ids": ["u1"], "team": "South"}]},
        ["owners[Ana].team: none -> South"],
    ),
    Row("the first of a list", {"segments": [{"name": "all", "cycle_days": 9}]}, ["segments[all]: new"]),
    Row("a long text", {"crm_url": f"https://{'x' * 100}/"}, [f"crm_url: none -> https://{'x' * (LONGEST - 8)}…"]),
    Row(
        "a response",
        {"responses": {"contact_gap": {"action": "Call."}}},
        [
            "responses.contact_gap.tell: none -> owner",
            "responses.contact_gap.then: none -> lead, revops",
            "responses.contact_gap.action: none -> Call.",
            "responses.contact_gap.wake: none -> off",
        ],
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_changes(row: Row) -> None:
    assert changes(Playbook.model_validate(BASE), Playbook.model_validate(BASE | row.after)) == row.expected


def test_what_is_not_said_any_more_is_gone() -> None:
    with_response = Playbook.model_validate(BASE | {"responses": {"contact_gap": {"action": "Call."}}})
    assert changes(with_response, Playbook.model_validate(BASE)) == ["responses.contact_gap: gone"]
