"""`signals load --guess`: a mapping that is proposed, on the terminal."""

from __future__ import annotations

from pathlib import Path

import typer

from programs.failures import CallError, FilesError
from programs.guess.writing import proposal
from programs.terminal import complain


def propose(path: Path) -> None:
    """Write the proposal to stdout, and how many places of it are unsure to stderr."""
    try:
        text = proposal(path)
    except FilesError as error:
        raise CallError(*error.problems) from None
    typer.echo(text, nl=False)
    unsure = text.count("# unsure")
    complain(f"unsure in {unsure} place{'s' if unsure > 1 else ''}" if unsure else "nothing is unsure")
