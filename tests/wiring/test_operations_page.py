"""docs/operations.md names every readiness check, port and log line that the programs have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alerts.outputs.target import Form
from programs.intake.program import Intake
from programs.settings import FORWARD, INTAKE, PORTED, PROGRAMS, TargetSettings, WebSettings
from programs.startup import prepare
from programs.wiring import BUILDS, forward

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


TARGET = TargetSettings(name="hook", form=Form.ALERTMANAGER, url="https://hooks.example.com")


def rows_under(head: str) -> list[tuple[str, str]]:
    """The first cell of each row of the table with this head: its code, and the words behind."""
    table = PAGE.split(head)[1].split("\n\n")[0]
    return re.findall(r"^\| `([^`]+)`(.*?) \|", table, re.MULTILINE)


def test_every_check_is_explained_with_the_program_that_has_it(tmp_path: Path) -> None:
    ready = prepare({}, tmp_path)
    checks = {name: set(BUILDS[name](ready, "127.0.0.1:1").ready_checks) for name in PROGRAMS}
    checks[INTAKE] = set(_intake(tmp_path).ready_checks)
    checks[FORWARD] = set(forward(ready, "127.0.0.1:1", TARGET).ready_checks)
    explained = dict(rows_under("| check | fails while |"))
    everywhere = set.intersection(*checks.values())
    for check in set.union(*checks.values()):
        having = [name for name in PORTED if check in checks[name]]
        expected = "" if check in everywhere or len(having) > 1 else f" ({having[0]})"
        assert explained.get(check) == expected, check
    assert explained.keys() - set.union(*checks.values()) == {"loop"}, "the server itself says that one"


def test_the_ports_are_the_ones_that_are_listened_on() -> None:
    ports = dict(re.findall(r"(\w+) (910\d)", PAGE))
    assert {name: str(WebSettings().port(name)) for name in PORTED} == ports


def _intake(folder: Path) -> Intake:
    (folder / "signals.toml").write_text('[[sources]]\nname = "crm"\nkind = "hubspot"\nwebhook = {insecure = true}\n')
    return Intake(prepare({}, folder), "127.0.0.1:1")


@pytest.mark.parametrize(("event", "_"), rows_under("| event | says |"))
def test_a_log_line_that_is_explained_is_written_somewhere(event: str, _: str) -> None:
    sources = [path for folder in ("engine", "programs") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in sources if f'"{event}"' in path.read_text(encoding="utf-8")]
