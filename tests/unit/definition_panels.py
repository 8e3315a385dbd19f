"""Playbooks that differ from the story's in one thing each, as panels by version."""

from __future__ import annotations

from typing import Any

from playbook.model import Playbook
from signals.judge import Panel, panel_of
from signals.rules import Rules
from tests.unit.brain_story import PLAYBOOK
from topics.events import DefinitionsChanged, event_id

_SALES, _RENEWALS = PLAYBOOK["pipelines"]
_LEAD, _DEMO, _PROPOSAL, _WON, _LOST = _SALES["stages"]


def _sales(*stages: dict[str, Any], sql_stage: str | None = "Demo") -> dict[str, Any]:
    return {"pipelines": [{**_SALES, "sql_stage": sql_stage, "stages": list(stages)}, _RENEWALS]}


CHANGES: dict[str, dict[str, Any]] = {
    "story": {},
    "shorter": _sales({**_LEAD, "max_days": 4, "contact_days": 2}, {**_DEMO, "max_days": 1}, _PROPOSAL, _WON, _LOST),
    "longer": {"signals": {"stage_overstay": {"days": 30}, "contact_gap": {"days": 25, "plan_days": 3}}}
    | _sales({**_LEAD, "max_days": 30, "contact_days": 25}, {"name": "Demo"}, {**_PROPOSAL, "max_days": 9}, _WON),
    "without a stage": _sales(_LEAD, {**_DEMO, "values": ["Proposal"]}, _WON, _LOST),
    "without the first stage": _sales(_DEMO, _PROPOSAL, _WON, _LOST),
    "without a pipeline": {"pipelines": [{**_SALES, "values": ["sales"]}]},
    "a stage is lost": _sales(_LEAD, {**_DEMO, "outcome": "lost"}, _PROPOSAL, _WON, sql_stage="Proposal"),
    "other SQL fields": {"sql": {"fields": ["budget"]}, **_sales(_LEAD, _DEMO, _PROPOSAL, _WON, sql_stage="Proposal")},
    "other segments": {"segments": [{"name": "all", "cycle_days": 3}], "icp": []},
    "kinds off": {"signals": {"contact_gap": {"enabled": False}, "stage_overstay": {"off_for": {"stages": ["Lead"]}}}},
    "pushes": {"signals": {"close_date_pushed": {"warning_count": 1, "window_days": 10, "expires_days": 3}}},
    "other owners": {"owners": [{"name": "Cy", "ids": ["u1", "u2"], "team": "West"}]},
    "another gate": _sales(
        _LEAD, {**_DEMO, "entry": [{"name": "need", "when": "need == true"}]}, {"name": "Proposal"}, _WON, _LOST
    )
    | {"signals": {"gate_violated": {"settle_seconds": 3600}}},
}

VERSIONS = tuple(CHANGES)


def _panel(version: str) -> Panel:
    return panel_of(Rules(Playbook.model_validate({**PLAYBOOK, **CHANGES[version]}), version))


_PANELS = {version: _panel(version) for version in VERSIONS}
OWN = _PANELS["story"]


def panels(version: str) -> Panel:
    """The panel of a version."""
    return _PANELS[version]


def switch_to(version: str, n: int = 0) -> DefinitionsChanged:
    """The control event, as it is published. Its own instant says nothing."""
    return DefinitionsChanged(id=event_id("switch", version, n), key="", source="", at_us=n, playbook=version)
