"""Structured logs of a service: one JSON line an event, on standard error, without content.

Guarantees: a line about a request holds its method, route template, status, time and sizes, and a
random request id: never a query string, a value out of the path, a header, a token or a body. An
exception is logged by its type and the places it passed through: never its message, which may
quote what it choked on. Lines of libraries are cut down to their logger, level and place.
"""

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, TextIO

import structlog

Logger = structlog.typing.FilteringBoundLogger


def make_logger(service: str, stream: TextIO | None = None) -> Logger:
    """A logger whose every line names `service`; `stream` is standard error unless given."""
    logger: Logger = structlog.wrap_logger(
        structlog.WriteLogger(stream or sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        service=service,
    )
    return logger


def failure(error: BaseException) -> dict[str, Any]:
    """What may be logged of an exception: types and places, outermost cause last."""
    chain: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in chain:
        chain.append(step)
        step = step.__cause__ or step.__context__
    return {
        "error": type(error).__name__,
        "places": _places(error.__traceback__),
        "causes": [type(cause).__name__ for cause in chain[1:]],
    }


def quiet_libraries(log: Logger) -> None:
    """Send what libraries log through `log`, without their messages; for a service's process.

    Covers the logging module, uncaught exceptions of threads, and warnings.
    """
    root = logging.getLogger()
    root.handlers[:] = [_WithoutMessages(log)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            log.error("thread failed", **failure(args.exc_value))

    threading.excepthook = of_thread


class _WithoutMessages(logging.Handler):
    def __init__(self, log: Logger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        told: dict[str, Any] = {"library": record.name, "place": f"{record.module}:{record.lineno}"}
        if record.exc_info and record.exc_info[1] is not None:
            told |= failure(record.exc_info[1])
        self._log.log(record.levelno, "library line", **told)


def _places(trace: TracebackType | None) -> list[str]:
    return [
        f"{frame.f_globals.get('__name__', '?')}:{line}" for frame, line in traceback.walk_tb(trace)
    ][-20:]
