"""Playbooks published on a live system: the same on every worker, also when publisher and workers are killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from engine.records import Record
from programs.definitions import default_text, read_playbook
from tests.chaos.calm import PATIENCE_S, until
from tests.chaos.feed import Feed
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.oracle import Logs, versions_of
from tests.chaos.records import UNTIDY, records
from tests.chaos.scene import Scene, scene
from tests.chaos.tuning import Tuning
from topics.catalog import DEAL_SIGNALS
from topics.codec import decode_signal

WORKERS = 2
REPOSITORY = Path(__file__).parents[2]
SHARE_S = 600.0
LATEST_KILL_S = 1.5
"""A publisher needs about as long from its start to its end."""


def _run(scale: Scale) -> Verdict:
    emitted = records(scale.seed, scale.of(3_000, 60_000), UNTIDY)
    rng = Random(scale.seed)  # noqa: S311  # repeatable, not secret
    with scene(Tuning(session_s=3)) as stage:
        stage.staffed(WORKERS)
        first = Path(stage.site.environ["SIGNALS_PLAYBOOK"])
        files = (_stricter(first), first)
        rounds = scale.of(2, 8)
        last = read_playbook(files[(rounds - 1) % 2]).hash
        with Feed(stage.site.broker, emitted, rate=scale.of(30, 150)) as feed:
            for number in range(rounds):
                share = (number + 1) / (rounds + 1)
                until(f"{share:.0%} of the records are sent", lambda: feed.share > share, SHARE_S)  # noqa: B023  # called before the next round
                _publish(stage, files[number % 2], rng)
            feed.enough(len(emitted))
            found = stage.judged(feed, scale.of(150, 600), replayed=False)
    said = Counter(_versions(found.logs[DEAL_SIGNALS]))
    wrong = (*found.wrong, *_elsewhere(found.logs, last), *(() if len(said) > 1 else ("no signal by the new one",)))
    by = " and ".join(str(count) for _, count in said.most_common())
    return Verdict(not wrong, f"{rounds} switches; {by} transitions by version; {found.figure}", wrong)


def _stricter(first: Path) -> Path:
    """The same with shorter limits, so that some of what was right is wrong now."""
    file = first.with_name("stricter.yaml")
    text = first.read_text()
    changed = text.replace("stage_overstay: {days: 30}", "stage_overstay: {days: 5}")
    changed = changed.replace("contact_gap: {days: 30,", "contact_gap: {days: 4,").replace(
        "max_days: 21", "max_days: 6"
    )
    if changed == text or default_text() == changed:
        message = "the default playbook has other limits than this line knows"
        raise ValueError(message)
    file.write_text(changed)
    return file


def _publish(stage: Scene, file: Path, rng: Random) -> None:
    """Kill a publisher in the middle, publish again, and kill workers while they switch."""
    first = _publisher(stage, file)
    time.sleep(rng.uniform(0.0, LATEST_KILL_S))
    first.kill()
    first.communicate()
    say(f"a publisher was killed, exit code {first.returncode}")
    second = _publisher(stage, file)
    words, _ = second.communicate(timeout=PATIENCE_S)
    if second.returncode != 0:
        message = f"publishing ended with {second.returncode}: {words}"
        raise RuntimeError(message)
    say(f"published {file.name}")
    for name in rng.sample(["join-1", "detect-1", "detect-2", "notify-1", "route-1"], 2):
        time.sleep(rng.uniform(0.0, 1.0))
        stage.crew.workers[name].kill()
        stage.crew.workers[name].start()
        say(f"killed {name}")


def _publisher(stage: Scene, file: Path) -> subprocess.Popen[str]:
    environ = {**os.environ, **stage.site.environ, "SIGNALS_DATA_DIR": str(stage.site.folder / "publisher")}
    command = [sys.executable, "-m", "programs", "playbook", "publish", str(file)]
    return subprocess.Popen(
        command, env=environ, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _versions(records: Sequence[Record]) -> list[str]:
    return [decode_signal(record.value or b"").playbook for record in records]


def _elsewhere(logs: Logs, last: str) -> Iterator[str]:
    """Partitions of deal.events that do not end with the version that was published last."""
    for partition, versions in versions_of(logs).items():
        if versions[-1:] != [last]:
            yield f"partition {partition} ends with {versions[-1:]}, not with {last}"


LINE = Line(
    "publish",
    "playbooks published on the live system; a publisher and two workers killed each time",
    "every partition switches at its offset, the same on every worker: equal to the oracle, nothing twice",
    _run,
)
