"""A demo of which nothing came says why: who died, who does not do its work, and what they logged last."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from engine.ports import free_port
from programs.demo.health import SHOWN, complaints, not_ready
from programs.supervisor import Child


@contextmanager
def readiness(reasons: Mapping[str, str]) -> Iterator[str]:
    """A program's metrics address, beside which /readyz answers as it does."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/readyz"
            self.send_response(503 if reasons else 200)
            self.end_headers()
            self.wfile.write(json.dumps({"ready": not reasons, "reasons": reasons, "lag": {}}).encode())

        def log_message(self, *_: object) -> None:
            """Not on the tests' output."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/metrics"
        finally:
            server.shutdown()
            thread.join()


def test_who_does_not_do_its_work_is_named_with_all_reasons() -> None:
    reasons = {"partitions": "no partitions assigned yet", "lag": "people.events waits"}
    with readiness({}) as detect, readiness(reasons) as join:
        away = f"http://127.0.0.1:{free_port()}/metrics"
        assert not_ready({"detect": detect, "join": join, "send": away}) == {
            "join": "no partitions assigned yet; people.events waits",
            "send": "it does not answer",
        }


def test_complaints_are_deaths_readiness_and_the_last_words(tmp_path: Path) -> None:
    said = [("info", "serving"), ("warning", "slow"), ("error", "slower"), ("info", "well"), ("warning", "slowest")]
    lines = [json.dumps({"event": event, "level": level}) for level, event in said]
    (tmp_path / "join.log").write_text("\n".join([*lines, ""]))
    (tmp_path / "route.log").write_text("Traceback (most recent call last):\n\nKeyError: 'x'\n")
    programs = [Child(name, [], {}) for name in ("detect", "join", "route")]
    programs[1].restarts = 2
    with readiness({}) as well, readiness({"failure": "it failed"}) as ill:
        found = list(complaints(programs, {"detect": well, "join": ill, "route": well}, tmp_path))
    assert SHOWN == 2
    assert found == [
        "join died and was started again (2)",
        "join is not ready: it failed",
        f"join says: {lines[2]}",
        f"join says: {lines[4]}",
        "route says: Traceback (most recent call last):",
        "route says: KeyError: 'x'",
    ]
