"""Logs: one line per event on stderr, as JSON, or coloured for a person at a terminal."""

from __future__ import annotations

import logging
import sys

import structlog

#: The frames of an error without their variables: those hold customers' data, megabytes of it.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
)
#: Libraries that speak of every rebalance and every connection; their warnings are ours too.
_TALKATIVE = ("faust", "mode", "aiokafka", "kafka", "asyncio", "slack_sdk")
#: A library says the same thing at most this often: without a broker they would say it 250 times a second.
_SAME_AGAIN_S = 5.0


class _NotAgain(logging.Filter):
    """Drops what was said a moment ago, word for word."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this is to be said."""
        words = record.getMessage()
        if record.created - self._said.get(words, 0.0) < _SAME_AGAIN_S:
            return False
        recent = record.created - _SAME_AGAIN_S
        self._said = {known: at for known, at in self._said.items() if at > recent} | {words: record.created}
        return True


def configure(program: str, level: str) -> None:
    """Set up logging of this process. Call once, before anything logs."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    person = sys.stderr.isatty()
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if person
        else structlog.processors.JSONRenderer()
    )
    pretty: list[structlog.typing.Processor] = [] if person else [_TRACEBACKS]
    structlog.configure(
        processors=[*shared, *pretty, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(program=program)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *pretty, last],
        )
    )
    handler.addFilter(_NotAgain())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    quietest = max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()])
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(quietest)
    # kafka-python says at length what we say in a line: that no broker answers, and that we try again.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    # Faust's timer complains of a commit that takes longer than its interval; the next one commits the same and more.
    logging.getLogger("mode.timers").setLevel(logging.ERROR)
