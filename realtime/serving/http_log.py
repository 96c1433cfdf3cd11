"""What the server logs: our own failures with tracebacks, and one line for the nonsense of strangers."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError

from realtime.serving.aiortc_internals import is_connection_task

log = logging.getLogger(__name__)


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


# aiohttp logs a traceback for every request that is no HTTP, which anybody could fill a disk with
log.addFilter(_is_ours)


def on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Logs what nobody caught on the loop; for `set_exception_handler`."""
    error = context.get("exception")
    if error is not None and is_connection_task(context.get("future") or context.get("task")):
        log.warning("a connection failed: %s: %s", type(error).__name__, " ".join(str(error).split())[:200])
    else:
        loop.default_exception_handler(context)


def _shorten(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    if "Traceback" in text:
        record.msg, record.args = "a connection failed: %s", (text.strip().splitlines()[-1][:200],)
    return True


# aiortc logs a traceback of what a peer sent and could not be read, for instance a message that is no UTF-8
logging.getLogger("aiortc.rtcdtlstransport").addFilter(_shorten)
