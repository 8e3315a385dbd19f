"""How a command ends badly: what it says, one line each, and with which exit code. Never a traceback."""

from __future__ import annotations

from collections.abc import Iterable


class CommandError(Exception):
    """A command cannot go on. `lines` go to stderr; `code` is what the process exits with."""

    code = 1

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines

    def __reduce__(self) -> tuple[type[CommandError], tuple[str, ...]]:
        """The same error in another process."""
        return type(self), self.lines


class WorkError(CommandError):
    """The call was right, the work failed (exit 1): the broker is away, a disk is full."""


class CallError(CommandError):
    """The call or a file was wrong (exit 2); the lines say what and where."""

    code = 2


class FilesError(ValueError):
    """Files that cannot be read as they should be; `problems` holds all that was found."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[FilesError], tuple[tuple[str, ...]]]:
        """The same error in another process."""
        return type(self), (self.problems,)
