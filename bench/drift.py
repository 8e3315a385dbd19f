"""Which detector of a stage's pace: alarms and delays on `data/time_drift`, forward and reversed.

    python bench/drift.py            the table (ADWIN, Page-Hinkley, KSWIN need `river`; without it they are left out)
    python bench/drift.py --null     false alarms of the chosen one where nothing changes

An observation is a step between two events of a case, counted by its end. A delay is counted in observations from the
first that is changed; each detector is asked after every one of them.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from signals.drift import changes_of
from topics.instants import DAY_US, MINUTE_US, to_us

DATA = Path(__file__).parents[2] / "shared/data/time_drift"
LOGS = ("sudden_time_noise0_100", "sudden_time_noise0_500", "gradual_time_noise0_100")
#: A step that is shorter than this is a changed one (30 minutes became 5).
FAST_US = 10 * MINUTE_US
WINDOW = 50
LONG = 2000

Instants = npt.NDArray[np.int64]


class Log(NamedTuple):
    """Steps in the order of their ends, and the first that is changed."""

    name: str
    from_us: Instants
    until_us: Instants
    changed: int


def logs(folder: Path = DATA) -> Iterator[Log]:
    """Every log forward and reversed."""
    for name in LOGS:
        from_us, until_us = steps(folder / f"{name}_baseline.csv")
        fast = until_us - from_us < FAST_US
        yield Log(name, from_us, until_us, int(np.argmax(fast)))
        order = np.argsort(-from_us, kind="stable")
        slow = ~fast[order]
        yield Log(f"{name} reversed", -until_us[order], -from_us[order], int(np.argmax(slow)))


def steps(file: Path) -> tuple[Instants, Instants]:
    """From and until of every step, by its end."""
    cases: dict[str, list[tuple[int, int]]] = defaultdict(list)
    with file.open(encoding="utf-8") as rows:
        for number, row in enumerate(csv.DictReader(rows)):
            cases[row["case_index"]].append((to_us(datetime.fromisoformat(row["timestamp"])), number))
    found = sorted(
        (until, number, begun)
        for events in cases.values()
        for (begun, _), (until, number) in zip(sorted(events), sorted(events)[1:], strict=False)
    )
    return np.array([begun for _, _, begun in found]), np.array([until for until, _, _ in found])


def ours(log: Log) -> list[int]:
    """The CUSUM of `signals.drift`, asked as of each end; of a long log as of every fourth."""
    alarms: list[int] = []
    for place in range(0, len(log.until_us), 1 + 3 * (len(log.until_us) > LONG)):
        if len(changes_of(log.from_us, log.until_us, int(log.until_us[place]))) > len(alarms):
            alarms.append(place)
    return alarms


def log_rank(log: Log) -> list[int]:
    """A log-rank test of the last steps against those before them, since the last alarm."""
    alarms, base = [], 0
    lasted = log.until_us - log.from_us
    for place in range(2 * WINDOW, len(lasted)):
        if place - base < 2 * WINDOW:
            continue
        before, last = lasted[base : place - WINDOW], lasted[place - WINDOW : place]
        if stats.logrank(before, last).pvalue < 1e-6:  # noqa: PLR2004 - asked thousands of times
            alarms.append(place)
            base = place
    return alarms


def of_river() -> dict[str, Callable[[Log], list[int]]]:
    """The detectors of `river` over durations in units of the first hundred's mean; none where it is not there."""
    try:
        from river import drift  # noqa: PLC0415 - 100 MB with what it needs
    except ImportError:
        return {}

    def asked(make: Callable[[], drift.base.DriftDetector]) -> Callable[[Log], list[int]]:
        def alarms(log: Log) -> list[int]:
            detector, found = make(), []
            lasted = (log.until_us - log.from_us) / MINUTE_US
            scaled = lasted / lasted[:100].mean() if make is not drift.ADWIN else lasted
            for place, value in enumerate(scaled):
                detector.update(float(value))
                if detector.drift_detected:
                    found.append(place)
            return found

        return alarms

    return {
        "ADWIN": asked(drift.ADWIN),
        "Page-Hinkley, scaled": asked(drift.PageHinkley),
        "KSWIN": asked(lambda: drift.KSWIN(alpha=1e-4, seed=42)),
    }


def table() -> None:
    """Print alarms and delays."""
    detectors = {**of_river(), f"log-rank, {WINDOW} steps": log_rank, "CUSUM of scores": ours}
    for log in logs():
        print(f"{log.name}: {len(log.until_us):,} steps, the first changed is {log.changed}")
        for name, alarms_of in detectors.items():
            alarms = alarms_of(log)
            early = sum(one < log.changed for one in alarms)
            after = [one for one in alarms if one >= log.changed]
            delay = f"{after[0] - log.changed:4}" if after else "none"
            print(f"  {name:<24} alarms {len(alarms):3}  before the change {early:3}  delay {delay}", flush=True)


def null(runs: int = 100, count: int = 2000) -> None:
    """Print how often it is raised where nothing changes, as of an instant at which many stays are young."""
    draw = np.random.default_rng(3)
    raised = 0
    for _ in range(runs):
        from_us = np.sort(draw.uniform(0, 1000, count) * DAY_US).astype(np.int64)
        until_us = from_us + (draw.lognormal(3, 1, count) * DAY_US).astype(np.int64)
        raised += bool(changes_of(from_us, until_us, 1000 * DAY_US))
    print(f"lognormal stays, {count:,} each, as of the day the last began: {raised} alarms in {runs} runs")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--null", action="store_true")
    null() if parser.parse_args().null else table()
