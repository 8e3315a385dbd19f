"""Everything of one machine: a broker, the topics, one child per program. What `up` and `demo` share."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import structlog
from kafka.errors import KafkaError

from engine.admin import apply, wait_for_broker
from engine.embedded import EmbeddedBroker, NoEmbeddedBroker
from engine.ports import free_run
from engine.reach import BrokerAway, BrokerRefuses
from engine.settings import Broker
from programs.commands.topics import specs
from programs.failures import CallError, WorkError
from programs.forward import trouble_of
from programs.intake.doors import listens, served, troubles
from programs.settings import FORWARD, INTAKE, PORTED, PROGRAMS, Settings
from programs.startup import Ready, to_broker
from programs.supervisor import Child, command_of

#: A broker that was named has this long to answer before `up` gives up.
BROKER_WAIT_S = 60.0
BROKER_TRY_S = 5.0

log = structlog.get_logger("up")


class Installation(NamedTuple):
    """A machine's worth of the product, before its programs run. `embedded` is the broker that it brought, if any."""

    broker: Broker
    embedded: EmbeddedBroker | None
    ports: dict[str, int]

    def metrics(self, host: str) -> dict[str, str]:
        """Where each program answers Prometheus."""
        return {name: f"http://{host}:{port}/metrics" for name, port in self.ports.items()}


@contextmanager
def installed(ready: Ready, data_dir: Path) -> Iterator[Installation]:
    """A broker that answers, with every topic in place. An embedded one is stopped in the end.

    Raises WorkError with one line when that cannot be had, CallError where a setting keeps us out.
    """
    settings = ready.settings
    if _takes_in(settings) and (wrong := list(troubles(settings))):
        raise CallError(*wrong)
    if untold := [why for why in map(trouble_of, settings.targets) if why]:
        raise CallError(*untold)
    ports = _ports(ready)
    with ExitStack() as stack:
        servers, embedded = settings.broker.bootstrap, None
        try:
            if servers is None:
                embedded = stack.enter_context(EmbeddedBroker(data_dir / "broker"))
                servers = embedded.servers
            broker = to_broker(settings.broker, servers)
            _reach(broker)
            _apply_topics(ready, broker)
        except BrokerRefuses as error:
            raise CallError(str(error)) from None
        except (NoEmbeddedBroker, BrokerAway) as error:
            raise WorkError(str(error)) from None
        yield Installation(broker, embedded, ports)


def _apply_topics(ready: Ready, broker: Broker) -> None:
    """Make what is missing. Raises `BrokerAway`, and WorkError with one line where the broker refuses."""
    try:
        apply(broker, specs(ready), replication=ready.settings.topics.replication)
    except KafkaError as error:
        user = broker.security.user or "our user"
        message = (
            f"the broker refuses to show or make topics: {error} (`signals topics acls`: what {user} must be allowed)"
        )
        raise WorkError(message) from None


def _reach(broker: Broker) -> None:
    """Wait until the broker answers, and say that we wait. Raises `BrokerAway` when it does not in time."""
    patience_s = BROKER_WAIT_S
    while True:
        try:
            wait_for_broker(broker, BROKER_TRY_S)
        except BrokerRefuses:
            raise
        except BrokerAway as error:
            patience_s -= BROKER_TRY_S
            if patience_s <= 0:
                raise
            log.warning("no broker answers, trying again", broker=broker.servers, why=str(error), left_s=patience_s)
        else:
            return


def children(ready: Ready, installation: Installation, environ: Mapping[str, str]) -> list[Child]:
    """The programs as children, in an environment that tells them what was found."""
    return [
        Child(name, command_of(*_words(name)), {**environ, **_told(ready, installation, name)})
        for name in installation.ports
    ]


def _words(name: str) -> list[str]:
    """How a program is called: `forward.<target>` is `forward` for one target."""
    program, _, target = name.partition(".")
    return [program, "--target", target] if target else [program]


def _place(name: str) -> int:
    """The place of a program among the ports."""
    return PORTED.index(name.partition(".")[0])


def _told(ready: Ready, installation: Installation, name: str) -> dict[str, str]:
    """What a child must know: the broker that was found, and the port that it was given (as its own base)."""
    base = installation.ports[name] - _place(name)
    return {
        "SIGNALS_BROKER": installation.broker.servers,
        "SIGNALS_WEB_PORT": str(base),
        "SIGNALS_DATA_DIR": str(ready.settings.data_dir.resolve()),
        "SIGNALS_PLAYBOOK": str(ready.settings.playbook.resolve()) if ready.settings.playbook else "",
        "PYTHONUNBUFFERED": "1",
    }


def _ports(ready: Ready) -> dict[str, int]:
    """A port for each program: the configured ones, or a free run of them where the base is 0. Raises WorkError."""
    web = ready.settings.web
    programs = (*PROGRAMS, *((INTAKE,) if _takes_in(ready.settings) else ()))
    targets = [f"{FORWARD}.{target.name}" for target in ready.settings.targets]
    if web.base_port:
        ports = {name: web.port(name) for name in programs}
        ports |= {name: web.port(FORWARD) + number for number, name in enumerate(targets)}
        _check_free(web.host, ports)
        return ports
    base = free_run(len(PORTED) + len(targets), web.host)
    free = {name: base + _place(name) for name in programs}
    return free | {name: base + PORTED.index(FORWARD) + number for number, name in enumerate(targets)}


def _takes_in(settings: Settings) -> bool:
    """Whether anything comes in over HTTP or from Slack, so that `intake` runs."""
    return bool(served(settings)) or listens(settings)


def _check_free(host: str, ports: Mapping[str, int]) -> None:
    """Raise WorkError with one line for each program whose port cannot be had."""
    taken: list[str] = []
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was left a moment ago is free
            try:
                probe.bind((host, port))
            except OSError as error:
                taken.append(
                    f"{name} cannot listen on {host}:{port}: {error.strerror} (SIGNALS_WEB_PORT=0 finds ports)"
                )
    if taken:
        raise WorkError("\n".join(taken))
