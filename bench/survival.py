"""Fitting baselines: what five million stays cost, and whether `lifelines` agrees.

python bench/survival.py                  time and memory of a fit of 5,000,000 stays, from the records of the topic
python bench/survival.py --stays N        of as many
python bench/survival.py --golden         write tests/golden/survival/lifelines.json (needs `lifelines`)
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from signals.fitting import fit, samples_of
from topics.codec import encode
from topics.dwells import Dwell, decode_dwell
from topics.instants import DAY_US, parse_rfc3339

GOLDEN = Path(__file__).parents[1] / "tests/golden/survival/lifelines.json"
NOW_US = parse_rfc3339("2026-01-01T00:00:00Z")
STAGES, SEGMENTS = 8, 5
#: The share of stays that run on for no reason.
STILL_OPEN = 0.1
SHARES = ("0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.975")


def records(count: int) -> Iterator[bytes]:
    """Stays as they stand on the topic, lognormal, one in five still running."""
    draw = Random(5)  # noqa: S311 - the same stays every time
    for number in range(count):
        from_us = NOW_US - int(draw.uniform(1, 700) * DAY_US)
        until_us = from_us + int(draw.lognormvariate(2.5, 1) * DAY_US)
        ended = until_us < NOW_US and draw.random() > STILL_OPEN
        yield encode(
            Dwell(
                deal=f"crm/acme:{number // STAGES}",
                entry=f"{number:020x}",
                pipeline="Sales",
                stage=f"Stage {number % STAGES}",
                segment=f"segment {number // STAGES % SEGMENTS}",
                from_us=from_us,
                until_us=until_us if ended else None,
                outcome="won" if ended and number % 3 else "open",
                closed_us=until_us if ended and number % 3 else None,
            )
        )


def measure(count: int) -> None:
    """Print what reading and fitting took."""
    began = time.process_time()
    samples = samples_of(decode_dwell(one) for one in records(count))
    read = time.process_time()
    baselines = fit(samples, NOW_US)
    done = time.process_time()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"stays      {samples.n:,} in {STAGES} stages and {SEGMENTS} segments, {len(baselines.rows)} rows")
    print(f"made, read {read - began:6.1f} s of one core")
    print(f"fitted     {done - read:6.1f} s of one core")
    print(f"peak       {peak_mb:6,.0f} MB")


def golden() -> None:
    """Write samples with the answers of `lifelines`."""
    import lifelines  # noqa: PLC0415 - 300 MB with what it needs, and only this asks for it
    from lifelines.utils import qth_survival_times  # noqa: PLC0415 - the same

    draw, samples = Random(7), []  # noqa: S311 - the same
    for name, size, longest, censored in (
        ("few", 8, 10, 0.3),
        ("ties", 60, 12, 0.4),
        ("all ended", 50, 40, 0.0),
        ("mostly running", 80, 30, 0.8),
        ("many", 400, 2000, 0.3),
    ):
        durations = [draw.randint(0, longest) for _ in range(size)]
        ended = [int(draw.random() >= censored) for _ in range(size)]
        fitted = lifelines.KaplanMeierFitter().fit(durations, ended)
        at = sorted(draw.sample(range(longest + 1), min(10, longest)))
        # Its curve is a sum of logarithms: where it is 0.75 on paper it may say 0.7500000000000001, and miss the step.
        exact = fitted.survival_function_.round(12)
        times = {share: float(qth_survival_times(round(1 - float(share), 12), exact)) for share in SHARES}
        samples.append(
            {
                "name": name,
                "durations": durations,
                "ended": ended,
                "quantiles": {share: None if time == float("inf") else int(time) for share, time in times.items()},
                "at": at,
                "survival": [float(each) for each in fitted.survival_function_at_times(at)],
            }
        )
    document: dict[str, Any] = {"by": f"lifelines {lifelines.__version__}", "samples": samples}
    GOLDEN.write_text(json.dumps(document) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--stays", type=int, default=5_000_000)
    parser.add_argument("--golden", action="store_true")
    asked = parser.parse_args()
    golden() if asked.golden else measure(asked.stays)
