"""The machinery's settings."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from engine.settings import Broker, EngineSettings, Security

PASSWORD = "not-to-be-seen"  # noqa: S105  # no secret: it stands here to be looked for


def test_a_password_shows_nowhere() -> None:
    security = Security("SASL_SSL", "SCRAM-SHA-512", "user", PASSWORD)
    settings = EngineSettings("detect", Broker("a:1", security), Path())
    assert PASSWORD not in repr(settings)
    assert security.client_options()["sasl_plain_password"] == PASSWORD


def test_servers_are_read_one_by_one() -> None:
    assert Broker("a:1, b:2,").bootstrap == ["a:1", "b:2"]


def test_kafkas_own_port_is_the_default() -> None:
    assert Broker("a,[::1]:7,b.example").bootstrap == ["a:9092", "[::1]:7", "b.example:9092"]


@pytest.mark.parametrize(
    ("protocol", "keys"),
    [
        ("PLAINTEXT", {"security_protocol"}),
        ("SSL", {"security_protocol", "ssl_context"}),
        ("SASL_PLAINTEXT", {"security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password"}),
    ],
)
def test_clients_are_told_what_the_protocol_needs(protocol: str, keys: set[str]) -> None:
    options = Security(protocol, user="user", password=PASSWORD).client_options()  # type: ignore[arg-type]  # a case table of plain words
    assert set(options) == keys


def test_certificates_are_verified_by_default() -> None:
    context = Security("SSL").ssl_context()
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(("change", "message"), [({"max_batch_records": 0}, "at least 1"), ({}, "names no server")])
def test_what_cannot_work_is_refused(change: dict[str, int], message: str) -> None:
    servers = "a:1" if change else " , "
    with pytest.raises(ValueError, match=message):
        EngineSettings("detect", Broker(servers), Path(), **change)  # type: ignore[arg-type]  # a case table
