"""How many events one core decides in a second: `python bench/step.py [events] [--profile]`.

Two thousand deals under the default playbook, with a plausible mix of fields, stages, close dates and activities. Two
figures, of processor time: `step` on states in memory, and a partition that decodes and encodes states, keeps the sums
and draws the views, in batches of 500 with a tick each simulated half hour. `--profile [--partition]` shows where it
goes.
"""

from __future__ import annotations

import cProfile
import gc
import pstats
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import playbook
from playbook.load import load
from signals.emit import Position
from signals.judge import Panel, Stored, panel_of
from signals.keyed import DictStore
from signals.partition import Partition
from signals.rules import Rules
from signals.step import State, step
from topics.events import ActivityChanged, DealChanged, DealEvent, Scalar, Tick, event_id
from topics.instants import DAY_US, HOUR_US, parse_rfc3339

START_US = parse_rfc3339("2024-03-01T00:00:00Z")
STAGES = ("Prospecting", "Qualification", "Needs Analysis", "Proposal/Price Quote", "Negotiation/Review")
DEALS = 2000


def _changes(dice: random.Random) -> dict[str, Scalar]:
    """One change as people make them: mostly one field, and rarely the stage."""
    makers: tuple[dict[str, Scalar], ...] = (
        {"stage": dice.choice(STAGES)},
        {"close_date": f"2024-{dice.randint(4, 9):02d}-{dice.randint(1, 28):02d}"},
        {"amount": float(dice.randint(1, 200) * 1000)},
        {dice.choice(("need_confirmed", "budget_confirmed", "authority_confirmed")): dice.choice((True, True, False))},
        {"next_step": f"step {dice.randint(1, 99)}"},
    )
    return dice.choices(makers, weights=(3, 4, 3, 4, 6))[0]


def stream(count: int) -> list[Stored]:
    """Events in order of time over 60 days."""
    dice = random.Random(7)  # noqa: S311 - a repeatable load, not a secret
    events: list[DealEvent] = []
    for n in range(count):
        key = f"crm/acme:{dice.randrange(DEALS)}"
        at_us = START_US + round(60 * DAY_US * n / count)
        identity = event_id(n)
        if n < DEALS:
            key = f"crm/acme:{n}"
            fields: dict[str, Scalar] = {"stage": "Prospecting", "amount": 30000.0, "close_date": "2024-06-30"}
            events.append(
                DealChanged(id=identity, key=key, source="crm/acme", at_us=at_us, fields=fields, created=True)
            )
        elif dice.randrange(3) == 0:
            said: dict[str, Scalar] = {
                "at_us": at_us + dice.randint(-24, 72) * HOUR_US,
                "done": dice.choice((True, False)),
            }
            name = f"t{dice.randrange(6)}"
            events.append(
                ActivityChanged(
                    id=identity,
                    key=key,
                    source="crm/acme",
                    at_us=at_us,
                    activity=name,
                    fields=said,
                    change=identity,
                    version=1,
                )
            )
        else:
            events.append(DealChanged(id=identity, key=key, source="crm/acme", at_us=at_us, fields=_changes(dice)))
    return [Stored(event, offset) for offset, event in enumerate(events)]


def the_panel() -> Panel:
    """The panel of the playbook that ships."""
    text = (Path(playbook.__file__).parent / "default.yaml").read_text()
    loaded = load(text, "default.yaml")
    return panel_of(Rules(loaded.playbook, loaded.hash))


def in_memory(panel: Panel, events: list[Stored]) -> int:
    """`step` alone."""
    states: dict[str, State | None] = {}
    for stored in events:
        key = stored.event.key
        states[key] = step(panel, states.get(key), stored).state
    return len(events)


def through_a_partition(panel: Panel, events: list[Stored]) -> int:
    """Encoded states, batches, sums, views, a tick every simulated half hour."""
    partition = Partition(panel, DictStore(), Position("deal.events", 0))
    ticked_us = START_US
    for first in range(0, len(events), 500):
        batch = events[first : first + 500]
        last_us = batch[-1].event.at_us
        if last_us - ticked_us > HOUR_US // 2:
            ticked_us = last_us
            tick = Tick(id=event_id("tick", last_us), key="", source="", at_us=last_us)
            batch.append(Stored(tick, batch[-1].offset))
        partition.fold(batch)
    return len(events)


def timed(name: str, work: Callable[[], int]) -> None:
    """Print events per second, the best of two."""
    best = 0.0
    for _ in range(2):
        begin = time.process_time()
        count = work()
        best = max(best, count / (time.process_time() - begin))
    print(f"{name:24} {best:10,.0f} events/s")


def main() -> None:
    """Run the figures, or a profile of the first."""
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    events, panel = stream(numbers[0] if numbers else 60_000), the_panel()
    gc.freeze()  # the load itself is not what a worker holds
    if "--profile" in sys.argv:
        profile = cProfile.Profile()
        profile.runcall(through_a_partition if "--partition" in sys.argv else in_memory, panel, events)
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return
    timed("step", lambda: in_memory(panel, events))
    timed("partition", lambda: through_a_partition(panel, events))


if __name__ == "__main__":
    main()
