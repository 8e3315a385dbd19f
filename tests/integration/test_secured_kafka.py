"""The product on a Kafka that asks: TLS, a user per program by SCRAM or certificate, and no right but its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from kafka.errors import TopicAuthorizationFailedError

from engine.acls import Grant, Operation, Resource, grant
from engine.admin import TopicSpec, apply, produce, read_all
from engine.ports import free_port
from engine.reach import BrokerAway, BrokerRefuses, reach_now
from engine.records import Output
from engine.settings import Broker
from programs.permissions import ROLES, USER_PREFIX, grants
from programs.settings import INTAKE, PORTED, PROGRAMS
from programs.startup import prepare
from tests.brokers.apache import NoKafkaError
from tests.brokers.authority import Authority
from tests.brokers.secured import SecuredKafka, secured_kafka
from tests.conftest import REQUIRE_KAFKA
from tests.integration.test_load_backfill import DEALS, MAPPING, PLAYBOOK, SETTINGS
from tests.integration.test_up_whole import eventually, started
from tests.integration.test_up_whole import ready as all_ready
from topics.catalog import ALERT_OUTBOX, DEAL_EVENTS, DEAL_SIGNALS, DEFINITIONS, RAW_PREFIX, REJECTED, ROUTE_PREFIX
from topics.codec import encode
from topics.rejections import Rejection

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

SECRET = "open-sesame"  # noqa: S105 - a wrong one


#: A user who may do all that route may, but for one thing; what that is; what the last words of the program name.
LACKING = [
    ("no-group", Grant("route", Operation.READ, Resource.GROUP, "route"), "GroupAuthorizationFailed"),
    ("no-name", Grant("route", Operation.WRITE, Resource.TRANSACTIONAL_ID, "route.", prefixed=True), "TransactionalId"),
    ("no-input", Grant("route", Operation.READ, Resource.TOPIC, DEAL_SIGNALS), DEAL_SIGNALS),
    ("no-output", Grant("route", Operation.WRITE, Resource.TOPIC, "route.demos"), "route.demos"),
    ("no-definitions", Grant("route", Operation.READ, Resource.TOPIC, DEFINITIONS), DEFINITIONS),
]


@pytest.fixture(scope="module")
def kafka() -> Iterator[SecuredKafka]:
    try:
        with secured_kafka([*(USER_PREFIX + role for role in ROLES), *(row[0] for row in LACKING)]) as running:
            yield running
    except NoKafkaError as error:
        if os.environ.get(REQUIRE_KAFKA) == "1":
            raise
        pytest.skip(f"no Apache Kafka here: {error}")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that the broker does not know."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


def settings(broker: Broker, folder: Path, **more: str) -> dict[str, str]:
    """The environment of a process that talks to the broker."""
    usual = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALS_", "SLACK_"))}
    security = broker.security
    told = {
        "SIGNALS_BROKER": broker.servers,
        "SIGNALS_BROKER_PROTOCOL": security.protocol,
        "SIGNALS_BROKER_MECHANISM": security.mechanism,
        "SIGNALS_BROKER_USER": security.user,
        "SIGNALS_BROKER_PASSWORD": security.password,
        "SIGNALS_BROKER_CA_FILE": security.ca_file,
        "SIGNALS_BROKER_CERT_FILE": security.cert_file,
        "SIGNALS_BROKER_KEY_FILE": security.key_file,
        "SIGNALS_DATA_DIR": folder / "data",
        "SIGNALS_WEB_PORT": "0",
        "SIGNALS_PARTITIONS": "2",
    }
    return usual | {name: str(value) for name, value in told.items() if value is not None} | more


def signals(broker: Broker, folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One command, as a user runs it."""
    command = [sys.executable, "-m", "programs", *words]
    environ = settings(broker, folder, **more)
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=90, check=False)


Break = Callable[[SecuredKafka, Authority], Broker]

