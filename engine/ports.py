"""Ports on loopback that are free now, and still are when the program starts that is told to take them.

A port that the system finds (port 0) is one of those that it also gives to whoever connects to something. Seen: until a
program had started, the connection of another one to the broker had its port, and kept it.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack
from pathlib import Path

LOWEST = 16_384
"""Below are the ports of services that have a name, and most of those that people choose."""

USUAL_END = 32_768
"""Where the ports of connections begin on Linux; elsewhere they begin later."""

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_ENOUGH = 1_024


def free_port(host: str = "127.0.0.1") -> int:
    """One port."""
    return free_run(1, host)


def free_run(length: int, host: str = "127.0.0.1") -> int:
    """The first of so many consecutive ports."""
    while True:
        first = LOWEST + secrets.randbelow(end() - length - LOWEST)
        try:
            with ExitStack() as stack:
                for port in range(first, first + length):
                    stack.enter_context(socket.socket()).bind((host, port))
        except OSError:
            continue
        return first


def end() -> int:
    """Below this port no connection begins, unless this machine leaves no such room."""
    found = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else USUAL_END
    return found if found > LOWEST + _ENOUGH else USUAL_END
