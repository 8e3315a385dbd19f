"""The tests that are too slow for every run: the engine's own under kills, both brokers, the whole product."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.chaos.lines import Line, Scale, Verdict, say

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 1_200.0
_COUNTS = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed)")


def _run(_: Scale) -> Verdict:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "chaos", "tests/integration"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    lines = ended.stdout.splitlines() or [ended.stderr[-500:]]
    counts = {what: int(count) for count, what in _COUNTS.findall(lines[-1])}
    say(lines[-1])
    passed = ended.returncode == 0 and counts.get("passed", 0) > 0
    wrong = tuple(line for line in lines if line.startswith(("FAILED", "ERROR")))
    return Verdict(passed, lines[-1].strip("= "), wrong)


LINE = Line(
    "tests",
    "the slow tests: the engine killed at its boundaries with both stores, on both brokers",
    "all pass",
    _run,
    alone=True,
)
