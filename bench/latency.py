"""From a change on the CRM's topic to its signal: `python bench/latency.py [changes a second] [seconds]`.

Starts `signals up` with an embedded broker on free ports, sends close dates that move far enough to open a signal each,
and compares the timestamps that the broker's records carry: the raw record's (when it was sent) and the signal's (when
it was written). Two hops: ingest and detect. One machine runs everything, this program included.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from kafka import KafkaProducer

from engine.admin import read_all
from engine.settings import Broker
from topics.catalog import DEAL_SIGNALS
from topics.codec import decode_signal
from topics.events import deal_key
from topics.signals import Kind

RAW = "crm.raw.salesforce"
SOURCE = "salesforce/default"


def change(number: int, kind: str, close_date: str) -> bytes:
    """A change event of one opportunity, as CometD sends it."""
    record = f"006{number:012d}AAA"
    now_ms = time.time_ns() // 1_000_000
    header = {
        "entityName": "Opportunity",
        "recordIds": [record],
        "changeType": kind,
        "changedFields": ["CloseDate"],
        "transactionKey": f"{kind}-{number}",
        "sequenceNumber": 1,
        "commitTimestamp": now_ms,
        "commitNumber": now_ms,
        "commitUser": "005000000000001AAA",
    }
    payload = {"ChangeEventHeader": header, "StageName": "Prospecting", "CloseDate": close_date}
    return json.dumps({"data": {"payload": payload, "event": {"replayId": number}}}).encode()


@contextmanager
def running(folder: Path) -> Iterator[Broker]:
    """`signals up`, ready."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALS_", "SLACK_"))}
    environ = kept | {"SIGNALS_DATA_DIR": str(folder), "SIGNALS_WEB_PORT": "0"}
    command = [sys.executable, "-m", "programs", "up"]
    with (folder / "log").open("w") as log:
        up = subprocess.Popen(command, env=environ, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603 - our own program
    try:
        said: dict[str, str] = {}
        while "send" not in said:
            words = (up.stdout.readline() if up.stdout else "").split()
            said |= {words[0]: words[-1]} if words else {}
        for name in ("ingest", "join", "detect", "route", "notify", "send"):
            wait_until_ready(said[name].replace("/metrics", "/readyz"))
        yield Broker(said["broker"])
    finally:
        up.terminate()
        up.communicate(timeout=15)


def wait_until_ready(address: str) -> None:
    """Return when the program says that it is ready; for at most 40 s."""
    for _ in range(200):
        try:
            urlopen(address, timeout=2).close()  # noqa: S310 - a loopback address that `up` printed
        except URLError:
            time.sleep(0.2)
        else:
            return
    message = f"not ready: {address}"
    raise TimeoutError(message)


def waits_of(broker: Broker, sent: dict[str, int]) -> Iterator[int]:
    """Milliseconds from each change to its signal."""
    for record in read_all(broker, DEAL_SIGNALS):
        signal = None if record.value is None else decode_signal(record.value)
        if signal is not None and signal.kind is Kind.CLOSE_DATE_PUSHED:
            yield record.timestamp_us // 1000 - sent[signal.subject_key]


def main(rate: int, seconds: int) -> None:
    """Create the deals, then push their close dates at a steady rate."""
    count = rate * seconds
    with tempfile.TemporaryDirectory(prefix="deal-signals-bench-") as folder, running(Path(folder)) as broker:
        producer = KafkaProducer(**broker.client_options(), acks=1, linger_ms=0)
        for number in range(count):
            producer.send(RAW, key=f"{number}".encode(), value=change(number, "CREATE", "2030-01-15"))
        producer.flush()
        time.sleep(5)
        sent: dict[str, int] = {}
        began = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            sent[deal_key(SOURCE, f"006{number:012d}AAA")] = time.time_ns() // 1_000_000
            producer.send(RAW, key=f"{number}".encode(), value=change(number, "UPDATE", "2030-06-20"))
        producer.close()
        time.sleep(5)
        waits = list(waits_of(broker, sent))
    if not waits:
        sys.exit("no signal came out")
    cuts = statistics.quantiles(waits, n=100)
    figures = f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, max {max(waits)} ms"
    print(f"{len(waits)} of {count} signals at {rate}/s: {figures}")


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["100", "20"][len(sys.argv) - 1 :])))
