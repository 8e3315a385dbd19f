"""The table of `make bench`: every line with its goal, its figure, whether that passes, and how to show it alone."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """What a figure is beside its goal. `REPORTED`: the line has no goal, or not on this machine."""

    PASS = "pass"  # noqa: S105 - no password
    SHORT = "falls short"
    REPORTED = "reported"
    FAILED = "FAILED"


class Line(NamedTuple):
    """What is measured, and what is wanted of it."""

    what: str
    goal: str


class Finding(NamedTuple):
    """What came out."""

    figure: str
    verdict: Verdict


class Row(NamedTuple):
    """A line with what came out, and the command that shows it alone."""

    line: Line
    finding: Finding
    command: str


def judged(figure: str, *, good: bool) -> Finding:
    """A figure that passes or falls short."""
    return Finding(figure, Verdict.PASS if good else Verdict.SHORT)


def reported(figure: str) -> Finding:
    """A figure without a goal."""
    return Finding(figure, Verdict.REPORTED)


HEADS = ("what", "goal", "", "figure", "alone")


def plain(rows: Sequence[Row]) -> str:
    """The table for a terminal: how to show a line alone stands below its part."""
    cells = [HEADS[:-1], *(_cells(row)[:-1] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADS) - 2)]
    lines = [_line(row, widths) for row in cells]
    for index in reversed(range(len(rows))):
        if index + 1 == len(rows) or rows[index].command != rows[index + 1].command:
            lines.insert(index + 2, f"{'':4}alone: {rows[index].command}")
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)), cells[-1]]).rstrip()


def markdown(rows: Sequence[Row]) -> str:
    """The table for a page."""
    lines = [f"| {' | '.join(HEADS)} |", "|---|---|---|---|---|"]
    for row in rows:
        *cells, command = _cells(row)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} | `{command}` |")
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    return (row.line.what, row.line.goal, row.finding.verdict.value, row.finding.figure, row.command)
