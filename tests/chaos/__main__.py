"""`python -m tests.chaos [--quick] [--seed N] [--jobs N] [LINE...]`: every line of the trust table, or those named.

Each line starts Kafka and the programs for itself and leaves nothing behind. Exit code 1 when a line falls short. With
several jobs so many lines play at the same time, each in a process of its own: most of a line is waiting. Those that
measure a rate or have limits of their own play after the others, alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from engine.children import dies_with_parent
from tests.chaos import (
    brokers,
    churn,
    clock,
    deaths,
    dirty,
    disk,
    frozen,
    intake,
    kills,
    publish,
    slack,
    slow_tests,
    soak,
    upgrade,
)
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.table import show

#: The longest first, so that several jobs end at about the same time.
LINES: tuple[Line, ...] = (
    kills.LINE,
    deaths.LINE,
    churn.LINE,
    frozen.LINE,
    brokers.LINE,
    disk.LINE,
    clock.LINE,
    dirty.LINE,
    intake.LINE,
    slack.LINE,
    soak.LINE,
    upgrade.LINE,
    publish.LINE,
    slow_tests.LINE,
)
NAMES = [line.name for line in LINES]
SEED = 20_250
REPOSITORY = Path(__file__).parents[2]


def main(arguments: Sequence[str]) -> int:
    """Run the lines and print the table; the exit code."""
    asked = _asked(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that nothing is left behind
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its word on every broker that is killed
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # the oracle's own
    chosen = [line for line in LINES if line.name in asked.lines or not asked.lines]
    scale = Scale(asked.quick, asked.seed)
    began = time.monotonic()
    beside = [line for line in chosen if asked.jobs > 1 and len(chosen) > 1 and not line.alone]
    with ThreadPoolExecutor(asked.jobs) as pool:
        found = dict(zip(beside, pool.map(lambda line: _apart(line, scale), beside), strict=True))
    verdicts = [found.get(line) or _verdict(line, scale) for line in chosen]
    if asked.verdict:
        asked.verdict.write_text(json.dumps(verdicts[0]))
        return 0
    show(list(zip(chosen, verdicts, strict=True)), asked.seed)
    say(f"{len(chosen)} lines in {time.monotonic() - began:.0f} s")
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    asks = argparse.ArgumentParser(prog="make chaos")
    asks.add_argument("--quick", action="store_true", help="the short form: minutes instead of an hour")
    asks.add_argument("--seed", type=int, default=SEED, help="what is left to chance")
    asks.add_argument("--jobs", type=int, help="lines at the same time (3 with --quick, else 1)")
    asks.add_argument("--verdict", type=Path, help=argparse.SUPPRESS)
    asks.add_argument("lines", nargs="*", metavar="LINE", help=", ".join(NAMES))
    asked = asks.parse_args(arguments)
    unknown = sorted(set(asked.lines) - set(NAMES))
    if unknown:
        asks.error(f"no such line: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    asked.jobs = asked.jobs or (3 if asked.quick else 1)
    return asked


def _verdict(line: Line, scale: Scale) -> Verdict:
    began = time.monotonic()
    say(f"== {line.name}: {line.what} (seed {scale.seed})")
    try:
        verdict = line.run(scale)
    except Exception as error:  # noqa: BLE001  # whatever it is, the line did not hold, and the others go on
        verdict = Verdict(passed=False, figure=f"ended by {type(error).__name__}", wrong=(str(error),))
    for wrong in verdict.wrong:
        say(f"== {line.name}: {wrong[:1000]}")
    took = time.monotonic() - began
    say(f"== {line.name}: {verdict.figure}: {'pass' if verdict.passed else 'FALLS SHORT'} in {took:.0f} s")
    return verdict


def _apart(line: Line, scale: Scale) -> Verdict:
    """Run a line in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="chaos-verdict-") as folder:
        file = Path(folder) / "verdict"
        command = [sys.executable, "-m", "tests.chaos", "--seed", str(scale.seed), "--verdict", str(file), line.name]
        ended = subprocess.run(
            [*command, *(["--quick"] if scale.quick else [])],
            cwd=REPOSITORY,
            check=False,
            preexec_fn=dies_with_parent(os.getpid()),  # two system calls, no locks
        )
        if not file.exists():
            return Verdict(passed=False, figure=f"ended with {ended.returncode}")
        passed, figure, wrong = json.loads(file.read_text())
        return Verdict(passed, figure, tuple(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
