"""`bench/results.md`: the table of a run with what a reader must know to believe it."""

from __future__ import annotations

from collections.abc import Sequence

from bench.race import CONTENDERS
from bench.table import Row, markdown

PAGE = """\
# What was measured last

Written by `make bench` ({form}). {machine}.

The broker runs on the same machine. Contenders take turns, each in a process of its own that reads the same topic
from its beginning. Figures are medians of the rounds, in brackets the slowest and the fastest; a ratio is formed within
each round before its median is taken. Processor time is that of the contender's process, all its threads, without the
broker's.

{table}

## Who runs

The events of 10,000 simulated deals over 60 days, as ingest and join put them on `deal.events`: half of them changes
of deals, 38 % activities, the rest intents; without ticks; four partitions; one event in three says something. `step`,
decoding, criteria and the bytes of a state are the product's own for all but Kafka Streams.

| contender | with each event |
|---|---|
{contenders}

Peers run with their defaults where their guides to throughput name nothing better: Faust with its buffer of 4,096
events and a commit each 2.8 s, Quix Streams with a checkpoint each 5 s and a linger of 20 ms, Kafka Streams with one
thread, its record cache, and a virtual machine that has read the topic once before it is measured. Only `detect` and
`kafka-streams-once` are exactly once.

More figures of our own: `bench/engine_batches.py` (the shell against a plain agent), `bench/engine_commits.py` (a
transaction), `bench/state_size.py`, `bench/sizes.py` (the constants of `docs/scale.md`).
"""


def page(rows: Sequence[Row], machine: str, *, quick: bool) -> str:
    """The results as a page."""
    contenders = "\n".join(f"| {each.name} | {each.does} |" for each in CONTENDERS)
    form = "the short form" if quick else "the full form"
    return PAGE.format(form=form, machine=machine, table=markdown(rows), contenders=contenders)
