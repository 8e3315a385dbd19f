"""How fast history replays, and raw records are taken in: `python bench/replay.py [--quick] [--json]`.

A simulated CRM with its web site (Change Data Capture and CloudEvents as they come, 850 and 300 bytes a record) is
replayed by the command itself, with one process and with one per core: reading, parsing, ordering, joining, judging
under the default playbook, writing every signal and every deal. Events are counted as records in; per core is by
processor time, all processes and their start together. Then the same records as tables: one change of a field per row.
At last what a record costs in `ingest`, by kind of source: parsed, counted, encoded, from a batch to its outputs.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml
from prometheus_client import CollectorRegistry

from engine.records import Batch, Record
from engine.state import Store
from programs.commands.simulate import write
from programs.crew import cores
from programs.ingest import MakeIngest
from programs.pieces import pieces
from signals.metrics import InputMetrics
from signals.simulate import Options
from topics.catalog import RAW_PREFIX
from topics.events import DealChanged
from topics.instants import rfc3339
from topics.outcomes import Accepted
from topics.sources.registry import parser
from topics.sources.source import Source, SourceKind
from topics.sources.tables.mapping import as_source

START_MS = 1_735_689_600_000  # 2025-01-01
DEALS, QUICK_DEALS = 8_000, 1_500
DAYS = 365
SIGNALS = Path(sys.executable).parent / "signals"
CRM = Source(name="salesforce", kind=SourceKind.SALESFORCE, tenant="default")
WEB = Source(name="web", kind=SourceKind.CLOUDEVENTS, tenant="default", deal_source="salesforce/default")
BATCH = 500
#: The columns of a history of single fields, as exports of field histories have them.
HEADING = ("opportunity", "at", "field", "value")
TYPES = {"amount": "number", "created_at": "instant", "close_date": "day"}


class Run(NamedTuple):
    """One run of the command: seconds by the wall and of processor time, and the most memory that a process took."""

    rows: int
    wall_s: float
    cpu_s: float
    memory_mb: float


class Case(NamedTuple):
    """A history and how it is replayed."""

    name: str
    folder: Path
    options: tuple[str, ...]


def histories(folder: Path, deals: int) -> Iterator[Case]:
    """The same CRM as its change stream and as a table."""
    crm, tables = folder / "crm", folder / "tables"
    write(crm, Options(seed=5, deals=deals, days=DAYS, start_ms=START_MS))
    yield Case("crm", crm, ("--source", "salesforce", "--source", "web"))
    tables.mkdir()
    names = _table(crm, tables / "history.csv")
    (folder / "mapping.yaml").write_text(yaml.safe_dump(_mapping(names)))
    yield Case("tables", tables, ("--source", "tables", "--mapping", str(folder / "mapping.yaml")))


def _table(crm: Path, file: Path) -> set[str]:
    """The deals' changes as rows of single fields; the fields that there are."""
    parse, names = parser(CRM), set[str]()
    with file.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(HEADING)
        for piece in pieces(crm, (CRM,)):
            for _, record in piece.records():
                for outcome in parse(record):
                    for event in outcome.events if isinstance(outcome, Accepted) else ():
                        if isinstance(event, DealChanged):
                            said = {name: value for name, value in event.fields.items() if value is not None}
                            names |= said.keys()
                            rows.writerows((event.key, rfc3339(event.at_us), *_cells(*one)) for one in said.items())
    return names


def _cells(name: str, value: object) -> tuple[str, str]:
    if name == "created_at" and isinstance(value, int):
        return name, rfc3339(value)
    return name, str(value).lower() if isinstance(value, bool) else str(value)


def _mapping(names: set[str]) -> dict[str, object]:
    columns: dict[str, dict[str, object]] = {name: {"to": name} for name in sorted(names)}
    for name in names & TYPES.keys():
        dated = {} if name == "amount" else {"format": "iso"}
        columns[name] |= {"type": TYPES[name], **dated}
    for name in names:
        if name.endswith("_confirmed"):
            columns[name]["type"] = "bool"
    table = {
        "kind": "history",
        "file": "history.csv",
        "deal": HEADING[0],
        "at": {"column": HEADING[1], "type": "instant", "format": "iso"},
        "changes": {"field": HEADING[2], "value": HEADING[3]},
        "columns": columns,
    }
    return {"version": 1, "tenant": "bench", "provides": ["close_date", "owners"], "tables": {"history": table}}


def replay(case: Case, jobs: int, out: Path) -> Run:
    """The command, in a process of its own."""
    command = [str(SIGNALS), "replay", str(case.folder), *case.options, "--jobs", str(jobs)]
    outputs = ["--output", str(out / "signals"), "--deals", str(out / "deals"), "--report", str(out / "report")]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*command, *outputs], check=True, cwd=out, env=_plain_environment())  # noqa: S603 - our own command
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows = int(json.loads((out / "report").read_text())["rows"])
    return Run(rows, wall_s, cpu_s, after.ru_maxrss / 1024)


