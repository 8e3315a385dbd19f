"""`python -m tests.chaos [--quick] [--seed N] [LINE...]`: every line of the trust table, or those that are named.

Each line starts Kafka and the programs for itself and leaves nothing behind. Exit code 1 when a line falls short.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence

from tests.chaos import brokers, churn, clock, deaths, dirty, disk, frozen, kills, publish, slack, soak
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.table import show

LINES: tuple[Line, ...] = (
    kills.LINE,
    deaths.LINE,
    churn.LINE,
    frozen.LINE,
    brokers.LINE,
    dirty.LINE,
    publish.LINE,
    disk.LINE,
    clock.LINE,
    slack.LINE,
    soak.LINE,
)
SEED = 20_250


def main(arguments: Sequence[str]) -> int:
    """Run the lines and print the table; the exit code."""
    names = [line.name for line in LINES]
    asks = argparse.ArgumentParser(prog="make chaos")
    asks.add_argument("--quick", action="store_true", help="the short form, under five minutes")
    asks.add_argument("--seed", type=int, default=SEED, help="what is left to chance")
    asks.add_argument("lines", nargs="*", choices=[*names, []], metavar="LINE", help=", ".join(names))
    asked = asks.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its word on every broker that is killed
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    chosen = [line for line in LINES if line.name in asked.lines or not asked.lines]
    rows = [(line, _verdict(line, Scale(asked.quick, asked.seed))) for line in chosen]
    show(rows, asked.seed)
    return 0 if all(verdict.passed for _, verdict in rows) else 1


def _verdict(line: Line, scale: Scale) -> Verdict:
    began = time.monotonic()
    say(f"== {line.name}: {line.what} (seed {scale.seed})")
    try:
        verdict = line.run(scale)
    except Exception as error:  # noqa: BLE001  # whatever it is, the line did not hold, and the others go on
        verdict = Verdict(passed=False, figure=f"ended by {type(error).__name__}", wrong=(str(error),))
    say(f"== {line.name}: {'pass' if verdict.passed else 'FALLS SHORT'} in {time.monotonic() - began:.0f} s")
    return verdict


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
