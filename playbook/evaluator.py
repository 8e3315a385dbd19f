"""CEL's compiler, without the command line that its package brings along.

Importing `cel` as it is imports its own terminal program too, with an editor and a renderer: 0.2 s and 24 MB, in every
process that judges anything and in every command that reads a playbook. So the name of that program stands for an empty
module while the package is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

_COMMAND_LINE = "cel.cli"


def _without_its_command_line() -> ModuleType:
    if "cel" in sys.modules or _COMMAND_LINE in sys.modules:
        return import_module("cel")
    sys.modules[_COMMAND_LINE] = ModuleType(_COMMAND_LINE)
    try:
        return import_module("cel")
    finally:
        del sys.modules[_COMMAND_LINE]


#: Source to a program with `execute(variables)` and `references()`. Raises ValueError for what is no CEL.
compile_cel: Callable[[str], Any] = _without_its_command_line().compile