def _plain_environment() -> dict[str, str]:
    """Without settings of whoever measures."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SIGNALS_")}


def taken_in(folder: Path, source: Source, most: int) -> float:
    """Microseconds of processor time that a record costs in `ingest`: the best of several rounds."""
    make = MakeIngest((source,), InputMetrics(CollectorRegistry(), (source.key,)))
    ingest = make(0, _NO_STORE)
    topic = RAW_PREFIX + source.name
    raw = [record for piece in pieces(folder, (source,)) for _, record in piece.records()][:most]
    records = [Record(topic, 0, n, one.timestamp_us, one.key, one.value) for n, one in enumerate(raw)]
    batches = [Batch(topic, 0, tuple(records[at : at + BATCH])) for at in range(0, len(records), BATCH)]

    async def all_of_them() -> None:
        for batch in batches:
            await ingest.process(batch)

    return best(lambda: asyncio.run(all_of_them())) / len(records) * 1e6


def parsed(folder: Path, source: Source, most: int) -> float:
    """Microseconds of processor time that a record costs to parse: the best of several rounds."""
    parse = parser(source)
    raw = [record for piece in pieces(folder, (source,)) for _, record in piece.records()][:most]

    def all_of_them() -> None:
        for record in raw:
            parse(record)

    return best(all_of_them) / len(raw) * 1e6


def best(work: Callable[[], object]) -> float:
    """The least processor time of seven runs: on a busy machine the others measure their neighbours."""
    times = []
    for _ in range(7):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


class _NoStore:
    """Ingest keeps no state."""

    def get(self, key: bytes) -> bytes | None:
        """Nothing is kept."""
        raise NotImplementedError(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Nothing is kept."""
        raise NotImplementedError(key, value)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Nothing is kept."""
        return iter(())

    async def flush(self) -> None:
        """Nothing is kept."""


_NO_STORE: Store = _NoStore()


def main() -> None:
    """Measure, and print lines or one object of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--deals", type=int, help="deals that the CRM begins")
    arguments.add_argument("--quick", action="store_true", help="fewer deals, each once")
    arguments.add_argument("--json", action="store_true", help="one object of JSON in the place of lines")
    given = arguments.parse_args()
    deals, rounds, jobs = given.deals or (QUICK_DEALS if given.quick else DEALS), 1 if given.quick else 3, cores()
    figures: dict[str, float] = {"jobs": jobs, "deals": deals}
    with tempfile.TemporaryDirectory(prefix="bench-replay-") as folder:
        for case in histories(Path(folder), deals):
            one = [replay(case, 1, Path(folder)) for _ in range(rounds)]
            every = [replay(case, jobs, Path(folder)) for _ in range(rounds)]
            figures |= {f"{case.name}_{name}": value for name, value in _of(one, every).items()}
        crm, most = Path(folder) / "crm", 20_000
        for source in (CRM, WEB):
            figures[f"parse_{source.kind}_us"] = round(parsed(crm, source, most), 1)
            figures[f"ingest_{source.kind}_us"] = round(taken_in(crm, source, most), 1)
        content = yaml.safe_load((Path(folder) / "mapping.yaml").read_text())
        figures["parse_tables_us"] = round(parsed(Path(folder) / "tables", as_source("tables", content), most), 1)
        figures["ingest_tables_us"] = round(taken_in(Path(folder) / "tables", as_source("tables", content), most), 1)
    figures |= {name: figures[f"crm_{name}"] for name in ("per_core_per_s", "wall_1_per_s", "wall_all_per_s")}
    if given.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:32} {value:>12,}")


def _of(one: list[Run], every: list[Run]) -> dict[str, float]:
    """Rates in records a second. A core: of all processes together, with one per core, the better of the two."""
    rows = one[0].rows
    return {
        "rows": rows,
        "per_core_per_s": round(rows / min(median_cpu(one), median_cpu(every))),
        "per_core_1_per_s": round(rows / median_cpu(one)),
        "per_core_all_per_s": round(rows / median_cpu(every)),
        "wall_1_per_s": round(rows / statistics.median(run.wall_s for run in one)),
        "wall_all_per_s": round(rows / statistics.median(run.wall_s for run in every)),
        "memory_1_mb": round(max(run.memory_mb for run in one)),
        "memory_all_mb": round(max(run.memory_mb for run in every)),
    }


def median_cpu(runs: list[Run]) -> float:
    """Seconds of processor time."""
    return statistics.median(run.cpu_s for run in runs)


if __name__ == "__main__":
    main()
