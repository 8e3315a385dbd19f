"""CEL is there without the terminal program of its package."""

from __future__ import annotations

import subprocess
import sys


def test_no_process_loads_a_terminal_program_to_judge_a_criterion() -> None:
    script = (
        "import sys; from playbook.criteria import Expression; "
        "print(Expression('a == 1').judge({'a': 1}), 'prompt_toolkit' in sys.modules, 'cel.cli' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["True", "False", "False"]


def test_who_imported_the_package_before_keeps_it() -> None:
    script = "import cel; from cel import cli; from playbook.evaluator import compile_cel; print(cli.__name__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["cel.cli"]
