"""Structured logs on stderr: text for people, JSON lines for machines."""

import logging
import sys

import structlog
from structlog.typing import Processor

from shared.settings import settings


def configure() -> None:
    """Send structlog and the standard library's logging through one renderer."""
    level = logging.getLevelNamesMapping()[settings().log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Plain, of other libraries' logs too. Pretty ones print every local variable: secrets
        # among them, and 9-17 s of silence of a Celery worker that lost its broker.
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer()
                if settings().log_json
                else structlog.dev.ConsoleRenderer(
                    colors=False, exception_formatter=structlog.dev.plain_traceback
                ),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    root.addFilter(is_named_or_grave)


def is_named_or_grave(record: logging.LogRecord) -> bool:
    """Tell what to keep of what is logged on the root itself, which nobody here does.

    ONNX Runtime's quantiser does, a line for each node that it leaves alone.
    """
    return record.name != "root" or record.levelno >= logging.ERROR
