"""Where a line runs: a broker with every topic in place, a playbook, and the settings that all its processes share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from engine.admin import apply
from engine.settings import Broker
from programs.commands.topics import specs
from programs.demo.team import write_playbook
from programs.startup import Ready, prepare
from tests.chaos.tuning import Tuning
from tests.prompt import prompt

PARTITIONS = 6


class Site(NamedTuple):
    """One installation. `environ` holds what every process of it is told; `ready` is what they make of it."""

    broker: Broker
    folder: Path
    environ: Mapping[str, str]
    ready: Ready
    tuning: Tuning


def made(servers: str, folder: Path, tuning: Tuning, more: Mapping[str, str]) -> Site:
    """A site with its topics on this broker. The clock is the records' own; `more` are further variables."""
    environ = {
        "SIGNALS_BROKER": servers,
        "SIGNALS_PLAYBOOK": str(prompt(write_playbook(folder))),
        "SIGNALS_CLOCK_MODE": "data",
        "SIGNALS_CLOCK_GRACE": "0",
        "SIGNALS_CLOCK_INTERVAL": "0.2",
        "SIGNALS_WEB_PORT": "0",
        "SIGNALS_PARTITIONS": str(PARTITIONS),
        **more,
    }
    ready = prepare({**environ, "SIGNALS_DATA_DIR": str(folder / "oracle")}, folder)
    broker = Broker(servers)
    apply(broker, specs(ready))
    return Site(broker, folder, environ, ready, tuning)
