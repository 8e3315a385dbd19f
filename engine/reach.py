"""Whether a broker lets us in, and if not, why: clients only say that they could not connect, and try for ever.

A lasting reason (a wrong password, a certificate that nobody trusts) is cured by a person alone, so it is told from
one that passes by itself (nobody listens, a broker that starts).
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from typing import NamedTuple

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from engine.settings import Broker, Security

TRY_S = 5.0
CLOSE_S = 0.2


class BrokerAway(Exception):  # noqa: N818  # a state of the world rather than a fault
    """No broker answers, or it stopped answering; the message is one line for a person."""


class BrokerRefuses(BrokerAway):
    """A broker answers and does not let us in, or we do not trust it: trying again would change nothing."""


def may_pass(error: KafkaError) -> bool:
    """Whether waiting may mend it. aiokafka's own time-outs, of a node that stands still, do not say so themselves."""
    return bool(error.retriable) or isinstance(error, KafkaTimeoutError)


class Trouble(NamedTuple):
    """Why one server cannot be used. `lasting`: it stays so until somebody changes a setting or a certificate."""

    why: str
    lasting: bool


async def reach(broker: Broker, timeout_s: float = TRY_S) -> None:
    """Return when one of the servers lets us in. Raises `BrokerRefuses`, `BrokerAway`; `OSError` for a file of ours."""
    options = broker.security.client_options()
    troubles: list[tuple[str, Trouble]] = []
    for server in broker.bootstrap:
        host, _, port = server.rpartition(":")
        trouble = await _try(host.strip("[]"), int(port), options, broker.security, timeout_s)
        if trouble is None:
            return
        troubles.append((server, trouble))
    said = "; ".join(f"{server} {trouble.why}" for server, trouble in troubles)
    if all(trouble.lasting for _, trouble in troubles):
        raise BrokerRefuses(said)
    msg = f"no Kafka broker answers: {said}"
    raise BrokerAway(msg)


async def why_away(broker: Broker) -> str:
    """Why the broker is not to be reached now, in one line for the ready check."""
    try:
        await reach(broker)
    except BrokerAway as error:
        return str(error)
    return "the broker lets us in, and does not answer in time"


def reach_now(broker: Broker, timeout_s: float = TRY_S) -> None:
    """The same without a loop of the caller's; from inside one, too."""
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            asyncio.run(reach(broker, timeout_s))
        except BaseException as error:  # noqa: BLE001  # handed to the caller's thread
            raised.append(error)

    thread = threading.Thread(target=ask, name="reach")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


async def _try(
    host: str, port: int, options: dict[str, object], security: Security, timeout_s: float
) -> Trouble | None:
    link = AIOKafkaConnection(host, port, client_id="reach", **options)
    try:
        async with asyncio.timeout(timeout_s):
            await link.connect()
            await link.send(MetadataRequest([]))  # a broker that waits for a login lets us ask for versions only
    except (KafkaError, OSError, TimeoutError) as error:
        return trouble_of(error, security)
    finally:
        closed = link.close()
        await asyncio.wait([closed], timeout=CLOSE_S)  # one that never was connected stays open for ever
    return None


def trouble_of(error: Exception, security: Security) -> Trouble:
    """What an attempt to connect failed of, in words without the password."""
    tls = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(tls, ssl.SSLError):
        return Trouble(_tls(tls, security), lasting=True)
    for kinds, words, lasting in _WORDS:
        if isinstance(error, kinds):
            what = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
            return Trouble(words.format(user=security.user, mechanism=security.mechanism, what=what), lasting)
    return Trouble(f"fails: {error!r}", lasting=False)


#: Errors of a connection, what they say of the server, and whether that lasts. The first that fits counts.
_WORDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str, bool], ...] = (
    (SaslAuthenticationFailed, "refuses the user {user!r}: wrong user or password ({mechanism})", True),
    ((UnsupportedSaslMechanismError, IllegalSaslStateError), "does not take logins by {mechanism}", True),
    (KafkaConnectionError, "closes the connection: it is starting, or its listener has another protocol", False),
    (TimeoutError, "does not answer in time", False),
    (OSError, "cannot be connected to ({what})", False),
)


def _tls(error: ssl.SSLError, security: Security) -> str:
    """TLS's own words: an alert is what the other side thinks of our certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"shows a certificate that is not trusted: {error.verify_message}"
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if "certificate" in reason:
        ours = "none is set" if security.cert_file is None else f"it does not take {security.cert_file.name}"
        return f"wants a certificate of ours, and {ours}: {reason}"
    return f"does not agree on TLS: {reason}"
