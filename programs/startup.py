"""What every program has in hand before it connects to anything: settings, playbook and sources, all checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.settings import Broker, EngineSettings, Security
from playbook.load import Loaded, PlaybookError
from programs.configuration import Gathered, SettingsError, checked, gather
from programs.definitions import read_mapping, read_playbook
from programs.settings import BrokerSettings, Settings, SourceSettings
from signals.money import Exchange
from topics.catalog import Topic, topics
from topics.instants import SECOND_US
from topics.sources.source import Provides, Source, SourceKind

#: Records of a batch where each waits for the world. What is in a batch is committed at its end, and done again when a
#: worker that leaves cannot finish it in time (`EngineSettings.drain_s`).
AT_A_TIME = {"send": 100}

#: What a source of a kind usually tells; a source says otherwise by `provides`, those with a mapping by that.
USUALLY_PROVIDES: dict[SourceKind, frozenset[Provides]] = {
    SourceKind.SALESFORCE: frozenset(Provides),
    SourceKind.HUBSPOT: frozenset(Provides),
    SourceKind.PIPEDRIVE: frozenset(Provides) - {Provides.NEXT_STEP, Provides.CATEGORY},
    SourceKind.DEBEZIUM: frozenset(),
    SourceKind.CLOUDEVENTS: frozenset(),
    SourceKind.TABLES: frozenset(),
}


class Ready(NamedTuple):
    """Everything that a program is built from."""

    settings: Settings
    playbook: Loaded
    sources: tuple[Source, ...]

    def topics(self) -> tuple[Topic, ...]:
        """Every topic of this installation, in the order of the flow."""
        routes = self.playbook.playbook.route_names
        kept = self.settings.topics
        names = (source.name for source in self.sources)
        return topics(names, routes, raw_days=kept.raw_days, rejected_days=kept.rejected_days)


class NotReadyError(ValueError):
    """Something is wrong in a file or a variable; `lines` says all of it, one line each."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


def prepare(environ: Mapping[str, str], folder: Path) -> Ready:
    """Read and check settings, playbook and mappings of a process that works in `folder`.

    Raises NotReadyError with everything that is wrong in any of them.
    """
    gathered = gather(environ, folder)
    wrong: list[str] = []
    settings: Settings | None = None
    playbook: Loaded | None = None
    sources: tuple[Source, ...] = ()
    try:
        settings = checked(gathered)
    except SettingsError as error:
        wrong += map(str, error.problems)
    try:
        playbook = _playbook(gathered)
    except PlaybookError as error:
        wrong += map(str, error.problems)
    if settings is not None:
        try:
            sources = to_sources(settings)
        except NotReadyError as error:
            wrong += error.lines
    if wrong or settings is None or playbook is None:
        raise NotReadyError(wrong)
    return Ready(settings, playbook, sources)


def _playbook(gathered: Gathered) -> Loaded | None:
    """The playbook, even where another setting is wrong; None where the setting itself names no file."""
    named = gathered.values.get("playbook")
    if named is None:
        return read_playbook(None)
    return read_playbook(Path(named)) if isinstance(named, str) and Path(named).is_file() else None


def to_sources(settings: Settings) -> tuple[Source, ...]:
    """The configured sources as the parsers take them. Raises NotReadyError for what their mapping files get wrong."""
    wrong: list[str] = []
    made: list[Source] = []
    for setting in settings.sources:
        try:
            made.append(to_source(setting, settings.clock.grace_seconds))
        except PlaybookError as error:
            wrong += map(str, error.problems)
    if not wrong:  # a source that could not be made would be missing among those that may be named
        made, wrong = _joined(made)
    if wrong:
        raise NotReadyError(wrong)
    return tuple(made)


def to_source(setting: SourceSettings, grace_seconds: float) -> Source:
    """One configured source. Reads its mapping file; raises PlaybookError for one that is wrong."""
    mapping = None if setting.mapping is None else read_mapping(setting.mapping, setting.kind)
    said = mapping or {}
    provides = setting.provides
    if provides is None:
        provides = _mapped(said) or USUALLY_PROVIDES[setting.kind]
    grace = grace_seconds if setting.grace_seconds is None else setting.grace_seconds
    return Source(
        name=setting.name,
        kind=setting.kind,
        tenant=setting.tenant or str(said.get("tenant", "default")),
        provides=provides,
        fields=setting.fields,
        schemas=setting.schemas,
        mapping=mapping,
        grace_us=round(grace * SECOND_US),
        own_client=setting.own_client,
        deal_source=setting.deal_source or "",
    )


def _mapped(mapping: Mapping[str, object]) -> frozenset[Provides]:
    named = mapping.get("provides", ())
    return frozenset(Provides(each) for each in named) if isinstance(named, list) else frozenset()


def _joined(sources: list[Source]) -> tuple[list[Source], list[str]]:
    """The sources, each told whose deals it speaks of where it has none of its own, and where that cannot be known."""
    keys = [source.key for source in sources if source.kind is not SourceKind.CLOUDEVENTS and not source.deal_source]
    wrong: list[str] = []
    told: list[Source] = []
    for source in sources:
        named, lacks = source.deal_source, source.kind is SourceKind.CLOUDEVENTS and bool(keys)
        if named in keys or not (named or lacks):
            told.append(source)
        elif not named and len(keys) == 1:
            told.append(msgspec.structs.replace(source, deal_source=keys[0]))
        else:
            wrong.append(f"source {source.name}: deal_source must be one of {', '.join(sorted(keys))}")
    return told, wrong


def to_broker(settings: BrokerSettings, servers: str) -> Broker:
    """The broker as the machinery takes it; `servers` is the configured address or the embedded broker's."""
    security = Security(
        protocol=settings.protocol,
        mechanism=settings.mechanism,
        user=settings.user,
        password=None if settings.password is None else settings.password.get_secret_value(),
        ca_file=settings.ca_file,
        cert_file=settings.cert_file,
        key_file=settings.key_file,
    )
    return Broker(servers, security)


def exchange(settings: Settings) -> Exchange:
    """The base currency and what others are worth in it."""
    return Exchange(settings.money.base_currency, settings.money.rates)


def to_engine(settings: Settings, program: str, servers: str) -> EngineSettings:
    """One program's machinery."""
    return EngineSettings(
        name=program,
        broker=to_broker(settings.broker, servers),
        data_dir=settings.data_dir,
        web_host=settings.web.host,
        web_port=settings.web.port(program.partition(".")[0]),
        store=settings.store,
        max_batch_records=AT_A_TIME.get(program, EngineSettings.max_batch_records),
    )
