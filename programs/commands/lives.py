"""The life of one deal: its events in order, what was said of it, how it stands; from files, a log, or the topic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from playbook.load import PlaybookError
from programs.commands.choosing import check_path, chosen_of, instant
from programs.commands.loading import broker_answers, broker_of, ready
from programs.commands.present import History
from programs.definitions import read_baselines
from programs.failures import CallError, FilesError, WorkError
from programs.jsonl import read_log
from programs.pieces import pieces
from programs.startup import exchange
from signals.baselines import NO_BASELINES
from signals.definitions import UnknownDefinitionsError
from signals.history import Reading, joined_at_once, judged, ordered
from signals.intents import intents_of
from signals.joining.ties import Ties, compared
from signals.judge import Panel, Stored, Watch, panel_of
from signals.relive import LogError, LogRecord, replay_log
from signals.rules import Rules
from topics.catalog import DEAL_EVENTS, DEFINITIONS
from topics.codec import decode_deal_event
from topics.events import DealEvent, DefinitionsChanged, LoadEnded, LoadStarted, SourceGap, Tick
from topics.instants import HOUR_US
from topics.signals import Signal
from topics.sources.registry import parser

#: Events of a log that concern every deal of its partition.
_OF_ALL = (Tick, SourceGap, LoadStarted, LoadEnded, DefinitionsChanged)


class Life(NamedTuple):
    """One deal. `events`: in their order, each once; `panel`: the definitions that count for `watch`, up to `at_us`."""

    key: str
    events: list[Stored]
    signals: list[Signal]
    watch: Watch
    panel: Panel
    at_us: int


def life_in_files(history: History, wanted: str) -> Life:
    """A deal of a history. Raises CallError for what is wrong with the call or the files."""
    try:
        return _in_log(history, wanted) if history.sources == [DEAL_EVENTS] else _in_files(history, wanted)
    except (PlaybookError, FilesError, LogError) as error:
        raise CallError(*str(error).splitlines()) from None
    except OSError as error:
        raise CallError(f"{error.filename}: {error.strerror}") from None


def _in_files(history: History, wanted: str) -> Life:
    """The records are read one by one; of the deals' events only those of this one are kept."""
    chosen = chosen_of(history.sources, history.mapping, history.playbook)
    check_path(history.path, chosen)
    playbook, version = chosen.playbook
    learned = NO_BASELINES if history.baselines is None else read_baselines(history.baselines)
    rules = Rules(playbook, version, chosen.sources, learned, chosen.exchange)
    intents = intents_of(playbook, version)
    parsers = [parser(source) for source in chosen.sources]
    reading, kept = Reading(intents, Ties(chosen.sources, compared(playbook))), list[Stored]()
    for piece in pieces(history.path, chosen.sources):
        for offset, record in piece.records():
            reading.take(offset, parsers[piece.source](record))
            kept += _taken(reading.deals[0], wanted)
    asked_us = instant(history.until)
    until_us = (reading.last_us or 0) if asked_us is None else asked_us
    told = joined_at_once([people for (people,) in reading.people], intents, until_us).events
    mine = [one for one in (*kept, *_taken(told, wanted)) if one.event.at_us <= until_us]
    key = _only({one.event.key for one in mine}, wanted)
    panel = panel_of(rules)
    result = judged(panel, mine, reading.gaps, until_us)
    gaps = [gap for gap in reading.gaps if gap.event.at_us <= until_us]
    return Life(key, ordered(mine, gaps), [one.signal for one in result.said], result.watches[key], panel, until_us)


def _taken(events: list[Stored], wanted: str) -> list[Stored]:
    """Those of the deal; the list is empty afterwards."""
    mine = [one for one in events if _is_called(one.event.key, wanted)]
    events.clear()
    return mine


def _is_called(key: str, wanted: str) -> bool:
    """Whether a key is the one that is wanted, or its deal has that id."""
    return key == wanted or key.endswith(f":{wanted}")


def _only(keys: Iterable[str], wanted: str) -> str:
    found = sorted(keys)
    if not found:
        raise CallError(f"no deal is called {wanted!r}: give its id, or <source>/<tenant>:<id>")
    if len(found) > 1:
        raise CallError(f"several deals are called {wanted!r}: {', '.join(found)}")
    return found[0]


