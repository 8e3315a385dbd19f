"""CRMs that send webhooks to a running intake, and remember what they were answered.

As HubSpot does, each keeps a webhook until it was answered 200, and sends it again otherwise, sooner than HubSpot.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp

from engine.admin import read_all
from engine.children import dies_with_parent
from engine.ports import free_port
from engine.settings import Broker
from programs.configuration import secret_variable
from programs.intake.signatures import SIGNATURE_V3, TIMESTAMP, Signed, hubspot_v3
from programs.settings import INTAKE, PORTED

SOURCE = "crm"
TOPIC = f"crm.raw.{SOURCE}"
PUBLIC_URL = "https://signals.example.com"
PATH = f"/hubspot/{SOURCE}"
SECRET = "the secret of these senders"  # noqa: S105  # of no app
SETTINGS = f"""
[intake]
public_url = "{PUBLIC_URL}"
[[sources]]
kind = "hubspot"
name = "{SOURCE}"
"""
#: HubSpot gives up on an answer after five seconds.
HUBSPOT_S = 5.0
PAUSE_S = 0.2
READY_S = 60.0
STOP_S = 10.0


class Program:
    """`signals intake` as a process, on free ports that stay its own when it is started again."""

    def __init__(self, folder: Path, broker: Broker, source: str) -> None:
        self.port, self._web_port = free_port(), free_port()
        self._folder = folder
        (folder / "signals.toml").write_text(SETTINGS.replace(f'"{SOURCE}"', f'"{source}"'))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALS_", "SLACK_"))}
        self._environ: Mapping[str, str] = kept | {
            "SIGNALS_BROKER": broker.servers,
            "SIGNALS_INTAKE_PORT": str(self.port),
            "SIGNALS_WEB_PORT": str(self._web_port - PORTED.index(INTAKE)),
            secret_variable(source): SECRET,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        return 0 if self._process is None else self._process.pid

    @property
    def log(self) -> str:
        """All that it said."""
        return (self._folder / "intake.log").read_text(errors="replace")

    def start(self) -> None:
        """Start the process; `wait` says when it takes something in."""
        with (self._folder / "intake.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "programs", INTAKE],
                cwd=self._folder,
                env=self._environ,
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_parent(os.getpid()),  # noqa: PLW1509  # two system calls, no locks
            )

    def why_not_ready(self) -> str | None:
        """What /readyz holds against it."""
        try:
            urlopen(f"http://127.0.0.1:{self._web_port}/readyz", timeout=5).close()
        except HTTPError as error:
            return str(json.loads(error.read())["reasons"])
        except OSError as error:
            return str(error)
        return None

    def wait(self) -> None:
        """Return when it is ready. Raises TimeoutError with the end of its log."""
        deadline = time.monotonic() + READY_S
        while (why := self.why_not_ready()) is not None:
            if time.monotonic() > deadline:
                message = f"intake is not ready: {why}: {self.log[-2000:]}"
                raise TimeoutError(message)
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> tuple[int, float]:
        """Stop it in good order: its exit code, and how long it took. Raises `subprocess.TimeoutExpired`."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        code = 0 if self._process is None else self._process.wait(STOP_S)
        return code, time.monotonic() - began


@contextmanager
def program(folder: Path, broker: Broker, source: str = SOURCE) -> Iterator[Program]:
    """An intake for one source that is gone at the end, whatever happens."""
    running = Program(folder, broker, source)
    try:
        running.start()
        yield running
    finally:
        running.kill()


class Senders:
    """`with Senders(port):` sends from a thread of its own until the end, then until everything was answered 200."""

    def __init__(self, port: int, connections: int = 16, pad: int = 300) -> None:
        self._url = f"http://127.0.0.1:{port}{PATH}"
        self._connections, self._pad = connections, pad
        self.taken: set[int] = set()
        self.answers: Counter[str] = Counter()
        self.slowest_s = 0.0
        self._begun = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="senders")
        self.failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def finish(self, patience_s: float = 60.0) -> None:
        """Begin nothing more; return when all that was begun is answered 200, or when that takes too long."""
        self._over.set()
        self._thread.join(patience_s)

    def until_taken(self, more: int, patience_s: float = 60.0) -> None:
        """Return when so many more were answered 200. Raises TimeoutError."""
        wanted, deadline = len(self.taken) + more, time.monotonic() + patience_s
        while len(self.taken) < wanted:
            if time.monotonic() > deadline:
                message = f"{len(self.taken)} of {wanted} taken: {dict(self.answers)}"
                raise TimeoutError(message)
            time.sleep(0.02)

    @property
    def waiting(self) -> int:
        """How many were begun and not answered 200 yet."""
        return self._begun - len(self.taken)

    async def _run(self) -> None:
        patience = aiohttp.ClientTimeout(total=HUBSPOT_S + 1)
        connector = aiohttp.TCPConnector(limit=self._connections)
        async with aiohttp.ClientSession(timeout=patience, connector=connector) as session:
            await asyncio.gather(*(self._send_on(session) for _ in range(self._connections)))

    async def _send_on(self, session: aiohttp.ClientSession) -> None:
        while not self._over.is_set():
            number, self._begun = self._begun, self._begun + 1
            body = body_of(number, self._pad)
            while not await self._taken(session, body):  # noqa: ASYNC110  # as HubSpot does
                await asyncio.sleep(PAUSE_S)
            self.taken.add(number)

    async def _taken(self, session: aiohttp.ClientSession, body: bytes) -> bool:
        began = time.monotonic()
        try:
            async with session.post(self._url, data=body, headers=signed(body)) as answer:
                await answer.read()
                said = str(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = type(error).__name__
        else:  # a program that is killed or frozen answers nothing; what is answered is answered in time
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self.answers[said] += 1
        return said == "200"


def body_of(number: int, pad: int = 300) -> bytes:
    """A webhook that tells itself from every other."""
    return json.dumps([{"eventId": number, "pad": f"{number:x}" * (pad // len(f"{number:x}"))}]).encode()


def signed(body: bytes, source: str = SOURCE) -> dict[str, str]:
    """The headers that go with it, signed now."""
    timestamp = str(int(time.time() * 1000))
    signature = hubspot_v3(SECRET.encode(), Signed("POST", f"{PUBLIC_URL}/hubspot/{source}", body), timestamp)
    return {SIGNATURE_V3: signature, TIMESTAMP: timestamp}


def found(broker: Broker, pad: int = 300) -> Counter[int]:
    """How often each webhook stands on the topic. Raises ValueError for one that is not as it was sent."""
    numbers: Counter[int] = Counter()
    for record in read_all(broker, TOPIC):
        number = int(json.loads(record.value or b"")[0]["eventId"])
        if record.value != body_of(number, pad):
            message = f"webhook {number} is not as it was sent"
            raise ValueError(message)
        numbers[number] += 1
    return numbers


def wrong(senders: Senders, numbers: Counter[int]) -> list[str]:
    """Everything that must not be: an answer of 200 for what is not on the topic, one that came too late, or never."""
    lost = senders.taken - set(numbers)
    said = [f"{len(lost)} answered 200 and not on the topic, the first: {min(lost)}"] if lost else []
    if senders.slowest_s > HUBSPOT_S:
        said.append(f"an answer took {senders.slowest_s:.1f} s")
    if senders.waiting:
        said.append(f"{senders.waiting} were never answered 200")
    with contextlib.suppress(KeyError):
        said += [f"{count} answers of {code}" for code, count in senders.answers.items() if code in ("500", "401")]
    return said
