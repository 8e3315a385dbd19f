"""How large a deal's state is: `PYTHONPATH=. python bench/state_size.py [--train]`.

The open deals of a simulated sales team after 60 days: what msgpack makes of their states, what stands in the store,
and what a deal costs in memory, with its key and its places in the store and the heap. `--train` prints a new
dictionary (`signals/dictionary.py`) instead, from deals whose names and texts are replaced by noise, so that it holds
the form of states and nobody's data. A new dictionary is a new form of a state (`signals/migrations.py`).
"""

from __future__ import annotations

import base64
import random
import string
import sys
import textwrap
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

import msgspec
import zstandard

import playbook
from bench.events import deal_events
from playbook.load import load
from signals.emit import Position
from signals.judge import Panel, Stored, panel_of
from signals.kept import read_kept
from signals.keyed import DictStore
from signals.packing import pack
from signals.partition import META_KEY, Partition
from signals.rules import Rules
from signals.step import State
from topics.events import ActivityChanged, DealChanged, DealEvent, Scalar, Tick

TRAINED_ON, MEASURED_ON = (101, 102, 103), 7
DICTIONARY_BYTES = 8192
#: Texts that a team shares, and that playbooks know; all others are noise to the dictionary.
SHARED = ("stage", "forecast_category", "currency", "close_date")
_encode = msgspec.msgpack.Encoder().encode


class Sizes(NamedTuple):
    """Bytes of open deals: their states as msgpack, packed, with a head in the store, and in memory with all."""

    plain: list[int]
    packed: list[int]
    kept: list[int]
    memory: float


def the_panel() -> Panel:
    """The panel of the playbook that ships."""
    text = (Path(playbook.__file__).parent / "default.yaml").read_text()
    loaded = load(text, "default.yaml")
    return panel_of(Rules(loaded.playbook, loaded.hash))


def folded(panel: Panel, events: Iterable[DealEvent]) -> DictStore:
    """The store of a partition after these events, and a tick at their end."""
    store = DictStore()
    partition = Partition(panel, store, Position("deal.events", 0))
    last_us = 0
    batch: list[Stored] = []
    for offset, event in enumerate(events):
        batch.append(Stored(event, 3 * offset))
        last_us = max(last_us, event.at_us)
    partition.fold([*batch, Stored(Tick(id="end", key="", source="", at_us=last_us), 3 * len(batch))])
    return store


def open_deals(store: DictStore) -> list[tuple[bytes, bytes, State]]:
    """Key, value and state of each deal that is in an open stage."""
    deals = [(key, value, read_kept(value).state) for key, value in store.items() if key != META_KEY]
    return [one for one in deals if one[2].now.ended_us is None]


def sizes(panel: Panel, deals: int = 500) -> Sizes:
    """What the open deals of a simulated team cost."""
    found = open_deals(folded(panel, deal_events(deals, seed=MEASURED_ON)))
    tracemalloc.start()
    store = DictStore()
    for key, value, _ in found:
        store.put(bytes(bytearray(key)), bytes(bytearray(value)))  # copies, so that they are counted
    partition = Partition(panel, store, Position("deal.events", 0))
    memory = tracemalloc.get_traced_memory()[0] / len(found)
    tracemalloc.stop()
    if partition.known_deals != len(found):
        raise ValueError(partition.known_deals)
    plain = [_encode(state) for _, _, state in found]
    return Sizes([*map(len, plain)], [len(pack(one)) for one in plain], [len(value) for _, value, _ in found], memory)


def train(panel: Panel) -> bytes:
    """A dictionary of the form of states."""
    states: list[bytes | bytearray | memoryview] = []
    for seed in TRAINED_ON:
        noise = _noise(random.Random(seed))  # noqa: S311 - the same each time
        events = (_unnamed(event, noise) for event in deal_events(400, seed=seed))
        states += [_encode(state) for _, _, state in open_deals(folded(panel, events))]
    return zstandard.train_dictionary(DICTIONARY_BYTES, states).as_bytes()


def _unnamed(event: DealEvent, noise: Callable[[str], str]) -> DealEvent:
    if isinstance(event, DealChanged):
        return msgspec.structs.replace(event, fields=_fields(event.fields, SHARED, noise))
    if isinstance(event, ActivityChanged):
        fields = _fields(event.fields, ("deal", "channel", "direction"), noise)
        return msgspec.structs.replace(event, activity=noise(event.activity), fields=fields)
    return event


def _fields(fields: dict[str, Scalar], shared: tuple[str, ...], noise: Callable[[str], str]) -> dict[str, Scalar]:
    return {
        name: noise(value) if isinstance(value, str) and name not in shared else value for name, value in fields.items()
    }


def _noise(dice: random.Random) -> Callable[[str], str]:
    """A text of the same length, the same for the same text."""
    known: dict[str, str] = {}
    letters = string.ascii_letters + string.digits
    return lambda text: known.setdefault(text, "".join(dice.choices(letters, k=len(text))))


def main() -> None:
    """Print the sizes, or a dictionary."""
    panel = the_panel()
    if "--train" in sys.argv:
        print("\n".join(textwrap.wrap(base64.b85encode(train(panel)).decode(), 112)))
        return
    found = sizes(panel)
    for name, values in (
        ("state as msgpack", found.plain),
        ("state packed", found.packed),
        ("with its head", found.kept),
    ):
        by_size = sorted(values)
        p90 = by_size[9 * len(by_size) // 10]
        print(f"{name:20} mean {fmean(values):7,.0f}  median {median(values):7,.0f}  p90 {p90:7,} bytes")
    print(f"{'memory per deal':20} {found.memory:12,.0f} bytes ({len(found.kept)} open deals)")


if __name__ == "__main__":
    main()
