"""Logs: one line per event on stderr, as JSON, or coloured for a person at a terminal. No secret stands in any."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterable
from types import TracebackType

import structlog

#: The frames of an error without their variables: those hold customers' data, megabytes of it.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
)
#: Libraries that speak of every rebalance and every connection; their warnings are ours too.
_TALKATIVE = ("faust", "mode", "aiokafka", "kafka", "asyncio", "slack_sdk")
#: A library says the same thing at most this often: without a broker they would say it 250 times a second.
_SAME_AGAIN_S = 5.0


#: A secret shorter than this is no secret, and would be found in every line.
_SHORTEST_SECRET = 6


class _Masked:
    """A rendered line with every known secret as `***`, also as Python and JSON write it."""

    def __init__(self, render: structlog.typing.Processor, secrets: Iterable[str]) -> None:
        self._render = render
        known = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
        written = known | {repr(secret)[1:-1] for secret in known}
        self._secrets = sorted(written | {json.dumps(each)[1:-1] for each in written}, key=len, reverse=True)

    def __call__(
        self, logger: structlog.typing.WrappedLogger, name: str, event: structlog.typing.EventDict
    ) -> structlog.typing.ProcessorReturnValue:
        """The line."""
        line = self._render(logger, name, event)
        if isinstance(line, str):
            for secret in self._secrets:
                line = line.replace(secret, "***")
        return line


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


def configure(program: str, level: str, secrets: Iterable[str] = ()) -> None:
    """Set up logging of this process, `secrets` being shown as `***`. Call once, before anything logs."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    person = sys.stderr.isatty()
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if person
        else structlog.processors.JSONRenderer()
    )
    last = _Masked(render, secrets)
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
    sys.excepthook = _say_uncaught
    threading.excepthook = lambda told: _say_uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def _say_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """What nobody caught is a line like the others, without variables and secrets."""
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger("programs").critical("ended by an error", exc_info=(kind, error, trace))
