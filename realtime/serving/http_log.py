"""What the HTTP server logs: our own failures with their tracebacks, and not the nonsense of strangers."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError

log = logging.getLogger(__name__)


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


# aiohttp logs a traceback for every request that is no HTTP, which anybody could fill a disk with
log.addFilter(_is_ours)
