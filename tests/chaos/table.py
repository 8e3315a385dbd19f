"""The table: one row per line, with its goal, its figure, and whether it passes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.chaos.lines import Line, Verdict

WIDTH = 160


def show(rows: Sequence[tuple[Line, Verdict]], seed: int) -> None:
    """Print it, and under it one line for each that fell short: all that was wrong."""
    table = Table(title=f"trust under fire, seed {seed}", show_lines=True)
    for head in ("line", "what happens", "goal", "figure", ""):
        table.add_column(head, overflow="fold")
    for line, verdict in rows:
        table.add_row(line.name, line.what, line.goal, verdict.figure, "pass" if verdict.passed else "FALLS SHORT")
    console = Console(width=WIDTH, highlight=False)
    console.print(table)
    for line, verdict in rows:
        if not verdict.passed:
            why = " | ".join(verdict.wrong) or verdict.figure
            console.print(f"FAILED {line.name}: {why}", markup=False, soft_wrap=True)
