"""Which kinds are off, and the reason that is given."""

from __future__ import annotations

from typing import Any

import pytest

from playbook.check import DEFINED_BY, Off, kinds_off
from playbook.model import Playbook
from playbook.needs import NEEDS, missing
from topics.signals import Kind
from topics.sources.source import Provides, Source, SourceKind

FULL = Source(name="crm", kind=SourceKind.SALESFORCE, tenant="t", provides=frozenset(Provides))
MUTE = Source(name="files", kind=SourceKind.TABLES, tenant="t")
WEB = Source(name="web", kind=SourceKind.CLOUDEVENTS, tenant="t")

WHOLE: dict[str, Any] = {
    "name": "whole",
    "pipelines": [
        {
            "name": "p",
            "sql_stage": "a",
            "stages": [{"name": "a", "required_fields": ["amount"]}, {"name": "b", "outcome": "won"}],
        }
    ],
    "segments": [{"name": "all", "cycle_days": 90}],
    "sql": {"fields": ["budget"]},
    "icp": [{"name": "big", "when": "amount > 1"}],
    "signals": {"handoff_incomplete": {"won_fields": ["plan"]}},
    "intents": [{"name": "demo", "when": "true"}],
}
STAGES = WHOLE["pipelines"][0]["stages"]
BARE = [{"name": "a"}, {"name": "b", "outcome": "won"}]


def stages(*, sql_stage: str | None = "a", of: list[dict[str, Any]] = STAGES) -> dict[str, Any]:
    return {"pipelines": [{"name": "p", "sql_stage": sql_stage, "stages": of}]}


#: What a source that tells only stages leaves unjudged, in the order of the catalogue.
UNTOLD = {
    Kind.STAGE_PARKED: "activities",
    Kind.CONTACT_GAP: "activities",
    Kind.BUYER_SILENT: "activities",
    Kind.NO_NEXT_MEETING: "meetings",
    Kind.SINGLE_THREADED: "activities, contacts",
    Kind.HANDOFF_STALLED: "activities, owners",
    Kind.CLOSE_DATE_PUSHED: "close_date",
    Kind.CLOSE_DATE_PASSED: "close_date",
    Kind.CLOSE_DATE_PARKED: "close_date",
    Kind.CLOSE_DATE_WISHFUL: "close_date",
    Kind.CATEGORY_MISMATCH: "category",
    Kind.NEXT_STEP_STALE: "next_step",
    Kind.INTENT_UNANSWERED: "activities",
    Kind.STALE_DEAL: "activities",
    Kind.UNOWNED: "owners",
}

CASES: list[tuple[str, dict[str, Any], tuple[Source, ...], list[Off]]] = [
    ("everything is defined and told", {}, (FULL,), []),
    ("a source of intents has no deals of its own", {}, (FULL, WEB), []),
    ("no source yet", {}, (), []),
    (
        "a source that tells only stages",
        {},
        (FULL, MUTE),
        [Off(kind, "files/t", f"the source does not provide {what}") for kind, what in UNTOLD.items()],
    ),
    (
        "switched off goes before what no source tells",
        {"signals": {kind.value: {"enabled": False} for kind in (*UNTOLD, Kind.HANDOFF_INCOMPLETE)}},
        (MUTE,),
        [
            Off(kind, "", "switched off in the playbook")
            for kind in Kind
            if kind in UNTOLD or kind is Kind.HANDOFF_INCOMPLETE
        ],
    ),
    (
        "no corridor",
        {"segments": [{"name": "all"}]},
        (FULL,),
        [Off(Kind.CYCLE_EXCEEDED, "", "no segment has cycle_days, and signals.cycle_exceeded has no days")],
    ),
    (
        "one corridor for all",
        {"segments": [], "signals": WHOLE["signals"] | {"cycle_exceeded": {"days": 90}}},
        (FULL,),
        [],
    ),
    ("no ICP", {"icp": []}, (FULL,), [Off(Kind.ICP_MISMATCH, "", "no icp criterion is defined")]),
    (
        "nothing that the next team needs",
        {"signals": {}},
        (FULL,),
        [Off(Kind.HANDOFF_INCOMPLETE, "", "signals.handoff_incomplete names neither won_fields nor handover_fields")],
    ),
    (
        "no qualification field: falling back before SQL still shows",
        {"sql": {}},
        (FULL,),
        [Off(Kind.SQL_UNQUALIFIED, "", "sql.fields names no qualification field")],
    ),
    (
        "no SQL stage",
        stages(sql_stage=None),
        (FULL,),
        [
            Off(Kind.SQL_UNQUALIFIED, "", "no pipeline names its sql_stage"),
            Off(Kind.POST_SQL_INCONSISTENT, "", "no pipeline names its sql_stage"),
            Off(Kind.AMOUNT_SHRUNK, "", "no pipeline names its sql_stage"),
            Off(Kind.NEXT_STEP_STALE, "", "no pipeline names its sql_stage"),
        ],
    ),
    (
        "no gate",
        stages(of=BARE),
        (FULL,),
        [Off(Kind.GATE_VIOLATED, "", "no stage has entry, exit or required_fields")],
    ),
    ("a gate of entry", stages(of=[{**BARE[0], "entry": [{"name": "c", "when": "true"}]}, BARE[1]]), (FULL,), []),
    ("a gate of exit", stages(of=[{**BARE[0], "exit": [{"name": "c", "when": "true"}]}, BARE[1]]), (FULL,), []),
    (
        "no intent",
        {"intents": []},
        (FULL,),
        [
            Off(Kind.HIGH_INTENT, "", "no intents are defined"),
            Off(Kind.INTENT_UNANSWERED, "", "no intents are defined"),
        ],
    ),
]


@pytest.mark.parametrize(("change", "sources", "off"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_kinds_off(change: dict[str, Any], sources: tuple[Source, ...], off: list[Off]) -> None:
    playbook = Playbook.model_validate(WHOLE | change)
    assert list(kinds_off(playbook, sources)) == off


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_its_row_in_both_tables(kind: Kind) -> None:
    assert kind in NEEDS
    assert kind in DEFINED_BY
    assert missing(kind, frozenset(Provides)) == frozenset()
