"""The table of rights says what the wiring does, and the documented table says what the code says."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from engine.acls import Grant, Operation, Resource
from engine.batches import BatchApp
from engine.clock import Clock
from programs.permissions import ADMIN, OTHER_DUTIES, PROGRAM_DUTIES, ROLES, Duty, commands, grants
from programs.settings import PROGRAMS
from programs.startup import Ready, prepare
from programs.wiring import BUILDS
from topics.catalog import DEAL_EVENTS, DEFINITIONS, RAW_PREFIX, ROUTE_PREFIX

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Ready:
    return prepare({}, tmp_path_factory.mktemp("settings"))


def topics_of(ready: Ready) -> list[str]:
    return [topic.name for topic in ready.topics()]


def matching(patterns: tuple[str, ...], names: list[str]) -> set[str]:
    return {name for name in names for each in patterns if name == each or (each[-1] == "." and name.startswith(each))}


def clock_of(app: BatchApp) -> Clock | None:
    owners = [getattr(start, "__self__", None) for start in app.background]
    return next((owner for owner in owners if isinstance(owner, Clock)), None)


def test_every_program_has_a_row_in_the_order_of_the_flow() -> None:
    assert tuple(duty.role for duty in PROGRAM_DUTIES) == PROGRAMS == tuple(BUILDS)


@pytest.mark.parametrize("duty", PROGRAM_DUTIES, ids=[duty.role for duty in PROGRAM_DUTIES])
def test_a_program_takes_and_keeps_what_its_row_says(ready: Ready, duty: Duty) -> None:
    app = BUILDS[duty.role](ready, "127.0.0.1:1")
    taken = {topic for each in app.attachments for topic in each.topics}
    kept = {each.state_topic for each in app.attachments if each.state_topic}
    assert taken == matching(duty.takes, topics_of(ready))
    assert kept == set(duty.keeps)
    clock = clock_of(app)
    if clock is None:
        assert not duty.watches
    else:
        plan = clock._plan
        assert plan.target in (*duty.reads, *duty.takes)
        assert plan.target in duty.writes
        groups = {upstream.group for upstream in plan.upstream}
        assert groups == {duty.role, *duty.watches}
        watched = {topic for upstream in plan.upstream for topic in upstream.topics}
        assert watched <= taken | set(duty.reads)


def test_who_may_write_what_decides_is_few(ready: Ready) -> None:
    names = topics_of(ready)
    writers = {name: set[str]() for name in names}
    for one in grants(names, prefix=""):
        if one.operation is Operation.WRITE and one.resource is Resource.TOPIC:
            writers[one.name].add(one.user)
    assert writers[DEFINITIONS] == {"publisher", "baselines"}
    assert writers[DEAL_EVENTS] == {"ingest", "join", "baselines", "loader", "publisher", "forgetter"}
    assert {name: who for name, who in writers.items() if name.startswith("state.")} == {
        "state.join": {"join"},
        "state.detect": {"detect"},
        "state.baselines": {"baselines"},
        "state.fanout": {"notify"},
        "state.notify": {"notify"},
    }
    assert all(who for who in writers.values()), "a topic that nobody may write"


def test_a_transaction_is_named_after_its_program_alone(ready: Ready) -> None:
    named = [one for one in grants(topics_of(ready), prefix="") if one.resource is Resource.TRANSACTIONAL_ID]
    names = [
        *((name, name) for name in PROGRAMS),
        ("forward", "forward"),
        ("publisher", "publish"),
        ("replayer", "replay"),
        ("forgetter", "forget"),
    ]
    assert [(one.user, one.name, one.prefixed) for one in named] == [(user, f"{name}.", True) for user, name in names]
    assert not [one for one in PROGRAMS for other in PROGRAMS if one != other and other.startswith(f"{one}.")]


def test_roles_are_each_granted_something_and_one_user_gets_everything_once(ready: Ready) -> None:
    names = topics_of(ready)
    assert {one.user for one in grants(names)} == {f"signals-{role}" for role in ROLES}
    assert {duty.role for duty in (*PROGRAM_DUTIES, *OTHER_DUTIES)} | {ADMIN} == set(ROLES)
    single = grants(names, everything_to="signals")
    assert len(single) == len(set(single)) == len({one._replace(user="signals") for one in grants(names)})


def test_a_pattern_stands_for_all_topics_that_begin_so(ready: Ready) -> None:
    names = [*topics_of(ready), "crm.rawest", "route"]
    granted = {(one.user, one.name) for one in grants(names, prefix="") if one.operation is not Operation.DESCRIBE}
    assert {name for user, name in granted if user == "connector"} == {n for n in names if n.startswith(RAW_PREFIX)}
    routed = {name for user, name in granted if user == "route" and name.startswith("route")}
    assert routed == {name for name in names if name.startswith(ROUTE_PREFIX)} | {"route", "route."}


def test_the_commands_say_the_same(ready: Ready) -> None:
    wanted = grants(topics_of(ready))
    assert {one for line in commands(wanted, "kafka:9092") for one in read_back(line)} == set(wanted)


def read_back(line: str) -> list[Grant]:
    words = shlex.split(line)
    assert words[:6] == [
        "kafka-acls.sh",
        "--bootstrap-server",
        "kafka:9092",
        "--command-config",
        "admin.properties",
        "--add",
    ]
    pairs = list(zip(words[6::2], words[7::2], strict=True))
    (user,) = [value.removeprefix("User:") for name, value in pairs if name == "--allow-principal"]
    (place,) = [(name[2:], value) for name, value in pairs if name[2:] in set(Resource)]
    prefixed = ("--resource-pattern-type", "prefixed") in pairs
    operations = [Operation(value) for name, value in pairs if name == "--operation"]
    return [Grant(user, one, Resource(place[0]), place[1], prefixed) for one in operations]


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ([], "user               operation        resource          name"),
        (["--user", "all"], "user  operation        resource          name"),
        (["--commands"], "kafka-acls.sh --bootstrap-server kafka:9092 --command-config admin.properties --add"),
    ],
)
def test_the_command_line_prints_them(tmp_path: Path, options: list[str], first: str, ready: Ready) -> None:
    command = [sys.executable, "-m", "programs", "topics", "acls", "--broker", "kafka:9092", *options]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0].startswith(first)
    assert any(line.split()[-1] == "definitions" for line in lines)
    assert len(lines) > len(topics_of(ready))
