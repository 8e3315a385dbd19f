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
    "intents": [{"name": "demo", "when": "true"}],
}
STAGES = WHOLE["pipelines"][0]["stages"]
BARE = [{"name": "a"}, {"name": "b", "outcome": "won"}]


def stages(*, sql_stage: str | None = "a", of: list[dict[str, Any]] = STAGES) -> dict[str, Any]:
    return {"pipelines": [{"name": "p", "sql_stage": sql_stage, "stages": of}]}


CASES: list[tuple[str, dict[str, Any], tuple[Source, ...], list[Off]]] = [
    ("everything is defined and told", {}, (FULL,), []),
    ("a source of intents has no deals of its own", {}, (FULL, WEB), []),
    ("no source yet", {}, (), []),
    (
        "a source that tells only stages",
        {},
        (FULL, MUTE),
        [
            Off(Kind.CONTACT_GAP, "files/t", "the source does not provide activities"),
            Off(Kind.CLOSE_DATE_PUSHED, "files/t", "the source does not provide close_date"),
        ],
    ),
    (
        "switched off goes before what no source tells",
        {"signals": {"contact_gap": {"enabled": False}, "close_date_pushed": {"enabled": False}}},
        (MUTE,),
        [
            Off(Kind.CONTACT_GAP, "", "switched off in the playbook"),
            Off(Kind.CLOSE_DATE_PUSHED, "", "switched off in the playbook"),
        ],
    ),
    (
        "no corridor",
        {"segments": [{"name": "all"}]},
        (FULL,),
        [Off(Kind.CYCLE_EXCEEDED, "", "no segment has cycle_days, and signals.cycle_exceeded has no days")],
    ),
    ("one corridor for all", {"segments": [], "signals": {"cycle_exceeded": {"days": 90}}}, (FULL,), []),
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
    ("no intent", {"intents": []}, (FULL,), [Off(Kind.HIGH_INTENT, "", "no intents are defined")]),
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
