"""What a program logs: of an error where it was, and nothing of the customers' data that was at hand; nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from engine.records import Record
from programs.configuration import SettingsError, load_settings
from programs.lines import Sparing, place_of
from programs.supervisor import Child

SCRIPT = """
import structlog
from programs.logs import configure
configure("detect", "info")
def fold(secret):
    raise ValueError("no such stage")
try:
    fold("acme's amount " * 1000)
except ValueError as error:
    structlog.get_logger().error("failed", exc_info=error)
"""
REPEATED = """
import logging
from programs.logs import configure
configure("detect", "info")
for node in (1, 1, 2, 1, 2):
    logging.getLogger("aiokafka").error("Unable connect to node with id %s", node)
"""


def test_a_library_that_says_the_same_again_and_again_is_heard_once() -> None:
    ended = subprocess.run([sys.executable, "-c", REPEATED], capture_output=True, text=True, check=True, timeout=60)
    assert [json.loads(line)["event"][-1] for line in ended.stderr.splitlines()] == ["1", "2"]


def test_a_traceback_names_its_frames_and_no_variables() -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60)
    line = json.loads(ended.stderr)
    assert [frame["name"] for frame in line["exception"][0]["frames"]] == ["<module>", "fold"]
    assert line["exception"][0]["exc_value"] == "no such stage"
    assert "acme" not in ended.stderr.replace("programs.logs", "")


PLANTED = 'pa"ss\\wörd-7'
LEVELS = ("debug", "info", "warning", "error")
#: Every way in which something is said, with the secret in it.
SAYS = f"""
import logging, sys, threading, warnings
import structlog
from programs.logs import configure
secret = {PLANTED!r}
configure("detect", sys.argv[1], [secret, "abc"])
log = structlog.get_logger("detect")
log.debug("abc", password=secret); log.info(secret); log.warning("w", nested={{"a": [secret]}})
log.error("e", b=secret)
logging.getLogger("kafka.conn").critical("connecting with %s", secret)
logging.getLogger("aiokafka").error("connecting with %r", secret)
logging.captureWarnings(True); warnings.warn(secret)
def login(given):
    raise ValueError(f"cannot log in with {{given}}")
try:
    login(secret)
except ValueError as error:
    log.error("failed", exc_info=error)
    logging.getLogger("faust").exception("failed")
thread = threading.Thread(target=login, args=(secret,)); thread.start(); thread.join()
login(secret)
"""


@pytest.mark.parametrize("level", LEVELS)
def test_a_secret_stands_in_no_line_whoever_says_it_and_however(level: str) -> None:
    ended = subprocess.run([sys.executable, "-c", SAYS, level], capture_output=True, text=True, check=False, timeout=60)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert ended.returncode == 1
    assert len(lines) == 8 + 3 - LEVELS.index(level)
    assert PLANTED.endswith("rd-7")
    assert "rd-7" not in ended.stderr + ended.stdout
    assert "***" in ended.stderr
    assert [line["event"] for line in lines[-2:]] == ["ended by an error"] * 2
    assert ("abc" in ended.stderr) == (level == "debug"), "three letters are no secret"


def test_what_is_wrong_in_the_settings_repeats_no_secret(tmp_path: Path) -> None:
    environ = {
        "SIGNALS_BROKER": f"signals:{PLANTED}@kafka:9092",
        "SIGNALS_BROKER_PASSWORD": PLANTED,
        "SIGNALS_BROKER_PROTOCOL": "SASL",
        "SLACK_BOT_TOKEN": PLANTED,
        "SLACK_API_URL": f"https://{PLANTED}@slack.example/",
    }
    with pytest.raises(SettingsError) as refused:
        load_settings(environ, tmp_path)
    assert len(refused.value.problems) == 4
    assert PLANTED not in str(refused.value) + repr(refused.value)
    settings = load_settings(
        {**environ, "SIGNALS_BROKER": "", "SIGNALS_BROKER_PROTOCOL": "", "SLACK_API_URL": ""}, tmp_path
    )
    assert settings.secrets() == (PLANTED, PLANTED)
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    child = Child("send", ["signals", "send"], environ)
    assert PLANTED not in shown + repr(child)


def test_what_comes_by_the_thousand_is_said_once_in_a_while_with_how_many() -> None:
    now = [0.0]
    with structlog.testing.capture_logs() as logs:
        sparing = Sparing("ingest", lambda: now[0])
        record = Record("crm.raw.web", 3, 17, 0, b"\xff006", b"{}")
        for number in range(1_000):
            now[0] = number * 0.015
            sparing.warning("refused", ("web", "not_json"), **place_of(record))
        sparing.warning("refused", ("web", "no_subject"))
    assert [(line["event"], line.get("unsaid_before")) for line in logs] == [
        ("refused", None),
        ("refused", 666),
        ("refused", None),
    ]
    place = {"topic": "crm.raw.web", "partition": 3, "offset": 17, "key": r"\xff006"}
    assert place.items() <= logs[0].items()
