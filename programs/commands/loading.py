"""What most commands begin with: settings, playbook and sources, or one line for each thing that is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.settings import Broker
from programs.failures import CallError, WorkError
from programs.startup import NotReadyError, Ready, prepare, to_broker


def ready(*, broker: str | None = None, playbook: Path | None = None) -> Ready:
    """Everything checked, with a command's own options over the environment. Raises CallError with every reason."""
    given = {"SIGNALS_BROKER": broker or "", "SIGNALS_PLAYBOOK": str(playbook or "")}
    environ = {**os.environ, **{name: value for name, value in given.items() if value}}
    try:
        return prepare(environ, Path())
    except NotReadyError as error:
        raise CallError(*error.lines) from None


def broker_of(installation: Ready) -> Broker:
    """The configured broker, for commands that talk to one themselves. Raises CallError where none is named."""
    servers = installation.settings.broker.bootstrap
    if servers is None:
        message = "no broker: name one with --broker, SIGNALS_BROKER or broker.bootstrap in signals.toml"
        raise CallError(message)
    return to_broker(installation.settings.broker, servers)


@contextmanager
def broker_answers() -> Iterator[None]:
    """Ends a command with one line where the broker is away or refuses, or where a certificate cannot be read."""
    from kafka.errors import KafkaError  # noqa: PLC0415 - takes 0.2 s, and only these commands need it

    from engine.reach import BrokerAway, BrokerRefuses  # noqa: PLC0415 - the same

    try:
        yield
    except BrokerRefuses as error:
        raise CallError(str(error)) from None
    except (BrokerAway, LookupError) as error:
        raise WorkError(str(error)) from None
    except KafkaError as error:
        message = f"the broker refused: {error}"
        raise WorkError(message) from None
    except OSError as error:
        message = f"{error.filename or 'broker'}: {error.strerror or error}"
        raise CallError(message) from None
