"""`make kafka`: a broker that answers where it says, and nothing of it after Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.embedded import answers
from engine.ports import free_port
from tests.brokers.apache import NoKafkaError, fetch_jars
from tests.brokers.developer import is_free
from tests.conftest import REQUIRE_KAFKA

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def jars() -> None:
    """The jars of Apache Kafka."""
    try:
        fetch_jars()
    except NoKafkaError as error:
        if os.environ.get(REQUIRE_KAFKA) == "1":
            raise
        pytest.skip(f"no Apache Kafka here: {error}")


@pytest.mark.kafka
@pytest.mark.usefixtures("jars")
def test_it_answers_where_it_says_and_leaves_nothing_after_ctrl_c(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tests.brokers.developer", "--port", str(port)]
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert f"127.0.0.1:{port}" in process.stdout.readline()
            assert answers(port)
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
            process.wait(20)
        finally:
            process.kill()
    assert f"SIGNALS_BROKER=127.0.0.1:{port}" in rest
    assert process.returncode == 0
    assert is_free(port)
    assert list(tmp_path.iterdir()) == []
