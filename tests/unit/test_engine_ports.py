"""A port that is free now must still be free when a program that is being started takes it."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

import pytest

from engine import ports
from engine.ports import LOWEST, USUAL_END, end, free_port, free_run


def test_no_connection_begins_at_a_port_that_was_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        begins = client.getsockname()[1]
    for _ in range(20):
        first = free_run(7)
        assert first >= LOWEST
        assert first + 7 <= end() <= begins


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("32768\t60999\n", 32_768),
        ("40000\t65535\n", 40_000),
        ("1024\t65535\n", USUAL_END),  # connections begin everywhere: nothing is better than another
        (None, USUAL_END),
    ],
)
def test_where_connections_begin_is_asked(
    text: str | None, wanted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ip_local_port_range"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(ports, "_RANGE", file)
    assert end() == wanted


def test_a_run_that_is_taken_in_part_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    free, taken = free_run(3), free_port()
    drawn = iter((taken - 2 - LOWEST, free - LOWEST))
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(drawn))
    with socket.create_server(("127.0.0.1", taken)):
        assert free_run(3) == free
