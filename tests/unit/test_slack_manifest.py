"""The app's manifest asks for what the code uses, no more; the files that ship are what the command prints."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from alerts.manifest import manifest
from alerts.methods import METHODS, SCOPES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "slack.md").read_text(encoding="utf-8")
SHIPPED = [("slack-manifest.yaml", "https://signals.example.com"), ("slack-manifest-socket.yaml", None)]


@pytest.mark.parametrize(("name", "url"), SHIPPED, ids=[each[0] for each in SHIPPED])
def test_the_files_that_ship_are_the_manifest(name: str, url: str | None) -> None:
    assert yaml.safe_load((DOCS / name).read_text(encoding="utf-8")) == manifest(url)


def _called() -> set[str]:
    """Every name of a method of Slack's API that stands in our code, outside the table itself."""
    files = [*(ROOT / "alerts").glob("*.py"), *(ROOT / "programs").rglob("*.py")]
    texts = (
        node.value
        for path in files
        if path.name != "methods.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in texts if text in METHODS}


def test_every_method_in_the_table_is_called_and_needs_its_scopes() -> None:
    assert _called() == set(METHODS)
    assert set(SCOPES) == {scope for name in _called() for scope in METHODS[name].scopes}
    assert manifest(None)["oauth_config"]["scopes"]["bot"] == list(SCOPES)


def test_the_page_says_what_each_scope_is_for() -> None:
    table = PAGE.split("| scope | for |")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {scope.strip("` ") for row in rows for scope in row.split(",")} == set(SCOPES)


def test_buttons_come_in_over_http_or_by_socket_and_the_home_is_told() -> None:
    over_http, by_socket = manifest("https://x.example/hooks")["settings"], manifest(None)["settings"]
    assert over_http["interactivity"]["request_url"] == "https://x.example/hooks/slack/interactions"
    assert over_http["event_subscriptions"]["request_url"] == "https://x.example/hooks/slack/events"
    assert over_http["socket_mode_enabled"] is False
    assert by_socket["socket_mode_enabled"] is True
    assert "request_url" not in by_socket["interactivity"]
    assert over_http["event_subscriptions"]["bot_events"] == by_socket["event_subscriptions"]["bot_events"]
