"""How fast files are read for a load, and how much memory that takes: `python bench/load.py [--rows N] [--kafka]`.

Ten million rows of a history that stands by deal, not by time, so all of it is sorted on disk; the same as weekly
snapshots, each compared with the one before; and one that is sorted already. Each is read in a process of its own,
which says its peak memory; the limit is 500 MB. With --kafka the history is also loaded by the command, onto Apache
Kafka.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import yaml

from programs.files.memory import Memory
from programs.files.rows import Reread, rows_of
from topics.sources.tables.mapping import load

ROWS, QUICK_ROWS = 10_000_000, 300_000
LIMIT_MB = 500
SETTINGS = '[[sources]]\nname = "bench"\nkind = "tables"\nmapping = "mapping.yaml"\n'
DAY = {"type": "day", "format": "iso"}
COLUMNS = {"stage": "stage", "amount": {"to": "amount", "type": "number"}, "owner": "owner_id"}
STAGES = ("Prospecting", "Qualification", "Proposal", "Negotiation", "Won", "Lost")
FIRST = date(2023, 1, 1)


def mapping(**table: object) -> dict[str, object]:
    """The mapping of one table."""
    return {"tenant": "bench", "tables": {"deals": {"file": "*.csv", "deal": "id", "columns": COLUMNS, **table}}}


def by_deal(rows: int) -> Iterator[str]:
    """Ten changes of each deal below each other."""
    chance = random.Random(1)  # noqa: S311 -- rows that repeat
    for n in range(rows):
        day = FIRST + timedelta(days=chance.randrange(700))
        yield f"D{n // 10},{day},{STAGES[n % 6]},{n % 5000}.5,owner {n % 300}"


def by_time(rows: int) -> Iterator[str]:
    """The changes in order of time."""
    for n in range(rows):
        day = FIRST + timedelta(days=700 * n // rows)
        yield f"D{n * 7919 % (rows // 10 + 1)},{day},{STAGES[n % 6]},{n % 5000}.5,owner {n % 300}"


def weekly(rows: int) -> Iterator[str]:
    """Ten weeks of all deals, of which one in ten is another than the week before."""
    deals = rows // 10
    for n in range(rows):
        week, deal = divmod(n, deals)
        changes = week if deal % 10 == week else 0
        yield f"D{deal},{FIRST + timedelta(weeks=week)},{STAGES[changes % 6]},{deal % 5000}.5,owner {deal % 300}"


AT = {"column": "at", **DAY}
KINDS: dict[str, tuple[Callable[[int], Iterator[str]], dict[str, object]]] = {
    "history, by deal": (by_deal, mapping(kind="history", at=AT)),
    "history, sorted": (by_time, mapping(kind="history", at=AT, sorted=True)),
    "weekly snapshots": (weekly, mapping(kind="snapshot", at=AT)),
}


def write(folder: Path, lines: Iterator[str]) -> int:
    """Write the file; its bytes."""
    path = folder / "deals.csv"
    with path.open("w") as file:
        file.write("id,at,stage,amount,owner\n")
        file.writelines(f"{line}\n" for line in lines)
    return path.stat().st_size


def read(folder: Path, kind: str) -> None:
    """Read one kind to its last record and say what that took; in a process of its own."""
    began_s, cpu_s = time.monotonic(), time.process_time()
    memory = Memory(folder / "memory.sqlite")
    rows = sum(1 for _ in rows_of(folder, load(KINDS[kind][1]), Reread(memory)))
    memory.commit()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(rows, time.monotonic() - began_s, time.process_time() - cpu_s, peak_mb)


def measured(kind: str, rows: int) -> bool:
    """Print one line of the table; whether it keeps the limit."""
    with tempfile.TemporaryDirectory(prefix="signals-bench-") as name:
        size = write(Path(name), KINDS[kind][0](rows))
        command = [sys.executable, __file__, "--read", kind, "--folder", name]
        environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603 -- itself
    count, wall_s, cpu_s, peak_mb = int(said[0]), *map(float, said[1:])
    said_line(kind, count, size, wall_s, cpu_s, peak_mb)
    return peak_mb < LIMIT_MB


def said_line(*cells: str | float) -> None:
    """Print a line of the table: what, rows, bytes, seconds by the wall and of CPU, peak memory in MB."""
    what, rows, size, wall_s, cpu_s, peak_mb = cells
    speed, cost = float(rows) / float(wall_s), 1e6 * float(cpu_s) / float(rows)
    figures = (f"{rows:,}", f"{float(size) / 1e6:,.0f}", f"{speed:,.0f}", f"{cost:.1f}", f"{peak_mb:.0f}")
    print(f"| {what} | {' | '.join(figures)} |", flush=True)


def loaded(rows: int) -> None:
    """Load a history by the command, onto Apache Kafka, and print the line."""
    from engine.admin import apply  # noqa: PLC0415 - only this part needs a broker
    from engine.settings import Broker  # noqa: PLC0415 - the same
    from programs.commands.topics import specs  # noqa: PLC0415 - the same
    from programs.startup import prepare  # noqa: PLC0415 - the same
    from tests.brokers.apache import kafka_cluster  # noqa: PLC0415 - the same

    make, data = KINDS["history, by deal"]
    with tempfile.TemporaryDirectory(prefix="signals-bench-") as name, kafka_cluster() as cluster:
        folder = Path(name)
        (folder / "files").mkdir()
        size = write(folder / "files", make(rows))
        (folder / "mapping.yaml").write_text(yaml.safe_dump(data))
        (folder / "signals.toml").write_text(SETTINGS)
        environ = os.environ | {"SIGNALS_BROKER": cluster.servers, "PYTHONPATH": str(Path(__file__).parents[1])}
        apply(Broker(cluster.servers), specs(prepare(environ, folder)), replication=1)
        began_s = time.monotonic()
        command = [sys.executable, "-m", "programs", "load", "files", "--source", "bench", "--as-live"]
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL)  # noqa: S603 -- ours
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - began_s
        if status:
            sys.exit(f"signals load ended with {os.waitstatus_to_exitcode(status)}")
    said_line("loaded onto Kafka", rows, size, wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main() -> int:
    """Run all, print a table; 1 where a limit is broken."""
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=ROWS)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--only", choices=KINDS)
    options.add_argument("--kafka", action="store_true")
    options.add_argument("--read", choices=KINDS, help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.read:
        read(chosen.folder, chosen.read)
        return 0
    rows = QUICK_ROWS if chosen.quick else chosen.rows
    print("| what | rows | MB | rows/s | CPU us/row | peak MB |\n|---|---|---|---|---|---|", flush=True)
    kept = [measured(kind, rows) for kind in ([chosen.only] if chosen.only else KINDS)]
    if chosen.kafka:
        loaded(rows)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
