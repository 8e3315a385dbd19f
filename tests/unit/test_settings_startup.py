"""What a program has in hand before it connects: settings, playbook and sources, all their mistakes at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from programs.settings import SourceSettings
from programs.startup import NotReadyError, Ready, prepare, to_engine, to_source
from topics.instants import SECOND_US
from topics.sources.source import Provides, SourceKind

ROOT = Path(__file__).parents[2]
CRM = '[[sources]]\nname = "crm"\nkind = "salesforce"\ntenant = "acme"\n'
OTHER = '[[sources]]\nname = "other"\nkind = "salesforce"\n'
WEB = '[[sources]]\nname = "web"\nkind = "cloudevents"\n'
MAPPING = """\
tenant: north
provides: [activities, close_date]
tables:
  calls:
    kind: activity
    file: calls.csv
    deal: deal
    at: {column: day, type: day, format: "%Y-%m-%d"}
    columns: {what: channel}
"""


def started(folder: Path, settings: str, **files: str) -> Ready:
    (folder / "signals.toml").write_text(settings)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return prepare({}, folder)


def refused(folder: Path, settings: str, **files: str) -> list[str]:
    with pytest.raises(NotReadyError) as error:
        started(folder, settings, **files)
    return [line.replace(f"{folder}/", "") for line in error.value.lines]


def test_without_a_file_everything_is_ready(tmp_path: Path) -> None:
    ready = prepare({}, tmp_path)
    crm, web = ready.sources
    assert (crm.key, crm.grace_us) == ("salesforce/default", 120 * SECOND_US)
    assert crm.provides == frozenset(Provides)
    assert (web.key, web.provides, web.deal_source) == ("web/default", frozenset(), "salesforce/default")
    names = [topic.name for topic in ready.topics()]
    assert names[:2] == ["crm.raw.salesforce", "crm.raw.web"]
    assert names[-3:] == ["route.buying-signals", "route.champions", "route.demo-requests"]


def test_a_source_as_its_parser_takes_it() -> None:
    setting = SourceSettings(
        name="crm",
        kind=SourceKind.SALESFORCE,
        tenant="acme",
        provides=frozenset({Provides.CLOSE_DATE}),
        fields={"Budget__c": "budget_confirmed"},
        schemas={"Opportunity": ("ChangeEventHeader", "Name")},
        grace_seconds=0.5,
        own_client="us",
    )
    source = to_source(setting, 120)
    assert (source.key, source.provides, source.grace_us) == (
        "crm/acme",
        frozenset({Provides.CLOSE_DATE}),
        SECOND_US // 2,
    )
    assert (source.fields, source.own_client) == ({"Budget__c": "budget_confirmed"}, "us")
    assert source.schemas == {"Opportunity": ("ChangeEventHeader", "Name")}


# (the sources, the deal_source that each CloudEvents source ends with)
TOLD = [
    ("the only source of deals is meant", CRM + WEB, "crm/acme"),
    ("its place in the file does not matter", WEB + CRM, "crm/acme"),
    ("named among several", CRM + OTHER + WEB + 'deal_source = "other/default"\n', "other/default"),
    ("with no source of deals its subjects are its own", WEB, ""),
]


@pytest.mark.parametrize(("settings", "deals"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD])
def test_whose_deals_a_source_of_intents_speaks_of(tmp_path: Path, settings: str, deals: str) -> None:
    web = next(source for source in started(tmp_path, settings).sources if source.name == "web")
    assert web.deal_source == deals


@pytest.mark.parametrize("named", ["", 'deal_source = "crm/other"\n'])
def test_nobody_guesses_whose_deals_are_meant(tmp_path: Path, named: str) -> None:
    assert refused(tmp_path, OTHER + CRM + WEB + named) == [
        "source web: deal_source must be one of crm/acme, other/default"
    ]


TABLES = '[[sources]]\nname = "files"\nkind = "tables"\nmapping = "map.yaml"\n'


def test_a_mapping_says_what_its_tables_are(tmp_path: Path) -> None:
    (source,) = started(tmp_path, TABLES, map=MAPPING).sources
    assert (source.key, source.provides) == ("files/north", frozenset({Provides.ACTIVITIES, Provides.CLOSE_DATE}))
    assert source.mapping is not None
    assert source.mapping["tenant"] == "north"


def test_the_settings_go_before_the_mapping(tmp_path: Path) -> None:
    own = TABLES + 'tenant = "south"\nprovides = ["owners"]\n'
    (source,) = started(tmp_path, own, map=MAPPING).sources
    assert (source.key, source.provides) == ("files/south", frozenset({Provides.OWNERS}))


def test_all_files_are_judged_before_anything_starts(tmp_path: Path) -> None:
    lines = refused(
        tmp_path,
        'playbook = "book.yaml"\n' + TABLES + WEB,
        map=MAPPING.replace("kind: activity", "kind: actvity") + "tenant: twice\n",
        book="name: x\npipelines: []\n",
    )
    assert [line.split(": ")[0] for line in lines] == ["book.yaml:2", "map.yaml:10", "map.yaml:4"]


def test_a_wrong_setting_does_not_hide_a_wrong_playbook(tmp_path: Path) -> None:
    lines = refused(tmp_path, 'playbook = "book.yaml"\nlog_level = "loud"\n', book="name: x\n")
    assert [line.rpartition(": ")[0] for line in lines] == ["signals.toml: log_level", "book.yaml:1: pipelines"]


@pytest.mark.parametrize(
    ("content", "reason"), [(b"\xff\xfe", "not UTF-8 at byte 0"), (b"a: " + b"x" * 5_000_000, "larger than 1,000,000")]
)
def test_a_playbook_that_cannot_be_read(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "book.yaml").write_bytes(content)
    (line,) = refused(tmp_path, 'playbook = "book.yaml"\n')
    assert line.startswith("book.yaml:1: ")
    assert reason in line


def test_the_examples_mapping_and_playbook_start_together(tmp_path: Path) -> None:
    mapping = ROOT / "examples" / "mappings" / "maven.yaml"
    playbook = ROOT / "examples" / "playbooks" / "maven.yaml"
    settings = f'playbook = "{playbook}"\n' + TABLES.replace("map.yaml", str(mapping))
    assert started(tmp_path, settings).sources[0].kind is SourceKind.TABLES


def test_the_machinery_of_a_program(tmp_path: Path) -> None:
    environ = {
        "SIGNALS_BROKER_PROTOCOL": "SASL_SSL",
        "SIGNALS_BROKER_USER": "me",
        "SIGNALS_BROKER_PASSWORD": "pw-1",
        "SIGNALS_WEB_PORT": "9300",
    }
    machinery = to_engine(prepare(environ, tmp_path).settings, "detect", "one:9092,two:9092")
    assert (machinery.name, machinery.web_host, machinery.web_port) == ("detect", "127.0.0.1", 9302)
    assert machinery.broker.bootstrap == ["one:9092", "two:9092"]
    assert machinery.broker.security.password == "pw-1"  # noqa: S105 - a password of this test alone
    assert "pw-1" not in repr(machinery)
