"""A playbook's alert policy that holds nothing back: for tests of what comes after it, at whatever hour they run."""

from __future__ import annotations

from pathlib import Path

import yaml

from playbook.alerting import Alerts, Budget, Flood, Group, Settle

#: Everything is told at the next moment, each deal in a message of its own, to whoever hears of it.
PROMPT = Alerts(
    settle=Settle(critical_seconds=0, seconds=0),
    group=Group(critical_seconds=0, seconds=0, across_deals=False, most=20),
    budget=Budget(per_day=100, channel_per_day=1000, critical_reserve=0),
    inhibitions=(),
    graver_in_family=False,
    quiet_hours=False,
    flood=Flood(per_minute=10_000),
)
PROMPT_TEXT = "\n" + yaml.safe_dump({"alerts": PROMPT.model_dump(mode="json")}, sort_keys=False)


def prompt(playbook: Path) -> Path:
    """The file, which holds nothing back from now on."""
    playbook.write_text(playbook.read_text(encoding="utf-8") + PROMPT_TEXT, encoding="utf-8")
    return playbook
