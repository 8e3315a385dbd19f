"""The `signals` command without a broker: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest

from playbook.needs import NEEDS
from programs import cli
from programs.configuration import FILE_VARIABLE, VARIABLES
from topics.signals import Kind
from topics.sources.source import Provides

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


class Ran(NamedTuple):
    """How a call ended."""

    code: int
    out: str
    err: str


class Signals:
    """The command, called in an empty folder with an empty environment."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> None:
        self._patch, self._captured = patch, captured
        for name in (FILE_VARIABLE, *(variable.name for variable in VARIABLES)):
            patch.setenv(name, "")
        patch.chdir(folder)

    def __call__(self, *arguments: str, **environ: str) -> Ran:
        """Call it as a shell would."""
        self._captured.readouterr()
        with self._patch.context() as patch:
            patch.setattr(sys, "argv", ["signals", *arguments])
            for name, value in environ.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                cli.main()
        return Ran(int(ended.value.code or 0), *self._captured.readouterr())


@pytest.fixture
def signals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Signals:
    return Signals(tmp_path, monkeypatch, capsys)


def process(folder: Path, *arguments: str, warnings: str = "error") -> Ran:
    """The command as a process of its own, in which every warning is an error unless another filter is given."""
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": warnings}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("entry", cli.COMMANDS, ids=lambda entry: entry.name)
def test_every_command_in_the_list_can_be_loaded_and_explains_itself(entry: cli.Entry) -> None:
    command = cli.load(entry)
    assert command.name == entry.name
    assert len(command.get_short_help_str(200)) > 10
    assert len(entry.help) <= 62, "a longer line is cut in the help"


def test_help_lists_every_command_and_loads_none(tmp_path: Path) -> None:
    before = _cpu_seconds_of_children()
    ran = process(tmp_path, "-m", "programs", "--help")
    took = _cpu_seconds_of_children() - before
    assert (ran.code, ran.err) == (0, "")
    for entry in cli.COMMANDS:
        assert f"  {entry.name} " in ran.out
        assert entry.help in ran.out
    assert took < 1.0, "0.2 s of processor time when this was written"


def _cpu_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_imports_no_machinery(tmp_path: Path) -> None:
    code = (
        "import sys; from programs import cli; sys.argv = ['signals', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'faust', 'kafka', 'aiokafka', 'pydantic', 'slack_sdk', 'aiohttp'} & set(sys.modules)\n"
        "print('heavy', sorted(heavy))"
    )
    assert process(tmp_path, "-c", code).out.splitlines()[-1] == "heavy []"


WRONG_CALLS = [
    ("a command that nobody knows", ["playbok"], "Did you mean 'playbook'"),
    ("an option that nobody knows", ["--nope"], "--nope"),
    ("a group without its command", ["playbook"], ""),
    ("a missing argument", ["topics", "schema"], "Missing argument"),
    ("a file that is not there", ["playbook", "check", "no.yaml"], "no.yaml:1: No such file or directory"),
    (
        "settings that are not there",
        ["--settings", "no.toml", "playbook", "show"],
        "no.toml: No such file or directory",
    ),
    ("topics of no broker", ["topics", "check"], "no broker: name one with --broker, SIGNALS_BROKER"),
    ("rejects of no broker", ["rejected", "list"], "no broker: name one with --broker, SIGNALS_BROKER"),
    ("a broker that is no address", ["topics", "check", "--broker", "kafka"], "'kafka' is not host:port"),
    ("fewer than one reject", ["rejected", "list", "--last", "0"], "greater than or equal to 1"),
]


@pytest.mark.parametrize(("arguments", "said"), [row[1:] for row in WRONG_CALLS], ids=[row[0] for row in WRONG_CALLS])
def test_a_wrong_call_exits_with_two_and_says_why(signals: Signals, arguments: list[str], said: str) -> None:
    ran = signals(*arguments)
    assert (ran.code, ran.out) == (2, "") or (ran.code == 2 and arguments == ["playbook"])
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_a_broker_that_is_away_is_one_line_and_exit_one(tmp_path: Path) -> None:
    # as users run it: kafka-python leaves a socket to the garbage collector when nobody answers
    ran = process(tmp_path, "-m", "programs", "topics", "check", "--broker", "127.0.0.1:1", warnings="")
    said = "no Kafka broker answers: 127.0.0.1:1 cannot be connected to (Connection refused)\n"
    assert ran == Ran(1, "", said)


def test_a_certificate_that_is_none_is_one_line_and_exit_two(tmp_path: Path, signals: Signals) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    environ = {"SIGNALS_BROKER_PROTOCOL": "SSL", "SIGNALS_BROKER_CA_FILE": "ca.pem"}
    ran = signals("topics", "check", "--broker", "127.0.0.1:1", **environ)
    assert (ran.code, ran.err.count("\n")) == (2, 1)


def test_a_whole_playbook(signals: Signals) -> None:
    ran = signals("playbook", "check", str(EXAMPLES / "playbooks" / "ten-lines.yaml"))
    assert (ran.code, ran.err) == (0, "")
    version, counts, on, *off = ran.out.splitlines()
    assert version.startswith("sha256:")
    assert counts == (
        "Ten lines: 1 pipeline, 4 stages, 1 segment, 0 SQL fields, 0 ICP criteria, 0 intents, 0 owners, 0 responses"
    )
    assert off == [
        "off: sql_unqualified: sql.fields names no qualification field",
        "off: post_sql_inconsistent: no pipeline names its sql_stage",
        "off: icp_mismatch: no icp criterion is defined",
        "off: handoff_incomplete: signals.handoff_incomplete names neither won_fields nor handover_fields",
        "off: amount_shrunk: no pipeline names its sql_stage",
        "off: next_step_stale: no pipeline names its sql_stage",
        "off: high_intent: no intents are defined",
        "off: intent_unanswered: no intents are defined",
    ]
    assert on == f"{len(Kind) - len(off)} of {len(Kind)} kinds of signal can open"


