"""What the README says is so: its playbook is the example, it gives the signals of its table, its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from playbook.check import kinds_off
from playbook.load import load
from programs.cli import COMMANDS
from programs.configuration import VARIABLES
from programs.settings import DEFAULT_SOURCES
from programs.startup import to_source
from topics.signals import Kind

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PLAYBOOK = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_playbook_in_it_is_the_example_and_has_ten_lines() -> None:
    assert PLAYBOOK is not None
    example = (ROOT / "examples/playbooks/ten-lines.yaml").read_text(encoding="utf-8")
    assert PLAYBOOK[1] == example
    assert len(example.splitlines()) <= 10


def test_the_table_below_it_lists_exactly_the_kinds_that_it_switches_on() -> None:
    assert PLAYBOOK is not None
    loaded = load(PLAYBOOK[1], "README.md")
    off = {row.kind for row in kinds_off(loaded.playbook, [to_source(DEFAULT_SOURCES[0], 0)])}
    table = TEXT.split("| this file alone gives | when |")[1].split("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) == {kind.value for kind in Kind} - {kind.value for kind in off}


def test_every_command_and_variable_in_it_exists() -> None:
    commands = {entry.name for entry in COMMANDS}
    named = set(re.findall(r"(?:^|`)signals ([a-z]+)", TEXT, re.MULTILINE))
    assert {"up", "replay", "load", "playbook"} <= named <= commands
    assert set(re.findall(r"\b(SIGNALS_[A-Z_]+|SLACK_[A-Z_]+)=", TEXT)) <= {one.name for one in VARIABLES}


def test_every_file_in_it_exists() -> None:
    named = set(re.findall(r"`((?:[\w-]+/)+[\w.-]*|[\w-]+\.(?:yml|yaml|toml))`", TEXT))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_targets_of_its_make_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", TEXT)) <= targets


def test_the_mapping_that_it_names_is_valid_yaml() -> None:
    assert yaml.safe_load((ROOT / "examples/mappings/maven.yaml").read_text(encoding="utf-8"))["tenant"] == "maven"
