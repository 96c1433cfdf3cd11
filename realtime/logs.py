"""Log lines for people and for programs: what happens to a run, never what or whom it sees.

`say` takes an event's name and fields. As text a line reads as before; with `--log json` each is one object
with time, level, the run's random id, event and fields. Pictures, results, tokens and addresses of viewers
are never passed to it.
"""

from __future__ import annotations

import datetime
import json
import logging
import secrets
import sys
import time
from typing import Any, TextIO

RUN_ID = secrets.token_hex(4)
_FIELDS = "fields"


def say(
    log: logging.Logger,
    event: str,
    text: str,
    level: int = logging.INFO,
    error: BaseException | None = None,
    **fields: Any,
) -> None:
    """Logs one event.

    Args:
        log: the module's logger.
        event: its name, as programs look for it: "source_lost".
        text: the line for people.
        level: of logging.
        error: whose traceback belongs to it.
        **fields: JSON values.
    """
    log.log(level, "%s", text, exc_info=error, extra={_FIELDS: {"event": event, **fields}})


class JsonFormatter(logging.Formatter):
    """One JSON object a line, whatever is logged, also by libraries."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        at = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds"),
            "monotonic_s": round(time.monotonic(), 3),
            "level": record.levelname.lower(),
            "run": RUN_ID,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, _FIELDS, None)
        line.update(fields if isinstance(fields, dict) else {"event": "log"})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _Handler(logging.StreamHandler[TextIO]):
    """Ours among those of others, to the stderr of the moment of each line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line."""
        self.stream = sys.stderr
        super().emit(record)


def configure(kind: str, level: str) -> None:
    """Sends the process's log lines to stderr.

    Args:
        kind: "text" or "json".
        level: "debug", "info", "warning" or "error".
    """
    root = logging.getLogger()
    for each in list(root.handlers):
        if isinstance(each, _Handler):
            root.removeHandler(each)
    handler = _Handler()
    if kind == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    root.setLevel(level.upper())
    # per packet and per request these say more than anybody reads, and the peers' addresses
    for library in ("aiortc", "aioice", "aiohttp.access"):
        logging.getLogger(library).setLevel(max(logging.WARNING, root.level))
