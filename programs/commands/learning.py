"""What is learned from: the stays in a history, and what limits are worth over them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from programs.commands.choosing import Chosen, check_path, chosen_of
from programs.failures import CallError, FilesError
from programs.replaying import Plan, replayed
from signals.baselines import Baselines
from signals.fitting import Samples, samples_of
from signals.rules import Rules
from signals.worth import Worth, worth_of


class Learning(NamedTuple):
    """What a fit is made from: stays as of an instant, and the definitions that say what limits come of it."""

    samples: Samples
    at_us: int
    chosen: Chosen


def of_history(  # noqa: PLR0913, PLR0917 - what the command line says
    path: Path, names: list[str], mapping: Path | None, playbook: Path | None, until_us: int | None, jobs: int
) -> Learning:
    """The stays in the files of some sources. Raises CallError with the reason, and PlaybookError."""
    if not names:
        raise CallError("--source NAME: whose history it is (`tables` with --mapping)")
    chosen = chosen_of(names, mapping, playbook)
    check_path(path, chosen)
    plan = Plan(chosen.sources, chosen.playbook.playbook, chosen.playbook.hash, until_us, dwells=True)
    try:
        with replayed(path, plan, jobs) as result:
            return Learning(samples_of(result.dwells), result.until_us, chosen)
    except FilesError as error:
        raise CallError(*error.problems) from None
    except OSError as error:
        raise CallError(f"{error.filename}: {error.strerror}") from None


def judged(learning: Learning, baselines: Baselines) -> list[Worth]:
    """What each limit is worth that the definitions give with these baselines."""
    chosen = learning.chosen
    rules = Rules(chosen.playbook.playbook, chosen.playbook.hash, chosen.sources, baselines)
    return worth_of(rules, learning.samples, learning.at_us)