def _in_log(history: History, wanted: str) -> Life:
    """A dumped log of `deal.events`."""
    installation = ready(playbook=history.playbook)
    own = panel_of(Rules(*installation.playbook, installation.sources, exchange=exchange(installation.settings)))
    return life_in_log(read_log(history.path), wanted, own, _only_own(own))


def live(wanted: str, broker: str | None) -> Life:
    """A deal as its partition of `deal.events` has it; definitions as they were published."""
    installation = ready(broker=broker)
    target = broker_of(installation)
    with broker_answers():
        from engine.admin import read_all  # noqa: PLC0415 - kafka-python takes 0.2 s to import
        from programs.published import Published  # noqa: PLC0415 - the same

        published = Published(installation.playbook, installation.sources, exchange(installation.settings))
        for record in read_all(target, DEFINITIONS):
            published.take(record)
        records = (
            LogRecord(one.partition, one.offset, one.timestamp_us, one.key, one.value)
            for one in read_all(target, DEAL_EVENTS)
        )
        try:
            return life_in_log(records, wanted, published.panel(installation.playbook.hash), published.panel)
        except UnknownDefinitionsError as error:
            raise WorkError(str(error)) from None


class _Kept:
    """The records of one partition that concern a deal, with few ticks between them."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []
        self.has_it = False
        self._tick: LogRecord | None = None
        self._last_us = self._next_us = 0

    def tick(self, record: LogRecord, at_us: int) -> None:
        """The first tick after another record counts, for it ends what was lent; then one an hour, and the last."""
        if at_us <= self._last_us:
            return  # T never falls
        self._tick, self._last_us = record, at_us
        if at_us >= self._next_us:
            self._take_tick()
            self._next_us = at_us + HOUR_US

    def take(self, record: LogRecord, *, of_deal: bool) -> None:
        """Another record: the time before it passes first."""
        self._take_tick()
        self.records.append(record)
        self.has_it = self.has_it or of_deal
        self._next_us = 0

    def _take_tick(self) -> None:
        if self._tick is not None:
            self.records.append(self._tick)
            self._tick = None

    def ended(self) -> list[LogRecord]:
        """All of them."""
        self._take_tick()
        return self.records


def _of_deal(records: Iterable[LogRecord], wanted: str) -> Iterator[LogRecord]:
    """The records of the deal and those that concern all deals, of the partition that has the deal."""
    kept: dict[int, _Kept] = {}
    for record in records:
        event = _event(record)
        if event is None:
            continue
        of_all = isinstance(event, _OF_ALL)
        if type(event) is Tick:
            kept.setdefault(record.partition, _Kept()).tick(record, event.at_us)
        elif of_all or _is_called(event.key, wanted):
            kept.setdefault(record.partition, _Kept()).take(record, of_deal=not of_all)
    for partition in sorted(kept):
        if kept[partition].has_it:
            yield from kept[partition].ended()


def _event(record: LogRecord) -> DealEvent | None:
    try:
        return decode_deal_event(record.value or b"")
    except msgspec.DecodeError:
        return None


def life_in_log(records: Iterable[LogRecord], wanted: str, own: Panel, panels: Callable[[str], Panel]) -> Life:
    """A deal as a log has it. `own` counts until the log names definitions, which `panels` knows."""
    kept = list(_of_deal(records, wanted))
    logged = replay_log(kept, own, panels)
    key = _only((key for key in logged.states if _is_called(key, wanted)), wanted)
    events = [Stored(event, one.offset) for one in kept if (event := _event(one)) is not None]
    mine = [one for one in events if one.event.key == key]
    source = mine[0].event.source
    gaps = [one for one in events if type(one.event) is SourceGap and one.event.source == source]
    at_us = max((one.event.at_us for one in events if type(one.event) is Tick), default=0)
    watch, rules = logged.states[key].now, logged.rules[key]
    panel = panel_of(rules)._replace(epoch=watch.epoch)  # the one by which it was judged, and no other
    return Life(key, ordered(mine, gaps), logged.signals, watch, panel, max(at_us, watch.now_us))


def _only_own(own: Panel) -> Callable[[str], Panel]:
    def panels(version: str) -> Panel:
        if version != own.rules.version:
            raise CallError(f"the log names definitions {version}: give their file with --playbook")
        return own

    return panels
