"""The published definitions in a running program: read from the topic `definitions`, compiled when first asked for.

The file that a program was started with counts until its log names a version, and stays known under its own version.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Protocol

import msgspec
import structlog

from engine.following import Follower
from engine.records import Output, Record
from engine.settings import Broker
from playbook.load import Loaded, PlaybookError, load
from playbook.model import Playbook
from playbook.owners import Directory
from signals.baselines import NO_BASELINES, Baselines, BaselinesError, read
from signals.definitions import UnknownDefinitionsError
from signals.intents import Intents, intents_of
from signals.judge import Panel, panel_of
from signals.metrics import SHORT_VERSION
from signals.money import Exchange
from signals.rules import NO_RATES, Rules
from topics.catalog import DEFINITIONS
from topics.definitions import NO_BASELINES as NOTHING_LEARNED
from topics.definitions import (
    CurrentBaselines,
    CurrentDefinitions,
    PublishedBaselines,
    PublishedPlaybook,
    decode_definition,
    parts_of,
)
from topics.signals import Signal
from topics.sources.source import Source

#: How often it is said again that a partition waits.
SAY_AGAIN_S = 30.0

log = structlog.get_logger("definitions")


class Topic(Protocol):
    """What brings the published versions."""

    async def caught_up(self) -> None:
        """Return when everything that was published before the call is known."""


class Published:
    """Every version that is known here. `own` is the worker's own file."""

    def __init__(self, own: Loaded, sources: Iterable[Source] = (), exchange: Exchange = NO_RATES) -> None:
        self.own = own
        self._sources = tuple(sources)
        self._exchange = exchange
        self._known: dict[str, Loaded] = {own.hash: own}
        self._learned: dict[str, Baselines] = {}
        self._current: str | None = None
        self._current_learned: str | None = None
        self._unreadable: dict[str, str] = {}
        self._panels: dict[str, Panel] = {}
        self._intents: dict[str, Intents] = {}
        self._directories: dict[str, Directory] = {}
        self._waited_for: dict[str, int] = {}
        self._foreign: set[str] = set()
        self._news = asyncio.Event()
        self._topic: Topic | None = None

    def follow(self, broker: Broker) -> Follower:
        """What reads the topic; its `run` is to run beside the program."""
        follower = Follower(broker, DEFINITIONS, self.take)
        self._topic = follower
        return follower

    def take(self, record: Record) -> None:
        """Take in a record of the topic. What cannot be understood is said, and stays unknown."""
        if not record.value:
            return
        try:
            definition = decode_definition(record.value)
        except msgspec.DecodeError as error:
            log.warning("no definition", topic=record.topic, offset=record.offset, error=str(error))
            return
        if isinstance(definition, PublishedPlaybook) and definition.version not in self._known:
            self._add(definition)
        elif isinstance(definition, PublishedBaselines) and definition.version not in self._learned:
            self._add_learned(definition)
        elif isinstance(definition, CurrentDefinitions):
            self._current = definition.playbook
        elif isinstance(definition, CurrentBaselines):
            self._current_learned = definition.baselines

    @property
    def current(self) -> Loaded:
        """The playbook that was published last, as far as is known here; the worker's own before any was."""
        return self.own if self._current is None else self._known.get(self._current, self.own)

    @property
    def learned(self) -> Baselines:
        """The baselines that were published last; none before any were, and after they were withdrawn."""
        return self._learned.get(self._current_learned or "", NO_BASELINES)

    @property
    def withdrawn(self) -> bool:
        """Whether somebody has said that no baselines shall count."""
        return self._current_learned == NOTHING_LEARNED

    async def caught_up(self) -> None:
        """Return when all that was published so far is known."""
        if self._topic is not None:
            await self._topic.caught_up()

    def _add(self, published: PublishedPlaybook) -> None:
        try:
            playbook = load(published.text, published.version[:SHORT_VERSION]).playbook
        except PlaybookError as error:
            why = str(error.problems[0])
            self._unreadable[published.version] = why
            log.error("a published playbook cannot be read", version=published.version, why=why)  # noqa: TRY400 - says why
            return
        self._known[published.version] = Loaded(playbook, published.version)
        self._tell()

    def _add_learned(self, published: PublishedBaselines) -> None:
        try:
            learned = read(published.text)
        except BaselinesError as error:
            self._unreadable[published.version] = str(error)
            log.error("published baselines cannot be read", version=published.version, why=str(error))  # noqa: TRY400 - says why
            return
        self._learned[published.version] = learned
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def missing(self, versions: Iterable[str]) -> list[str]:
        """Those playbooks and baselines that are not known here, each by itself."""
        return [one for version in versions for one in parts_of(version).versions if not self._knows(one)]

    def _knows(self, version: str) -> bool:
        return version in self._known or version in self._learned

    async def wait_for(self, versions: Collection[str]) -> None:
        """Return when all of them are known: nothing can be decided without (law 11)."""
        for version in self.missing(versions):
            self._waited_for[version] = self._waited_for.get(version, 0) + 1
            try:
                await self._wait_for(version)
            finally:
                self._waited_for[version] -= 1
                if not self._waited_for[version]:
                    del self._waited_for[version]

    async def _wait_for(self, version: str) -> None:
        await self._look(version)
        if self._knows(version):
            return  # it was on its way: the text is written before the log names it
        while not self._knows(version):
            log.warning("waiting: the log names definitions that are not known here", why=self._why(version))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), SAY_AGAIN_S)
        log.info("the definitions are there, going on", version=version)

    async def _look(self, version: str) -> None:
        """Return when all that was published so far is known, or the version is, or nobody could say for a while."""
        if self._topic is None:
            return
        looking = asyncio.ensure_future(self._topic.caught_up())
        try:
            async with asyncio.timeout(SAY_AGAIN_S):
                while not self._knows(version) and not looking.done():
                    news = asyncio.ensure_future(self._news.wait())
                    try:
                        await asyncio.wait({looking, news}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        news.cancel()
        except TimeoutError:
            pass
        finally:
            looking.cancel()

    def unsought(self, versions: Iterable[str]) -> list[str]:
        """Those that are neither known nor known to be published nowhere."""
        if self._topic is None:
            return []
        return [version for version in versions if version not in self._known and version not in self._foreign]

    async def find(self, versions: Iterable[str]) -> None:
        """Learn what is published of these. A version that is not, is another worker's own file; that is said once."""
        if self._topic is None:
            return
        await self._topic.caught_up()
        for version in self.missing(versions):
            log.warning("a signal by definitions that nobody published: the own file counts", version=version)
            self._foreign.add(version)

    def why_waiting(self) -> str | None:
        """The ready check: which definitions are waited for; None when none are."""
        return "; ".join(self._why(version) for version in sorted(self._waited_for)) or None

    def _why(self, version: str) -> str:
        unreadable = self._unreadable.get(version)
        if unreadable is not None:
            return f"this release cannot read the definitions {version}: {unreadable}"
        return (
            f"unknown definitions {version}: publish their file with `signals playbook publish --only-store`, "
            "or `signals baseline publish --only-store`"
        )

    def playbook(self, version: str) -> Playbook:
        """The playbook of a version; the worker's own in the place of one that nobody published."""
        return self._known.get(version, self.own).playbook

    def directory(self, version: str) -> Directory:
        """The owners of `playbook(version)`."""
        version = version if version in self._known else self.own.hash
        if version not in self._directories:
            self._directories[version] = Directory(self.playbook(version).owners)
        return self._directories[version]

    def panel(self, version: str) -> Panel:
        """The compiled detectors of a version, which may name baselines, too. Raises UnknownDefinitionsError."""
        if version not in self._panels:
            self._panels[version] = panel_of(self._rules(version))
        return self._panels[version]

    def _rules(self, version: str) -> Rules:
        parts = parts_of(version)
        if parts.baselines and parts.baselines not in self._learned:
            raise UnknownDefinitionsError(parts.baselines)
        learned = self._learned.get(parts.baselines, NO_BASELINES)
        return Rules(self._of(parts.playbook), parts.playbook, self._sources, learned, self._exchange)

    def intents(self, version: str) -> Intents:
        """The compiled intents of a version. Raises UnknownDefinitionsError."""
        if version not in self._intents:
            self._intents[version] = intents_of(self._of(version), version)
        return self._intents[version]

    def _of(self, version: str) -> Playbook:
        found = self._known.get(version)
        if found is None:
            raise UnknownDefinitionsError(version)
        return found.playbook


def by_their_definitions(
    published: Published, signals: Iterable[Signal], answer: Callable[[], Sequence[Output]]
) -> Sequence[Output] | Awaitable[Sequence[Output]]:
    """The answer to a batch once it is known what is published of the versions that its signals name.

    At once where all are known, as they nearly always are.
    """
    return by_versions(published, {signal.playbook for signal in signals}, answer)


def by_versions(
    published: Published, versions: set[str], answer: Callable[[], Sequence[Output]]
) -> Sequence[Output] | Awaitable[Sequence[Output]]:
    """The same where the versions are known by other means."""
    return _found(published, versions, answer) if published.unsought(versions) else answer()


async def _found(published: Published, versions: set[str], answer: Callable[[], Sequence[Output]]) -> Sequence[Output]:
    await published.find(versions)
    return answer()
