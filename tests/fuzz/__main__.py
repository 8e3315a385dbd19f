"""`python -m tests.fuzz [--seconds N] [KIND...]`: every parser, or those of the kinds named, driven by coverage.

Each runs in a process of its own, half of the time over raw bytes that begin as its golden payloads, half over golden
payloads with something wrong in them (`tests.unit.spoilt_records`). What breaks a promise
(`tests.unit.parser_promises`) is printed with the input that did it. Exit code 1 then.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.children import dies_with_parent
from topics.sources.registry import PARSERS

WAYS = ("raw", "shaped")
REPOSITORY = Path(__file__).parents[2]
#: Seconds for which one input may keep a parser and the brain busy before that is a finding.
SLOW_S = 20
_SHOWN_LINES = 40


def main(arguments: Sequence[str]) -> int:
    """Drive the parsers one after another; the exit code."""
    asks = argparse.ArgumentParser(prog="make fuzz")
    asks.add_argument("--seconds", type=int, default=60, help="for each parser")
    asks.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(sorted(PARSERS)))
    asked = asks.parse_args(arguments)
    if unknown := sorted(set(asked.kinds) - set(PARSERS)):
        asks.error(f"no parser is called {', '.join(unknown)}")
    held = [run(kind, way, max(1, asked.seconds // 2)) for kind in asked.kinds or sorted(PARSERS) for way in WAYS]
    return 0 if all(held) else 1


def run(kind: str, way: str, seconds: int) -> bool:
    """One parser, one way; its line is printed, with what was found. Says whether the promises were kept."""
    with TemporaryDirectory(prefix="fuzz-") as folder:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.driven", kind, way, str(seconds), folder],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            check=False,
            preexec_fn=dies_with_parent(os.getpid()),  # two system calls, no locks
        )
    counted = re.findall(r"^#(\d+)", ended.stderr, re.MULTILINE)
    inputs = int(counted[-1]) if counted else 0
    held = ended.returncode == 0
    said = "nothing found" if held else f"FOUND, exit {ended.returncode}\n{_told(ended.stdout, ended.stderr)}"
    print(f"{kind:>12} {way:>6}  {inputs:>9,} inputs  {said}", flush=True)  # noqa: T201 - a command that prints
    return held


def _told(stdout: str, stderr: str) -> str:
    """The exception and the input, without the fuzzer's own progress."""
    lines = [line for line in (*stdout.splitlines(), *stderr.splitlines()) if not re.match(r"#\d+|INFO|==\d+==", line)]
    return "\n".join(line[:2_000] for line in lines[-_SHOWN_LINES:]) or "it said nothing"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
