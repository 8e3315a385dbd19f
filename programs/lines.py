"""Log lines about records: where each stands, and no more of them than anybody reads."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from engine.records import Record

#: What may come by the thousand is said this often, each time with how many there were.
SPARINGLY_S = 10.0
_KEY_BYTES = 100

Say = Callable[..., object]


def place_of(record: Record) -> dict[str, object]:
    """Where a record stands, as a log line names it; the key is shortened."""
    key = (record.key or b"")[:_KEY_BYTES].decode(errors="backslashreplace")
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset, "key": key}


class Sparing:
    """Says the first of a kind at once, and then one in a while with how many there were since."""

    def __init__(self, logger: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._log = structlog.get_logger(logger)
        self._now_s = now_s
        self._said: dict[tuple[str, ...], tuple[float, int]] = {}

    def info(self, event: str, kind: tuple[str, ...], **words: object) -> None:
        """Say it as news, unless this kind was said a moment ago."""
        self._say(self._log.info, event, kind, words)

    def warning(self, event: str, kind: tuple[str, ...], **words: object) -> None:
        """Say it as a warning, unless this kind was said a moment ago."""
        self._say(self._log.warning, event, kind, words)

    def _say(self, say: Say, event: str, kind: tuple[str, ...], words: dict[str, object]) -> None:
        now_s = self._now_s()
        at_s, unsaid = self._said.get((event, *kind), (now_s - SPARINGLY_S, 0))
        if now_s - at_s < SPARINGLY_S:
            self._said[event, *kind] = (at_s, unsaid + 1)
            return
        self._said[event, *kind] = (now_s, 0)
        say(event, **words, **({"unsaid_before": unsaid} if unsaid else {}))
