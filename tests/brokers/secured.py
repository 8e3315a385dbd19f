"""Apache Kafka as a careful company runs it: TLS, SCRAM or client certificates, nothing allowed unless an ACL says so.

One node on loopback; certificates and passwords are made for it and go with it.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from engine.admin import wait_for_broker
from engine.ports import free_port
from engine.reach import BrokerAway
from engine.settings import Broker, Security
from tests.brokers.apache import READY_S, SETTINGS, Node, NoKafkaError, fetch_jars, java
from tests.brokers.authority import Authority

#: May do everything: who sets the cluster up.
ADMIN = "admin"

#: What differs from an open node; of a name that stands twice in a properties file, the last one counts.
SECURED = """
listeners=SCRAM://127.0.0.1:{port},CERTS://127.0.0.1:{certs_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=SCRAM://127.0.0.1:{port},CERTS://127.0.0.1:{certs_port}
listener.security.protocol.map=SCRAM:SASL_SSL,CERTS:SSL,CONTROLLER:SSL
inter.broker.listener.name=CERTS
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
listener.name.scram.ssl.keystore.type=PEM
listener.name.scram.ssl.keystore.location={shown}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^CN=(.*?)$/$1/
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{admin};User:broker
allow.everyone.if.no.acl.found=false
"""


class SecuredKafka:
    """A running secured node; `passwords` has who may log in with one."""

    def __init__(self, folder: Path, users: Iterable[str]) -> None:
        self.authority = Authority(folder / "authority")
        self.passwords = {name: secrets.token_hex(12) for name in (ADMIN, *users)}
        self._certs_port = free_port()
        self._node = Node(1, free_port(), free_port(), folder / "node1")

    @property
    def log(self) -> str:
        """What the broker said."""
        return self._node.log.read_text(errors="replace")

    def with_password(self, user: str = ADMIN, **changes: Any) -> Broker:  # noqa: ANN401  # the fields of `Security`
        """The broker for a user who logs in with a password; `changes` are other values of `Security`."""
        security = Security(
            protocol="SASL_SSL",
            mechanism="SCRAM-SHA-512",
            user=user,
            password=self.passwords.get(user),
            ca_file=self.authority.ca_file,
        )
        return Broker(f"127.0.0.1:{self._node.port}", replace(security, **changes))

    def with_certificate(self, user: str = ADMIN, *, days: int = 2, **changes: Any) -> Broker:  # noqa: ANN401  # the fields of `Security`
        """The broker for a user who shows a certificate, which expired yesterday with `days` -1."""
        mine = self.authority.issue(user, days=days)
        security = Security(
            protocol="SSL", ca_file=self.authority.ca_file, cert_file=mine.cert_file, key_file=mine.key_file
        )
        return Broker(f"127.0.0.1:{self._certs_port}", replace(security, **changes))

    def start(self) -> None:
        """Format the storage where it is new, start the node, and wait for it. Raises NoKafkaError."""
        fetch_jars()
        if not self._node.folder.exists():
            self._format()
        self._node.start()
        try:
            wait_for_broker(self.with_password(), READY_S)
        except BrokerAway as error:
            msg = f"secured Kafka did not come up: {self.log[-2000:]}"
            raise NoKafkaError(msg) from error

    def renew(self, *, days: int = 2, authority: Authority | None = None) -> None:
        """Start the node anew with another certificate for who logs in: expired with `days` -1, or another's."""
        self._node.stop()
        self._keystore("shown", authority or self.authority, days)
        self._node.start()

    def kill(self) -> None:
        """End it at once."""
        self._node.kill()

    def _keystore(self, name: str, authority: Authority, days: int) -> Path:
        kept = self._node.folder / f"{name}.pem"
        kept.touch(mode=0o600)
        kept.write_text(authority.issue("broker", days=days).in_one_file().read_text())
        return kept

    def _format(self) -> None:
        node = self._node
        node.folder.mkdir(parents=True)
        ports = {"port": node.port, "controller_port": node.controller_port}
        voters = f"1@127.0.0.1:{node.controller_port}"
        settings = SETTINGS.format(**ports, node=1, folder=node.folder, voters=voters, replicas=1, in_sync=1)
        settings += SECURED.format(
            **ports,
            certs_port=self._certs_port,
            keystore=self._keystore("own", self.authority, 2),  # Kafka would not start with one that it does not trust
            shown=self._keystore("shown", self.authority, 2),
            truststore=self.authority.ca_file,
            admin=ADMIN,
        )
        properties = node.folder / "server.properties"
        properties.write_text(settings)
        users = (f"SCRAM-SHA-512=[name={name},password={secret}]" for name, secret in self.passwords.items())
        scram = (word for user in users for word in ("--add-scram", user))
        tool = java("kafka.tools.StorageTool", "format", "-t", uuid4().hex[:22], "-c", str(properties), *scram)
        made = subprocess.run(tool, capture_output=True, check=False, timeout=READY_S)
        if made.returncode != 0:
            msg = f"Kafka's storage could not be formatted: {made.stdout.decode()[-500:]} {made.stderr.decode()[-500:]}"
            raise NoKafkaError(msg)


@contextmanager
def secured_kafka(users: Iterable[str] = ()) -> Iterator[SecuredKafka]:
    """A secured node in a folder of its own; nothing is left at the end."""
    if shutil.which("openssl") is None:
        msg = "openssl is not installed"
        raise NoKafkaError(msg)
    with tempfile.TemporaryDirectory(prefix="kafka-") as folder:
        kafka = SecuredKafka(Path(folder), users)
        try:
            kafka.start()
            yield kafka
        finally:
            kafka.kill()
