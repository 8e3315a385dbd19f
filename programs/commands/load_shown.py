"""How far a load is: a progress bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from programs.loads.files import Written

#: Between two lines where there is no terminal.
_QUIET_S = 10.0


class Show(Protocol):
    """Hears how far a load is."""

    def read(self, rows: int) -> None:
        """So many rows were read from the files."""

    def wrote(self, done: Written) -> None:
        """So many stand on the topic."""


@contextmanager
def shown() -> Iterator[Show]:
    """Shows how far a load is, for as long as the context lasts."""
    if not sys.stdout.isatty():
        yield _Lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(), transient=True) as progress:
        yield _Bar(progress)


class _Lines:
    """A line now and then."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def read(self, rows: int) -> None:
        """Say it, if nothing was said for a while."""
        self._say(f"{rows:,} rows read")

    def wrote(self, done: Written) -> None:
        """The same."""
        self._say(f"{done.rows:,} rows loaded")

    def _say(self, text: str) -> None:
        if time.monotonic() - self._last >= _QUIET_S:
            self._last = time.monotonic()
            typer.echo(text)


class _Bar:
    """Rows written, of those that were read: nobody knows how many a packed file has before it was read."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._reading = progress.add_task("rows read", total=None)
        self._writing = progress.add_task("rows loaded", total=None)
        self._rows = 0

    def read(self, rows: int) -> None:
        """Move the first bar."""
        self._rows = rows
        self._progress.update(self._reading, completed=rows)

    def wrote(self, done: Written) -> None:
        """Move the second one."""
        self._progress.update(self._writing, completed=done.rows, total=max(self._rows, done.rows))
