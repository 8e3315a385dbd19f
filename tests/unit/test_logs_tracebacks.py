"""What a program logs of an error: where it was, and nothing of the customers' data that was at hand."""

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


def test_a_traceback_names_its_frames_and_no_variables() -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=60)
    line = json.loads(ended.stderr)
    assert [frame["name"] for frame in line["exception"][0]["frames"]] == ["<module>", "fold"]
    assert line["exception"][0]["exc_value"] == "no such stage"
    assert "acme" not in ended.stderr.replace("programs.logs", "")
