"""The workers of a chaos run never outlive it, even where it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
#: A run with one worker, which finds no broker and waits for one.
RUN = """
import sys, time
from pathlib import Path
from engine.settings import Broker
from programs.startup import prepare
from tests.chaos.crew import Crew
from tests.chaos.site import Site
from tests.chaos.tuning import Tuning
folder = Path(sys.argv[1])
environ = {"SIGNALS_BROKER": "127.0.0.1:9", "SIGNALS_WEB_PORT": "0"}
crew = Crew(Site(Broker("127.0.0.1:9"), folder, environ, prepare(environ, folder), Tuning()))
print(crew.add("route")[0].pid, flush=True)
time.sleep(60)
"""


@pytest.mark.chaos
def test_a_worker_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    with run:
        assert run.stdout is not None
        worker = int(run.stdout.readline())
        assert _lives(worker)
        run.send_signal(signal.SIGKILL)
        run.wait()
    deadline = time.monotonic() + 20
    while _lives(worker):
        assert time.monotonic() < deadline, "the worker outlives its run"
        time.sleep(0.1)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
