"""docs/security.md says what the code does: the rights, the variables, the commands."""

from __future__ import annotations

import re
from pathlib import Path

from programs.configuration import VARIABLES
from programs.permissions import ADMIN, OTHER_DUTIES, PROGRAM_DUTIES, USER_PREFIX, Duty
from programs.settings import BrokerSettings
from topics.catalog import RAW_PREFIX, ROUTE_PREFIX

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
HEAD = "| user | takes, as group | keeps its state on | writes | reads besides | sees how far is read by |\n"
RULE = "|---|---|---|---|---|---|\n"


def cell(names: tuple[str, ...]) -> str:
    stars = {RAW_PREFIX: f"{RAW_PREFIX}*", ROUTE_PREFIX: f"{ROUTE_PREFIX}*"}
    return ", ".join(f"`{stars.get(name, name)}`" for name in names)


def row(duty: Duty) -> str:
    cells = (duty.takes, duty.keeps, duty.writes, (*duty.reads, *duty.sees), duty.watches)
    return f"| {duty.role} | " + " | ".join(map(cell, cells)) + " |\n"


def test_the_table_of_rights_is_the_one_in_the_code() -> None:
    table = HEAD + RULE + "".join(map(row, (*PROGRAM_DUTIES, *OTHER_DUTIES)))
    assert table in PAGE, f"docs/security.md is to say:\n{table}"
    assert f"`{USER_PREFIX}{ADMIN}`" in PAGE


def test_every_variable_of_the_broker_is_explained_and_no_other() -> None:
    ours = {one.name for one in VARIABLES if one.name.startswith("SIGNALS_BROKER")}
    rows = re.findall(r"^\| `broker\.(\w+)` \| `(SIGNALS_\w+)` \|", PAGE, re.MULTILINE)
    assert {name for _, name in rows} == ours
    assert {key for key, _ in rows} == set(BrokerSettings.model_fields)
    assert {(one.key[1], one.name) for one in VARIABLES if one.name in ours} == set(rows)


def test_every_variable_named_in_it_exists() -> None:
    assert set(re.findall(r"\b(?:SIGNALS|SLACK)_[A-Z_]+\b", PAGE)) <= {one.name for one in VARIABLES}