#: A sentence; who comes how; what is said of it; whether waiting may help.
REFUSED: list[tuple[str, Break, str, bool]] = [
    (
        "a wrong password",
        lambda kafka, _: kafka.with_password("signals-detect", password=SECRET),
        "refuses the user 'signals-detect': wrong user or password (SCRAM-SHA-512)",
        False,
    ),
    (
        "a user that nobody knows",
        lambda kafka, _: kafka.with_password("nobody", password=SECRET),
        "refuses the user 'nobody': wrong user or password",
        False,
    ),
    (
        "a mechanism that the broker has not",
        lambda kafka, _: kafka.with_password("signals-detect", mechanism="PLAIN"),
        "does not take logins by PLAIN",
        False,
    ),
    (
        "an authority that did not sign the broker's certificate",
        lambda kafka, stranger: kafka.with_password(ca_file=stranger.ca_file),
        "shows a certificate that is not trusted: ",
        False,
    ),
    (
        "no authority named, and the broker's is none that the system knows",
        lambda kafka, _: kafka.with_password(ca_file=None),
        "shows a certificate that is not trusted: ",
        False,
    ),
    (
        "no certificate where one is wanted",
        lambda kafka, _: kafka.with_certificate(cert_file=None, key_file=None),
        "wants a certificate of ours, and none is set",
        False,
    ),
    (
        "a certificate that expired",
        lambda kafka, _: kafka.with_certificate("signals-detect", days=-1),
        "wants a certificate of ours, and it does not take authority-signals-detect--1.pem",
        False,
    ),
    (
        "a certificate that another authority signed",
        lambda kafka, stranger: kafka.with_certificate(**stranger.issue("signals-detect")._asdict()),
        "wants a certificate of ours, and it does not take stranger-signals-detect-2.pem",
        False,
    ),
    (
        "TLS where the broker wants a login besides",
        lambda kafka, _: Broker(kafka.with_password().servers, kafka.with_certificate().security),
        "closes the connection: ",
        True,
    ),
    ("plain text to a TLS port", lambda kafka, _: Broker(kafka.with_password().servers), "closes the connection", True),
]


