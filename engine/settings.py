"""What the machinery must be told: where the broker is, how to speak to it, and its own few limits."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""The largest record that any topic takes (the raw topics'): fetches and requests must have room for one."""

ANSWER_MS = 10_000
"""How long a broker may take to answer; then it is taken for frozen and another is asked. aiokafka's 40 s would hold up
every partition for as long when one broker of several stands still."""

_HAS_PORT = re.compile(r":\d+$")

StoreKind = Literal["memory", "rocksdb"]


@dataclass(frozen=True)
class Security:
    """How to prove who we are, in the words of Kafka's own settings. The password never shows in a `repr`."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS context, or None where the protocol has none. Raises `OSError` for a file that cannot be read."""
        if not self.protocol.endswith("SSL"):
            return None
        context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        if self.cert_file is not None:
            context.load_cert_chain(str(self.cert_file), str(self.key_file) if self.key_file else None)
        return context

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments that aiokafka's and kafka-python's clients share."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        context = self.ssl_context()
        if context is not None:
            options["ssl_context"] = context
        if self.protocol.startswith("SASL"):
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options


@dataclass(frozen=True)
class Broker:
    """Where the broker is and how to speak to it. `servers` is `host:port[,host:port]`."""

    servers: str
    security: Security = field(default_factory=Security)

    @property
    def bootstrap(self) -> list[str]:
        """The servers, one by one; without a port it is Kafka's own, 9092."""
        named = (server.strip() for server in self.servers.split(","))
        return [server if _HAS_PORT.search(server) else f"{server}:9092" for server in named if server]

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments with which any client of either library connects."""
        return {"bootstrap_servers": self.bootstrap, **self.security.client_options()}


@dataclass(frozen=True)
class EngineSettings:
    """One program's machinery.

    `name` is the consumer group, so the workers of one program share its partitions. Times are in seconds.

    Defaults: the session of 10 s is the design's (a dead worker's partitions move after it); a batch of 5,000 records
    keeps a processor of 50 microseconds a record under 250 ms; `drain_s` plus the clients' own closing stays under
    the 10 s in which a program must stop; a commit every 0.2 s keeps the clock, which waits for commits, under its
    second.
    """

    name: str
    broker: Broker
    data_dir: Path
    web_host: str = "127.0.0.1"
    web_port: int = 0
    session_timeout_s: float = 10.0
    max_batch_records: int = 5_000
    max_write_batch_bytes: int = 512 * 1024
    commit_interval_s: float = 0.2
    drain_s: float = 5.0
    store: StoreKind = "memory"

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises `ValueError`."""
        if self.max_batch_records < 1:
            msg = f"max_batch_records must be at least 1, not {self.max_batch_records}"
            raise ValueError(msg)
        if not self.broker.bootstrap:
            msg = "broker names no server"
            raise ValueError(msg)