def test_a_playbook_against_what_the_configured_sources_tell(tmp_path: Path, signals: Signals) -> None:
    (tmp_path / "signals.toml").write_text(
        '[[sources]]\nname = "crm"\nkind = "salesforce"\nprovides = ["close_date"]\n'
    )
    ran = signals("playbook", "check", str(ROOT / "playbook" / "default.yaml"))
    assert ran.out.splitlines()[2:] == [
        f"{len(Kind)} of {len(Kind)} kinds of signal can open",
        *(
            f"off: {kind} for crm/default: the source does not provide {', '.join(sorted(lacking))}"
            for kind in Kind
            if (lacking := NEEDS[kind] - {Provides.CLOSE_DATE})
        ),
    ]


def test_a_broken_playbook_is_all_its_errors_on_stderr(tmp_path: Path, signals: Signals) -> None:
    (tmp_path / "book.yaml").write_text(
        "name: Broken\npipelines:\n  - name: P\n    sql_stage: Nowhere\n    stages:\n"
        '      - {name: A, max_days: -1}\n      - {name: B, outcome: won, entry: [{name: c, when: "a &&"}]}\n'
        "crm_url: ftp://x\n"
    )
    ran = signals("playbook", "check", "book.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert [line.split(": ")[:2] for line in ran.err.splitlines()] == [
        ["book.yaml:4", "pipelines[0].sql_stage"],
        ["book.yaml:5", "pipelines[0].stages"],
        ["book.yaml:6", "pipelines[0].stages[0].max_days"],
        ["book.yaml:7", "pipelines[0].stages[1].entry[0].when"],
        ["book.yaml:8", "crm_url"],
    ]


def test_a_playbook_cannot_steer_the_terminal(tmp_path: Path, signals: Signals) -> None:
    (tmp_path / "book.yaml").write_text('name: "\\e[2J"\npipelines: []\nowners: [{name: "\\u202ex", lead: "\\ey"}]\n')
    ran = signals("playbook", "check", "book.yaml")
    assert ran.code == 2
    assert "\x1b" not in ran.err
    assert r"\x1by" in ran.err


def test_show_prints_the_playbook_in_use_with_its_version(signals: Signals) -> None:
    shipped = signals("playbook", "show")
    text = (ROOT / "playbook" / "default.yaml").read_text()
    assert (shipped.code, shipped.out.partition("\n")[2]) == (0, text)
    own = EXAMPLES / "playbooks" / "ten-lines.yaml"
    shown = signals("playbook", "show", SIGNALS_PLAYBOOK=str(own))
    checked = signals("playbook", "check", str(own))
    assert shown.out.splitlines()[0] == f"# {checked.out.splitlines()[0]}"
    assert shown.out.partition("\n")[2] == own.read_text()


def test_schema_knows_every_name_that_the_default_playbook_uses(signals: Signals) -> None:
    schema = json.loads(signals("playbook", "schema").out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["required"] == ["name", "pipelines"]
    assert set(schema["$defs"]["Kind"]["enum"]) == {kind.value for kind in Kind}
    assert schema["$defs"]["Stage"]["properties"]["max_days"]["description"]
    assert schema["additionalProperties"] is False


def test_topics_are_listed_without_a_broker(tmp_path: Path, signals: Signals) -> None:
    (tmp_path / "signals.toml").write_text('[topics]\npartitions = 7\n[[sources]]\nname = "crm"\nkind = "salesforce"\n')
    ran = signals("topics", "list", "--json")
    rows = json.loads(ran.out)
    assert [rows[0]["name"], rows[0]["partitions"], rows[0]["kept"]] == ["crm.raw.crm", 7, "30 days"]
    table = signals("topics", "list").out.splitlines()
    assert [line.split()[0] for line in table] == ["name", *(row["name"] for row in rows)]


def test_settings_that_are_wrong_stop_every_command_with_all_their_errors(tmp_path: Path, signals: Signals) -> None:
    (tmp_path / "signals.toml").write_text('log_level = "loud"\nplaybook = "book.yaml"\n')
    (tmp_path / "book.yaml").write_text("name: x\n")
    ran = signals("topics", "list", SIGNALS_PARTITIONS="0")
    assert (ran.code, ran.out) == (2, "")
    assert [line.rpartition(": ")[0] for line in ran.err.splitlines()] == [
        "signals.toml: log_level",
        "environment: SIGNALS_PARTITIONS",
        "book.yaml:1: pipelines",
    ]


def test_a_reader_that_stops_reading_is_no_error(tmp_path: Path) -> None:
    command = f"import os; raise SystemExit(os.system('{sys.executable} -m programs playbook schema | head -1'))"
    assert process(tmp_path, "-c", command) == Ran(0, "{\n", "")


def test_the_console_script_is_this_command() -> None:
    scripts = {each.name: each.value for each in metadata.entry_points(group="console_scripts")}
    assert scripts["signals"] == "programs.cli:main"


@pytest.mark.parametrize("topic", ["people.events", "deal.events", "deal.signals", "deal.current", "crm.rejected"])
def test_the_values_of_a_topic_have_a_schema_that_is_json(signals: Signals, topic: str) -> None:
    ran = signals("topics", "schema", topic)
    assert ran.code == 0
    assert json.loads(ran.out).keys() & {"$ref", "anyOf"}


def test_a_topic_whose_values_are_not_ours_has_no_schema(signals: Signals) -> None:
    ran = signals("topics", "schema", "crm.raw.salesforce")
    assert (ran.code, ran.out) == (2, "")
    assert "no schema of ours" in ran.err
