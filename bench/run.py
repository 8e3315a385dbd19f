"""`make bench`: every line of the promise of speed, measured here and now, as one table.

`python bench/run.py [--quick] [--only PART ...] [--write FILE]`. A part that fails says why and does not stop the
others. `--quick` is a short form of under three minutes: fewer events, one round, the slowest parts left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench.ground import FailedError, end_in_order
from bench.machine import this_machine
from bench.page import page
from bench.parts import PARTS, Course, Part
from bench.table import Finding, Row, Verdict, plain
from tests.brokers.apache import NoKafkaError

RESULTS = Path(__file__).parent / "results.md"


def rows_of(part: Part, course: Course) -> list[Row]:
    """The part's lines with what came out; one that fails says so on each of them."""
    began = time.monotonic()
    course.note(f"-- {part.name}")
    try:
        findings = part.measure(course)
    except NoKafkaError as error:
        findings = [Finding(f"skipped: no Apache Kafka, {error}", Verdict.REPORTED)] * len(part.lines)
    except (FailedError, KeyError) as error:
        findings = [Finding(_reason(error), Verdict.FAILED)] * len(part.lines)
    course.note(f"-- {part.name}: {time.monotonic() - began:.0f} s")
    command = f'make bench ARGS="--only {part.name}"'
    rows = [Row(line, finding, command) for line, finding in zip(part.lines, findings, strict=True)]
    course.note(plain(rows))  # a later part may take long, or be ended
    return rows


def _reason(error: Exception) -> str:
    return f"no figure {error} in the script's answer" if isinstance(error, KeyError) else str(error)


def main() -> int:
    """Measure, print, write. 1 when a part failed; falling short is a result."""
    end_in_order()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short form")
    parser.add_argument("--only", nargs="+", choices=[part.name for part in PARTS], help="these parts")
    parser.add_argument("--events", type=int, help="at most so many of the simulated team's events in the race")
    parser.add_argument("--write", type=Path, help="where the page goes; bench/results.md for a full run of all parts")
    given = parser.parse_args()
    chosen = [part for part in PARTS if given.only is None or part.name in given.only]
    machine = str(this_machine())
    print(machine, flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="signals-bench-") as folder,
        Course(
            Path(folder), quick=given.quick, note=lambda text: print(text, flush=True), events=given.events
        ) as course,
    ):
        rows = [row for part in chosen for row in rows_of(part, course)]
    print(plain(rows))
    target = given.write or (RESULTS if given.only is None and not given.quick else None)
    if target is not None:
        target.write_text(page(rows, machine, quick=given.quick))
    return 1 if any(row.finding.verdict is Verdict.FAILED for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
