"""What a person sees of the demo: messages as they are told, intents as they are routed, and a line of figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Self
from urllib.parse import urlsplit

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from programs.demo.figures import Figures
from programs.terminal import plain
from topics.instants import from_us


class Screen:
    """A running demo on a terminal. Text from the CRM is printed as plain text, never as markup."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, lines: str) -> None:
        """Print above the figures. Every line is CRM text at some place."""
        self._console.print(Text("\n".join(plain(line) for line in lines.split("\n"))), soft_wrap=True)

    def show(self, figures: Figures, now_us: int, per_second: float, addresses: dict[str, str]) -> None:
        """Renew the figures at the bottom."""
        table = Table(title=f"deal-signals, {from_us(now_us):%d %b %Y %H:%M} on the team's clock", expand=False)
        table.add_column("open signals")
        table.add_column("now", justify="right")
        table.add_column("opened", justify="right")
        table.add_column("resolved", justify="right")
        for kind, opened in sorted(figures.opened.items()):
            table.add_row(kind, str(figures.open_now[kind]), str(opened), str(figures.resolved[kind]))
        table.caption = "\n".join(
            (
                f"{per_second:,.0f} events/s, {figures.rows:,} in, {figures.rejected} rejected, {figures.deals} deals",
                f"{figures.messages} Slack messages, {figures.edits} edited, {figures.routed.total()} intents routed",
                f"metrics: {_addresses(addresses)}",
            )
        )
        self._live.update(table)


def _addresses(addresses: dict[str, str]) -> str:
    """The first address whole, of the others the port: they differ in nothing else."""
    first, *others = addresses.items()
    ports = (f":{urlsplit(address).port} {name}" for name, address in others)
    return f"{first[1]} {first[0]}, {', '.join(ports)}"


def summary(figures: Figures, seconds: float) -> Iterator[str]:
    """The end of a headless run, one fact a line."""
    yield f"events in        {figures.rows:,} ({figures.rows / max(seconds, 1e-9):,.0f}/s)"
    yield f"rejected         {figures.rejected:,}"
    yield f"deals            {figures.deals:,}"
    yield f"signals opened   {figures.opened.total():,}{_by_kind(figures.opened)}"
    yield f"signals resolved {figures.resolved.total():,}{_by_kind(figures.resolved)}"
    yield f"Slack messages   {figures.messages:,} told, {figures.edits:,} edited"
    yield f"routed           {figures.routed.total():,}{_by_kind(figures.routed)}"


def _by_kind(counts: Counter[str]) -> str:
    return f" ({', '.join(f'{kind} {count:,}' for kind, count in sorted(counts.items()))})" if counts else ""
