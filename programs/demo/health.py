"""How the demo's programs are: whether each does its work, and what those have to say of which nothing came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import msgspec

from programs.supervisor import Child

#: A program's complaints that are shown, the last ones.
SHOWN = 2
_COMPLAINTS = frozenset({"warning", "error", "critical"})
_LONGEST = 300


class _Readiness(msgspec.Struct):
    """What /readyz answers."""

    reasons: dict[str, str] = {}


class _Line(msgspec.Struct):
    """A line of a program's log."""

    event: str
    level: str = ""


_readiness = msgspec.json.Decoder(_Readiness).decode
_line = msgspec.json.Decoder(_Line).decode


def not_ready(addresses: Mapping[str, str]) -> dict[str, str]:
    """The programs that do not do their work (yet), and why. `addresses`: where each answers /metrics."""
    asked = ((name, why_not_ready(address.removesuffix("/metrics"))) for name, address in addresses.items())
    return {name: why for name, why in asked if why}


def why_not_ready(address: str) -> str:
    """What the program at this address (`http://host:port`) says stands against it; empty when nothing does."""
    try:
        with urlopen(f"{address}/readyz", timeout=2):  # noqa: S310 - our own programs' loopback addresses
            return ""
    except HTTPError as error:
        with error:
            return "; ".join(_readiness(error.read()).reasons.values())
    except (URLError, TimeoutError, ConnectionError):
        return "it does not answer"


def complaints(programs: Iterable[Child], addresses: Mapping[str, str], folder: Path) -> Iterator[str]:
    """What is wrong with each program, one line each: that it died, why it is not ready, what it logged in `folder`."""
    waiting = not_ready(addresses)
    for program in programs:
        if program.restarts:
            yield f"{program.name} died and was started again ({program.restarts})"
        if program.name in waiting:
            yield f"{program.name} is not ready: {waiting[program.name]}"
        yield from (f"{program.name} says: {said}" for said in _said(folder / f"{program.name}.log"))


def _said(log: Path) -> list[str]:
    """The last complaints in a log, each on one line; a line that is no JSON is one (a traceback's last, say)."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return [line[:_LONGEST] for line in lines if _complains(line)][-SHOWN:]


def _complains(line: str) -> bool:
    try:
        return _line(line).level in _COMPLAINTS
    except msgspec.DecodeError:
        return bool(line.strip())