@pytest.mark.parametrize(("make", "said", "passes"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_who_is_not_let_in_is_told_why(
    kafka: SecuredKafka, stranger: Authority, make: Break, said: str, *, passes: bool
) -> None:
    broker = make(kafka, stranger)
    with pytest.raises(BrokerAway) as raised:
        reach_now(broker)
    assert said in str(raised.value)
    assert isinstance(raised.value, BrokerRefuses) != passes
    assert SECRET not in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_one_server_of_two_is_enough(kafka: SecuredKafka) -> None:
    broker = kafka.with_password()
    reach_now(Broker(f"127.0.0.1:{free_port()},{broker.servers}", broker.security))


@pytest.mark.parametrize("words", [("topics", "check"), ("detect",), ("up",)], ids=" ".join)
def test_a_wrong_password_ends_a_command_and_a_program_at_once_with_two(
    kafka: SecuredKafka, tmp_path: Path, words: tuple[str, ...]
) -> None:
    broker = kafka.with_password("signals-detect", password=SECRET)
    ran = signals(broker, tmp_path, *words, SIGNALS_LOG_LEVEL="debug")
    assert ran.returncode == 2
    assert "refuses the user 'signals-detect': wrong user or password" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert SECRET not in ran.stdout + ran.stderr


def test_a_certificate_that_cannot_be_read_ends_a_program_with_its_name(kafka: SecuredKafka, tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_text("not a certificate")
    broker = kafka.with_certificate("signals-detect", cert_file=tmp_path / "own.pem", key_file=None)
    ran = signals(broker, tmp_path, "detect")
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert "SIGNALS_BROKER_CERT_FILE: " in ran.stderr
    assert "own.pem and its key cannot be used" in ran.stderr


class Running(NamedTuple):
    """A program and where it answers."""

    name: str
    process: subprocess.Popen[str]
    address: str
    out: Path
    log: Path

    def not_ready(self) -> dict[str, str]:
        """What stands against it."""
        try:
            with urlopen(f"{self.address}/readyz", timeout=2) as answer:  # noqa: S310 - loopback
                found = json.load(answer)
        except HTTPError as error:
            found = json.load(error)
        except OSError as error:
            return {"web": str(error)}
        reasons: dict[str, str] = found["reasons"]
        return reasons


@contextmanager
def program(name: str, broker: Broker, folder: Path) -> Iterator[Running]:
    """One program as in production: alone, with its own user."""
    port = free_port()
    ports = {"SIGNALS_WEB_PORT": str(port - PORTED.index(name))}
    out, log = folder / f"{name}.out", folder / f"{name}.log"
    with out.open("w") as said, log.open("w") as errors:
        environ = settings(broker, folder, **ports, SIGNALS_LOG_LEVEL="debug", PYTHONUNBUFFERED="1")
        command = [sys.executable, "-m", "programs", name]
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=said, stderr=errors, text=True)
        try:
            yield Running(name, process, f"http://127.0.0.1:{port}", out, log)
        finally:
            process.terminate()
            try:
                process.wait(15)
            finally:
                process.kill()


@pytest.fixture(scope="module")
def installation(kafka: SecuredKafka, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings; the topics are made by the user who may, and each user is allowed what it needs."""
    folder = tmp_path_factory.mktemp("installation")
    files = {"mapping.yaml": MAPPING, "deals.csv": DEALS, "playbook.yaml": PLAYBOOK + INTENTS}
    files["signals.toml"] = 'playbook = "playbook.yaml"\n' + SETTINGS + WEB
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    granted = signals(kafka.with_password(), folder, "topics", "acls", "--grant")
    assert granted.returncode == 0, granted.stderr
    made = signals(kafka.with_password("signals-admin"), folder, "topics", "apply")
    assert made.returncode == 0, made.stderr
    return folder


INTENTS = """
intents:
  - {name: demo, when: kind == "demo_requested", route: demos}
fallback_channel: "#sales"
"""
WEB = """
[[sources]]
name = "web"
kind = "cloudevents"
"""
DEMO = {
    "specversion": "1.0",
    "id": "1",
    "source": "/site",
    "type": "demo_requested",
    "time": "2024-01-09T10:00:00Z",
    "data": {"contact_id": "ana"},
}


@pytest.mark.chaos
def test_every_program_works_with_the_rights_of_its_own_user_and_no_others(
    kafka: SecuredKafka, installation: Path
) -> None:
    by_certificate = {"detect", "send"}
    with ExitStack() as stack:
        running = []
        for name in PROGRAMS:
            user = USER_PREFIX + name
            broker = kafka.with_certificate(user) if name in by_certificate else kafka.with_password(user)
            running.append(stack.enter_context(program(name, broker, installation)))
        for one in running:
            eventually(f"{one.name} is ready", lambda one=one: one.not_ready() == {})  # type: ignore[misc]
        demo = Output(f"{RAW_PREFIX}web", None, json.dumps(DEMO).encode())
        produce(kafka.with_certificate("signals-connector"), [demo, Output(f"{RAW_PREFIX}web", None, b"no event")])
        loaded = signals(kafka.with_password("signals-loader"), installation, "load", "deals.csv", "--source", "files")
        assert (loaded.returncode, loaded.stderr) == (0, "")
        admin = kafka.with_password()
        eventually("the intent is routed", lambda: list(read_all(admin, f"{ROUTE_PREFIX}demos")))
        eventually("the overstay is drawn", lambda: "Engaging" in running[-1].out.read_text())
        listed = signals(kafka.with_password("signals-support"), installation, "rejected", "list")
        assert (listed.returncode, listed.stderr) == (0, "1 rejected: not_json 1\n")
        assert len(list(read_all(kafka.with_password("signals-support"), DEAL_SIGNALS))) == 2
        (installation / "next.yaml").write_text((PLAYBOOK + INTENTS).replace("max_days: 30", "max_days: 31"))
        published = signals(kafka.with_password("signals-publisher"), installation, "playbook", "publish", "next.yaml")
        assert (published.returncode, published.stderr) == (0, "")
        eventually("it switches", lambda: "definitions switched" in running[2].log.read_text())
        said = {one.name: one.log.read_text() for one in running}
        for one in running:
            assert one.not_ready() == {}, one.name
    for one in running:
        assert one.process.returncode == 0, said[one.name]
        assert "uthorization" not in said[one.name]
    secrets = set(kafka.passwords.values())
    assert not [name for name, text in said.items() if any(secret in text for secret in secrets)]


@pytest.mark.chaos
def test_up_works_with_one_user_that_may_do_everything_and_says_in_a_line_when_it_may_not(
    kafka: SecuredKafka, installation: Path
) -> None:
    refused = signals(kafka.with_password("signals-support"), installation, "up")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "`signals topics acls`: what signals-support must be allowed" in refused.stderr
    granted = signals(kafka.with_password(), installation, "topics", "acls", "--grant", "--user", "signals-up")
    assert granted.returncode == 0, granted.stderr
    environ = settings(kafka.with_certificate("signals-up"), installation)
    del environ["SIGNALS_BROKER"], environ["SIGNALS_WEB_PORT"], environ["SIGNALS_PARTITIONS"]
    told = {name: value for name, value in environ.items() if name.startswith("SIGNALS_")}
    broker = kafka.with_certificate("signals-up")
    with started(installation, installation / "playbook.yaml", "", broker.servers, **told, SLACK_BOT_TOKEN="") as up:
        eventually("all programs are ready", lambda: all_ready(up), 60)
    assert "Traceback" not in (installation / "up.log").read_text()


@pytest.mark.chaos
def test_intake_and_who_replays_rejects_work_with_their_own_rights(kafka: SecuredKafka, tmp_path: Path) -> None:
    port, raw = free_port(), f"{RAW_PREFIX}hooks"
    source = '[[sources]]\nname = "hooks"\nkind = "hubspot"\nwebhook = {insecure = true}\n'
    (tmp_path / "signals.toml").write_text(f"[intake]\nport = {port}\n{source}", encoding="utf-8")
    granted = signals(kafka.with_password(), tmp_path, "topics", "acls", "--grant")
    assert granted.returncode == 0, granted.stderr
    made = signals(kafka.with_password("signals-admin"), tmp_path, "topics", "apply")
    assert made.returncode == 0, made.stderr
    with program(INTAKE, kafka.with_certificate("signals-intake"), tmp_path) as intake:
        eventually("intake is ready", lambda: intake.not_ready() == {})
        with urlopen(Request(f"http://127.0.0.1:{port}/hubspot/hooks", data=b"[]"), timeout=5) as answer:
            assert answer.status == 200
    assert intake.process.returncode == 0
    rejection = Rejection(source="hooks/default", reason="not_json", topic=raw, partition=0, offset=9, value=b"{")
    produce(kafka.with_password(), [Output(REJECTED, b"hooks/default", encode(rejection))])
    ran = signals(kafka.with_password("signals-replayer"), tmp_path, "rejected", "replay", "--source", "hooks/default")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1 record sent again: not_json 1\n", "")
    assert [record.value for record in read_all(kafka.with_password(), raw)] == [b"[]", b"{"]


#: A user, and a topic that is none of its business to write.
FORBIDDEN = [
    ("route", DEAL_EVENTS),
    ("route", DEFINITIONS),
    ("detect", DEFINITIONS),
    ("route", ALERT_OUTBOX),
    ("send", DEAL_SIGNALS),
    ("detect", DEAL_EVENTS),
    ("connector", DEAL_EVENTS),
    ("intake", DEAL_EVENTS),
    ("replayer", DEAL_EVENTS),
    ("support", f"{RAW_PREFIX}web"),
]


@pytest.mark.chaos
@pytest.mark.parametrize(("role", "topic"), FORBIDDEN)
@pytest.mark.usefixtures("installation")
def test_nobody_writes_what_is_not_theirs(kafka: SecuredKafka, role: str, topic: str) -> None:
    before = len(list(read_all(kafka.with_password(), topic)))
    with pytest.raises((TopicAuthorizationFailedError, LookupError)):
        produce(kafka.with_password(USER_PREFIX + role), [Output(topic, b"key", b"{}")])
    assert len(list(read_all(kafka.with_password(), topic))) == before


def errors(program: Running) -> list[str]:
    """The lines in which a program says that something is wrong."""
    lines = [line for line in program.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if json.loads(line)["level"] in ("warning", "error", "critical")]


@pytest.mark.chaos
@pytest.mark.parametrize(("user", "lacking", "said"), LACKING, ids=[row[0] for row in LACKING])
def test_a_program_that_lacks_a_right_names_it(
    kafka: SecuredKafka, installation: Path, user: str, lacking: Grant, said: str
) -> None:
    ready = prepare({"SIGNALS_SETTINGS": str(installation / "signals.toml")}, installation)
    rights = [one for one in grants([topic.name for topic in ready.topics()], prefix="") if one.user == "route"]
    assert lacking in rights
    grant(kafka.with_password(), [one._replace(user=user) for one in rights if one != lacking])
    # a person of its own: one who asks a second time within days is no news, and nothing would be routed
    asked = DEMO | {"id": user, "data": {"contact_id": user}}
    demo = Output(f"{RAW_PREFIX}web", None, json.dumps(asked).encode())
    people = ("ingest", "join")
    with ExitStack() as stack:
        for name in people:
            stack.enter_context(program(name, kafka.with_password(USER_PREFIX + name), installation))
        produce(kafka.with_certificate("signals-connector"), [demo])
        route = stack.enter_context(program("route", kafka.with_password(user), installation))
        eventually(f"{said} is named", lambda: any(said in line for line in errors(route)), 90)
        if lacking.name != DEFINITIONS:  # without those it works on with the file that it has
            eventually("it is not ready, or has ended", lambda: route.not_ready() != {})


@pytest.mark.chaos
def test_a_broker_whose_certificate_expires_is_named_and_taken_back_when_it_is_renewed(
    kafka: SecuredKafka, installation: Path
) -> None:
    with program("route", kafka.with_password("signals-route"), installation) as route:
        eventually("route is ready", lambda: route.not_ready() == {})
        try:
            kafka.renew(days=-1)
            eventually("it says why", lambda: "certificate has expired" in route.not_ready().get("broker", ""))
        finally:
            kafka.renew()
        eventually("route is ready again", lambda: route.not_ready() == {})
    assert route.process.returncode == 0


def test_a_right_is_for_what_begins_so_only_where_it_is_meant(kafka: SecuredKafka) -> None:
    apply(kafka.with_password(), [TopicSpec("mine", 1, {}), TopicSpec("mine.too", 1, {})])
    user = kafka.with_password("signals-connector")
    grant(kafka.with_password(), [Grant("signals-connector", Operation.WRITE, Resource.TOPIC, "mine")])
    assert produce(user, [Output("mine", b"key", b"value")]) == 1
    with pytest.raises((TopicAuthorizationFailedError, LookupError)):
        produce(user, [Output("mine.too", b"key", b"value")])
    grant(kafka.with_password(), [Grant("signals-connector", Operation.WRITE, Resource.TOPIC, "mine", prefixed=True)])
    eventually("the right counts", lambda: _wrote(user, "mine.too"))


def _wrote(broker: Broker, topic: str) -> bool:
    try:
        return produce(broker, [Output(topic, b"key", b"value")]) == 1
    except (TopicAuthorizationFailedError, LookupError):
        return False
