"""A store whose disk is full: the write fails, and closing it does not keep the process from ending."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: In a process of its own: the limit on the size of its files, which stands in for the disk, is for good.
FULL = """
import resource, sys
from pathlib import Path
from engine.rocks import RocksStore
from engine.tail import Span
store = RocksStore(Path(sys.argv[1]), None, Span(0, 0))
store.settle({b"first": b"fits"}, 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    for number in range(100):
        store.settle({b"key%d" % number: b"x" * 1000}, number + 2)
except Exception as error:
    print("failed:", error)
store.close()
print("closed")
"""


def test_a_store_on_a_full_disk_fails_to_write_and_closes(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "store")], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "File too large" in ended.stdout
    assert ended.stdout.endswith("closed\n")
