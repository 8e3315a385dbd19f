"""The playbook of the demo: the one that ships, with the simulated team as its owners."""

from __future__ import annotations

from pathlib import Path

import yaml

from programs.definitions import default_text
from signals.simulation.team import SELLERS


def write_playbook(folder: Path) -> Path:
    """Write it into a folder; answer with the file."""
    owners = [
        {
            "name": seller.name,
            "ids": [seller.id],
            "email": seller.email,
            "timezone": seller.zone,
            "team": seller.team,
            **({"lead": seller.lead} if seller.lead != seller.name else {}),
        }
        for seller in SELLERS
    ]
    file = folder / "playbook.yaml"
    file.write_text(default_text() + "\n" + yaml.safe_dump({"owners": owners}, sort_keys=False), encoding="utf-8")
    return file
