"""Files of any size are read in bounded memory: a million rows, sorted on disk and compared, under the limit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_a_million_rows_of_each_kind_stay_under_the_limit() -> None:
    command = [sys.executable, str(ROOT / "bench/load.py"), "--rows", "1000000"]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("| 1,000,000 |") == 3
