"""The disk under a state folder is full: the worker ends and says so, another goes on, and it comes back as it was.

Root gets a real full disk, a tmpfs of its own under the worker's folder; others get a limit on the size of the
worker's files, which fails the same writes with EFBIG in place of ENOSPC.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.calm import until
from tests.chaos.crew import Worker
from tests.chaos.feed import Feed
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.records import UNTIDY, supply
from tests.chaos.scene import scene
from tests.chaos.tuning import Tuning

SIZE_MB = 96
VICTIM = "detect-1"


def _run(scale: Scale) -> Verdict:
    count = scale.of(4_000, 40_000)
    rounds = scale.of(1, 4)
    with scene(Tuning(session_s=3, store="rocksdb")) as stage, _disk(stage.site.folder / VICTIM / "data") as disk:
        stage.staffed(2)
        victim = stage.crew.workers[VICTIM]
        with Feed(stage.site.broker, supply(scale.seed, count, UNTIDY), rate=scale.of(50, 100)) as feed:
            for _ in range(rounds):
                _fill(victim, disk)
            if feed.done:
                return Verdict(passed=False, figure="the records ended before the disk was full")
            feed.enough(count)
            found = stage.judged(feed, scale.of(150, 600))
        silent = () if "No space left" in victim.log or "too large" in victim.log else ("it did not say why it ended",)
    wrong = (*found.wrong, *silent)
    return Verdict(not wrong, f"{rounds} times full ({disk.how}), {found.figure}", wrong)


def _fill(victim: Worker, disk: Disk) -> None:
    """Fill the disk until the worker ends by it, make room, and start it again."""
    until("the worker has partitions", lambda: victim.metric("signals_engine_state_keys") > 0)
    disk.fill(victim)
    took = until("the worker ends", lambda: not victim.alive)
    say(f"{VICTIM} ended with {victim.exit_code} after {took:.1f} s on a full disk")
    if victim.exit_code != 1:
        message = f"{VICTIM} ended with {victim.exit_code}, not 1"
        raise RuntimeError(message)
    disk.clear()
    victim.start()
    until("it is ready again", victim.ready, why=victim.why_not_ready)


class Disk:
    """What holds a worker's data."""

    def __init__(self, folder: Path, how: str, fill: Callable[[Worker], None]) -> None:
        self.how, self.fill = how, fill
        self._filler = folder / "filler"

    def clear(self) -> None:
        """Make room again; a limit ends with its process."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def _disk(folder: Path) -> Iterator[Disk]:
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        yield Disk(folder, "EFBIG", _limit)
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "none", str(folder)], check=True)
    try:
        yield Disk(folder, "ENOSPC", lambda _: _fill_up(folder / "filler"))
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _limit(worker: Worker) -> None:
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))


def _fill_up(file: Path) -> None:
    """Write until the disk is full, in ever smaller pieces."""
    with file.open("wb", buffering=0) as filler:
        piece = 1 << 20
        while piece:
            try:
                filler.write(bytes(piece))
            except OSError:
                piece //= 2


LINE = Line(
    "disk",
    "the disk under a worker's state is full (tmpfs; without root: a limit on its files)",
    "it ends with 1 and says why, another worker goes on, it comes back: equal, nothing twice",
    _run,
)
