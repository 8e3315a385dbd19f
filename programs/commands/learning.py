"""What is learned from: the stays in a history, and what limits are worth over them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from programs.commands.choosing import Chosen, check_path, chosen_of
from programs.commands.loading import broker_answers, broker_of
from programs.failures import CallError, FilesError
from programs.replaying import Plan, replayed
from programs.startup import Ready
from signals.baselines import Baselines
from signals.fitting import Samples, samples_of
from signals.rules import Rules
from signals.worth import Worth, worth_of
from topics.catalog import STAGE_DWELLS
from topics.dwells import Dwell, DwellId, DwellRecord, decode_dwell


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


def of_topic(installation: Ready, until_us: int | None) -> Learning:
    """The stays on `stage.dwells`, by the definitions of the settings; T is the time of its last record."""
    target = broker_of(installation)
    stays: dict[DwellId, Dwell] = {}
    at_us = 0
    with broker_answers():
        from engine.admin import read_all  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        for record in read_all(target, STAGE_DWELLS):
            at_us = max(at_us, record.timestamp_us)
            try:
                said: DwellRecord = decode_dwell(record.value or b"")
            except msgspec.DecodeError:
                continue  # none of ours: the program puts it aside
            if isinstance(said, Dwell):
                stays[said.identity] = said
            else:
                stays.pop(said.identity, None)
    chosen = Chosen(tuple(installation.sources), installation.playbook)
    return Learning(samples_of(stays.values()), at_us if until_us is None else until_us, chosen)


def judged(learning: Learning, baselines: Baselines) -> list[Worth]:
    """What each limit is worth that the definitions give with these baselines."""
    chosen = learning.chosen
    rules = Rules(*chosen.playbook, chosen.sources, baselines)
    return worth_of(rules, learning.samples, learning.at_us)
