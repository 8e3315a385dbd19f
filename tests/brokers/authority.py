"""A certificate authority of a test's own, made with `openssl`: nothing of it is committed or outlives the test."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Identity(NamedTuple):
    """A certificate and its key, each a PEM file."""

    cert_file: Path
    key_file: Path

    def in_one_file(self) -> Path:
        """Key and certificate in one file, as Kafka wants its own."""
        both = self.cert_file.with_suffix(".both.pem")
        both.touch(mode=0o600)
        both.write_text(self.key_file.read_text() + self.cert_file.read_text())
        return both


class Authority:
    """Signs certificates. `ca_file` is what those who trust it are given."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = name
        folder.mkdir(mode=0o700, exist_ok=True)
        self.ca_file = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl("req", "-x509", *_KEY, *_out(self.ca_file, self._key), "-days", "2", "-subj", f"/CN={name}")

    def issue(self, name: str, *, days: int = 2) -> Identity:
        """A certificate for who is called so, good on loopback; with `days` -1 it expired yesterday."""
        stem = self._folder / f"{self._name}-{name}-{days}"
        cert, key, request, purpose = (stem.with_suffix(ending) for ending in (".pem", ".key", ".csr", ".ext"))
        purpose.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        _openssl("req", *_KEY, *_out(request, key), "-subj", f"/CN={name}")
        signer = ("-CA", str(self.ca_file), "-CAkey", str(self._key), "-CAcreateserial")
        _openssl(
            "x509",
            "-req",
            "-in",
            str(request),
            *signer,
            "-days",
            str(days),
            "-extfile",
            str(purpose),
            "-out",
            str(cert),
        )
        return Identity(cert, key)


def _out(made: Path, key: Path) -> tuple[str, ...]:
    return ("-out", str(made), "-keyout", str(key))


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30, umask=0o077)
