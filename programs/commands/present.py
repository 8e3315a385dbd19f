"""How the deals stand: their views, from files through the brain, or from `deal.current` as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.settings import Broker
from playbook.load import PlaybookError, load
from playbook.model import Playbook
from programs.commands.choosing import Chosen, check_path, chosen_of, instant
from programs.commands.loading import broker_answers, broker_of, ready
from programs.crew import cores
from programs.definitions import read_baselines
from programs.failures import CallError, FilesError, WorkError
from programs.replaying import Plan, Result, replayed
from signals.baselines import NO_BASELINES
from topics.catalog import DEAL_CURRENT
from topics.instants import parse_rfc3339


class History(NamedTuple):
    """Which files are read by which definitions, as the options of a command name them."""

    path: Path
    sources: list[str]
    mapping: Path | None = None
    playbook: Path | None = None
    baselines: Path | None = None
    until: str | None = None


class Present(NamedTuple):
    """Views as JSON, to be read once; the instant of which they are; the playbooks that are known, by version."""

    views: Iterable[bytes]
    at_us: int
    playbooks: dict[str, Playbook]


class _AsOf(msgspec.Struct):
    as_of: str = ""


_as_of = msgspec.json.Decoder(_AsOf).decode


def history_of(  # noqa: PLR0913, PLR0917 - the options that say which files
    path: Path | None,
    source: list[str] | None,
    mapping: Path | None,
    playbook: Path | None,
    baselines: Path | None,
    until: str | None,
) -> History | None:
    """The files that a command reads; None for the live state. Raises CallError for options that go with files only."""
    if path is not None:
        if not source:
            raise CallError("--history: name its --source")
        return History(path, source, mapping, playbook, baselines, until)
    given = {"source": source, "mapping": mapping, "playbook": playbook, "baselines": baselines, "until": until}
    alone = [f"--{name}" for name, value in given.items() if value]
    if alone:
        raise CallError(f"{', '.join(alone)}: with --history only")
    return None


@contextmanager
def replayed_history(history: History, *, figures: bool = False) -> Iterator[tuple[Result, Chosen]]:
    """Replay a command's files; the result can be read while the context lasts. Raises CallError, WorkError.

    `figures`: whether the indicators are wanted, too.
    """
    try:
        chosen = chosen_of(history.sources, history.mapping, history.playbook)
        check_path(history.path, chosen)
        learned = NO_BASELINES if history.baselines is None else read_baselines(history.baselines)
        until_us = instant(history.until)
        playbook, version = chosen.playbook
        plan = Plan(
            chosen.sources,
            playbook,
            version,
            until_us,
            views=True,
            baselines=learned,
            figures=figures,
            exchange=chosen.exchange,
        )
        with replayed(history.path, plan, cores()) as result:
            yield result, chosen
    except (PlaybookError, FilesError) as error:
        raise CallError(*str(error).splitlines()) from None
    except OSError as error:
        raise CallError(f"{error.filename}: {error.strerror}") from None


@contextmanager
def present(history: History | None, broker: str | None) -> Iterator[Present]:
    """The deals as they stand at the end of a history, or now."""
    if history is None:
        yield _live(broker)
        return
    with replayed_history(history) as (result, chosen):
        loaded = chosen.playbook
        yield Present(result.views, result.until_us, {loaded.hash: loaded.playbook})


def _live(broker: str | None) -> Present:
    """The last view of each deal. T is the latest instant up to which one of them was judged.

    About 1.5 KB a deal.
    """
    installation = ready(broker=broker)
    target = broker_of(installation)
    with broker_answers():
        views = last_values(target, DEAL_CURRENT)
        playbooks = _published(target)
    if not views:
        raise WorkError(f"{DEAL_CURRENT} holds no deal yet")
    at_us = max(map(_instant_of, views))
    return Present(views, at_us, {installation.playbook.hash: installation.playbook.playbook, **playbooks})


def last_values(broker: Broker, topic: str) -> list[bytes]:
    """The last value of each key of a compacted topic, without those that were removed."""
    from engine.admin import read_all  # noqa: PLC0415 - kafka-python takes 0.2 s to import

    latest: dict[bytes, bytes] = {}
    for record in read_all(broker, topic):
        if record.key is None:
            continue
        if record.value is None:
            latest.pop(record.key, None)
        else:
            latest[record.key] = record.value
    return list(latest.values())


def _published(broker: Broker) -> dict[str, Playbook]:
    """The playbooks that were published, as far as this release can read them."""
    from programs import publishing  # noqa: PLC0415 - kafka-python takes 0.2 s to import

    read = {version: _readable(one.text) for version, one in publishing.shelf(broker).playbooks.items()}
    return {version: playbook for version, playbook in read.items() if playbook is not None}


def _readable(text: str) -> Playbook | None:
    """A published playbook; None for one that this release cannot read."""
    try:
        return load(text, "published").playbook
    except PlaybookError:
        return None


def _instant_of(value: bytes) -> int:
    try:
        return parse_rfc3339(_as_of(value).as_of)
    except (msgspec.DecodeError, ValueError):
        return 0
