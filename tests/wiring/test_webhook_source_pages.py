"""The pages of HubSpot and Pipedrive: their settings are settings, their playbook is one, and no field is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from playbook.load import load
from programs.configuration import load_settings
from programs.startup import to_sources
from topics.sources.hubspot import properties
from topics.sources.hubspot.engagements import ENGAGEMENT_PROPERTIES
from topics.sources.pipedrive import fields
from topics.sources.refusals import Reason
from topics.sources.registry import parser

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / "docs" / "sources" / f"{name}.md").read_text() for name in ("hubspot", "pipedrive")}


@pytest.mark.parametrize("name", PAGES)
def test_the_settings_on_the_page_are_taken(name: str, tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGES[name], re.DOTALL)
    (tmp_path / "signals.toml").write_text(example)
    (source,) = to_sources(load_settings({}, tmp_path))
    assert source.kind == name
    assert source.fields
    parser(source)


def test_the_page_of_hubspot_names_every_property() -> None:
    tables = (properties.DEAL_PROPERTIES, properties.COMPANY_PROPERTIES, properties.CONTACT_PROPERTIES)
    names = {name for table in (*tables, *ENGAGEMENT_PROPERTIES.values()) for name in table}
    assert {name for name in names if f"`{name}`" not in PAGES["hubspot"]} == set()


def test_the_page_of_pipedrive_names_every_field() -> None:
    tables = (fields.DEAL_FIELDS, fields.ORGANIZATION_FIELDS, fields.PERSON_FIELDS, fields.USER_FIELDS)
    names = {name for table in tables for name in table}
    assert {name for name in names if f"`{name}`" not in PAGES["pipedrive"]} == set()


@pytest.mark.parametrize("name", PAGES)
def test_the_reasons_on_the_page_are_reasons(name: str) -> None:
    rejected = PAGES[name].split("Rejected: ")[1].split("What each means")[0]
    assert set(re.findall(r"`(\w+)`", rejected)) <= set(Reason)


def test_the_example_playbook_is_whole_and_knows_won_and_lost() -> None:
    path = ROOT / "examples" / "playbooks" / "pipedrive.yaml"
    (pipeline,) = load(path.read_text(), path.name).playbook.pipelines
    outcomes = {value: stage.outcome for stage in pipeline.stages for value in stage.values}
    assert {value: outcomes[value] for value in ("1", *fields.CLOSED)} == {"1": "open", "won": "won", "lost": "lost"}
