"""What a program logs: of an error where it was, and nothing of the customers' data that was at hand; nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys

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
