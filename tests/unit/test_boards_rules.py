"""Prometheus' own tools on the rules; and each alert has a case that fires, one that is quiet, and a page to read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from boards.alerting import ALERTS
from boards.generate import BOARDS, FOLDER, rules
from boards.rules import RUNBOOK, Alert
from programs.configuration import VARIABLES
from tests.integration.prometheus_server import promtool

ROOT = Path(__file__).parents[2]
CASES = ROOT / "boards" / "rules_test.yaml"
NAMES = [rule.name for rule in ALERTS.rules if isinstance(rule, Alert)]


def outcomes() -> dict[str, set[bool]]:
    """Alert to whether its cases expect it to fire."""
    found: dict[str, set[bool]] = {}
    for case in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]:
        for asked in case.get("alert_rule_test", ()):
            found.setdefault(asked["alertname"], set()).add(bool(asked["exp_alerts"]))
    return found


@pytest.mark.prometheus
def test_promtool_takes_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(FOLDER / "rules.yaml"))


@pytest.mark.prometheus
def test_every_rule_does_what_its_cases_say() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(CASES))


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_fires_in_one_case_and_is_quiet_in_another(name: str) -> None:
    assert outcomes().get(name) == {True, False}


def test_every_case_is_about_an_alert_that_exists() -> None:
    assert outcomes().keys() <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_says_what_is_wrong_and_its_runbook_stands(name: str) -> None:
    rule = next(rule for group in rules()["groups"] for rule in group["rules"] if rule.get("alert") == name)
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["labels"]["audience"] in {"ops", "revops"}
    said = rule["annotations"]
    assert said["summary"]
    assert said["description"].endswith(".")
    page, anchor = said["runbook"].split("#")
    headings = re.findall(r"^### (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}


def test_the_runbook_has_no_page_for_an_alert_that_is_gone() -> None:
    headings = re.findall(r"^### (.+)$", (ROOT / RUNBOOK).read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_runbook_says_what_an_alert_means_what_to_look_at_and_what_to_do(name: str) -> None:
    page = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    section = re.split(r"^#{2,3} ", page.split(f"### {name}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    parts = re.findall(r"^\*\*(\w+)\.\*\* \S.{20,}$", section, re.MULTILINE)
    assert parts == ["Means", "Look", "Do"]


def test_what_the_runbook_points_to_exists() -> None:
    page = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(#(\w+)\)", page)) <= {name.lower() for name in NAMES}
    titles = {panel.title for board in BOARDS.values() for row in board.rows for panel in row.panels}
    named = set(re.findall(r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", page))
    assert {name for name in named if not any(title.startswith(name) for title in titles)} == set()
    assert set(re.findall(r"\b(?:SIGNALS|SLACK)_[A-Z_]+\b", page)) <= {one.name for one in VARIABLES}
