"""What most commands begin with: settings, playbook and sources, or one line for each thing that is wrong."""

from __future__ import annotations

import os
from pathlib import Path

from programs.failures import CallError
from programs.startup import NotReadyError, Ready, prepare


def ready(*, broker: str | None = None, playbook: Path | None = None) -> Ready:
    """Everything checked, with a command's own options over the environment. Raises CallError with every reason."""
    given = {"SIGNALS_BROKER": broker or "", "SIGNALS_PLAYBOOK": str(playbook or "")}
    environ = {**os.environ, **{name: value for name, value in given.items() if value}}
    try:
        return prepare(environ, Path())
    except NotReadyError as error:
        raise CallError(*error.lines) from None
