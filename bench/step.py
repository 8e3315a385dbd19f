"""How many events one core decides in a second: `python bench/step.py [events] [--quick] [--profile] [--json]`.

Two thousand deals under the default playbook, on states in memory; processor time, the median of several runs:

* mixed: a plausible mix of fields, stages, close dates and activities, in order of time, thirty events a deal;
* hot: the same, half of all events on one deal;
* late: the same, 5 % up to two days late and 5 % twice;
* simulated: what the simulator's sales team does, with full records and intents, as it stands on `deal.events`.

`--profile` shows where the first of them goes, `--kinds` what each kind of event costs in it (the least of several
runs, so that a busy machine shows less).
"""

from __future__ import annotations

import cProfile
import gc
import json
import pstats
import random
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

import msgspec

from bench.events import deal_events
from bench.state_size import sizes, the_panel
from signals.judge import Panel, Stored
from signals.step import State, step
from topics.events import ActivityChanged, DealChanged, DealEvent, Scalar, event_id
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


def hot(events: Sequence[Stored]) -> list[Stored]:
    """The same events, every other one on one deal."""
    key = events[0].event.key
    return [
        msgspec.structs.replace(one, event=msgspec.structs.replace(one.event, key=key)) if n % 2 else one
        for n, one in enumerate(events)
    ]


def late(events: Sequence[Stored]) -> list[Stored]:
    """The same events, 5 % of them late by up to two days, 5 % of them twice."""
    dice = random.Random(11)  # noqa: S311 - the same each time
    coming: list[tuple[int, int, DealEvent]] = []
    for n, one in enumerate(events):
        event = one.event
        delay_us = dice.randrange(2 * DAY_US) if dice.randrange(20) == 0 else 0
        coming.append((event.at_us + delay_us, n, event))
        if dice.randrange(20) == 0:
            coming.append((event.at_us + delay_us + dice.randrange(DAY_US), n, event))
    coming.sort(key=lambda one: one[:2])
    return [Stored(event, offset) for offset, (_, _, event) in enumerate(coming)]


def simulated(count: int) -> list[Stored]:
    """What the simulator's sales team does: 40 events a deal."""
    return [Stored(event, offset) for offset, event in enumerate(deal_events(count // 40))]


MIXES: dict[str, Callable[[int], list[Stored]]] = {
    "mixed": stream,
    "hot": lambda count: hot(stream(count)),
    "late": lambda count: late(stream(count)),
    "simulated": simulated,
}


def in_memory(panel: Panel, events: Sequence[Stored]) -> None:
    """`step` alone."""
    states: dict[str, State | None] = {}
    for stored in events:
        key = stored.event.key
        states[key] = step(panel, states.get(key), stored).state


def per_second(panel: Panel, events: Sequence[Stored], rounds: int) -> float:
    """Events per second of processor time, the median of some rounds."""
    seconds: list[float] = []
    for _ in range(rounds):
        begin = time.process_time()
        in_memory(panel, events)
        seconds.append(time.process_time() - begin)
    return len(events) / median(seconds)


def by_kind(panel: Panel, events: Sequence[Stored], rounds: int = 5) -> dict[str, list[float]]:
    """Microseconds of each event by what it says, the least of some rounds; `+ due` where time had something to say."""
    least = [float("inf")] * len(events)
    names = [""] * len(events)
    for _ in range(rounds):
        states: dict[str, State | None] = {}
        for n, stored in enumerate(events):
            state = states.get(stored.event.key)
            due_us = None if state is None else state.now.due_us
            names[n] = _name(stored.event) + (" + due" if due_us is not None and due_us < stored.event.at_us else "")
            begin = time.perf_counter()
            states[stored.event.key] = step(panel, state, stored).state
            least[n] = min(least[n], time.perf_counter() - begin)
    found: dict[str, list[float]] = {}
    for name, seconds in zip(names, least, strict=True):
        found.setdefault(name, []).append(seconds * 1e6)
    return found


def _name(event: DealEvent) -> str:
    if not isinstance(event, DealChanged):
        return type(event).__name__
    return "created" if event.created else "full" if event.full else "/".join(sorted(event.fields))


def print_kinds(panel: Panel, events: Sequence[Stored]) -> None:
    """What each kind of event costs, and its share."""
    found = by_kind(panel, events)
    total = sum(map(sum, found.values()))
    for name, costs in sorted(found.items(), key=lambda one: -sum(one[1])):
        print(f"{name:28} {len(costs):7,} x {sum(costs) / len(costs):6.2f} us  {sum(costs) / total:4.0%}")
    print(f"{'all':28} {len(events):7,} x {total / len(events):6.2f} us")


def main() -> None:
    """Run the figures, or show where the first one goes."""
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    count = numbers[0] if numbers else 20_000 if "--quick" in sys.argv else 60_000
    panel = the_panel()
    if "--profile" in sys.argv or "--kinds" in sys.argv:
        events = stream(count)
        gc.freeze()  # the load itself is not what a worker holds
        if "--kinds" in sys.argv:
            print_kinds(panel, events)
            return
        profile = cProfile.Profile()
        profile.runcall(in_memory, panel, events)
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return
    figures: dict[str, float] = {}
    for name, make in MIXES.items():
        events = make(count)
        gc.collect()
        gc.freeze()
        figures[name] = per_second(panel, events, 3 if "--quick" in sys.argv else 5)
        print(f"step, {name:12} {figures[name]:10,.0f} events/s", flush=True)
    if "--json" in sys.argv:
        found = sizes(panel, 300 if "--quick" in sys.argv else 600)
        named = {f"{'step' if name == 'mixed' else name}_per_s": round(figure) for name, figure in figures.items()}
        named |= {"state_bytes": round(median(found.packed)), "value_bytes": round(median(found.kept))}
        print(json.dumps(named | {"memory_bytes": round(found.memory)}))


if __name__ == "__main__":
    main()
