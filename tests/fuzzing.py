"""What the fuzz tests share: how inputs are made, and what must be as before when they are done."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from realtime.serving.context import CONTEXT
from tests.site import Site

ODD = ("", " ", "0", "-1", "1", "65536", "4294967296", "9" * 400, "1e9", "NaN", "*", "%00", "\x00", "\udcff",
       "é", "☃", "a" * 300, "0.0.0.0", "::", "224.0.0.1", "UDP", "typ", "=", ":", ";", "/", '"', "\\", "\r",
       "\t", "<script>", "../../etc/passwd", "{}", "[]", "null")  # fmt: skip
NAMES = (
    *(
        "ice-ufrag",
        "ice-pwd",
        "fingerprint",
        "setup",
        "mid",
        "group",
        "rtpmap",
        "fmtp",
        "extmap",
        "candidate",
    ),
    *("sctp-port", "sctpmap", "max-message-size", "ssrc", "ssrc-group", "msid", "rtcp", "rid", "simulcast"),
    *("ice-lite", "ice-options", "sendrecv", "inactive", "recvonly", "sendonly", "rtcp-fb"),
)


def quietly(count: int) -> settings:
    """Settings for `count` inputs, the same ones every time unless many are wanted."""
    return settings(
        max_examples=count,
        deadline=None,  # other programs share the machine; the time of each input is checked where it counts
        derandomize=count < 1000,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def mutated(draw: st.DrawFn, texts: tuple[str, ...]) -> str:
    """One of the texts with some of its lines or words changed, mostly little enough to be looked at."""
    lines = draw(st.sampled_from(texts)).splitlines()
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(lines) - 1)))
        odd = draw(st.sampled_from(ODD) | st.text(max_size=20))
        match draw(st.sampled_from(("delete", "double", "swap", "word", "cut", "insert", "replace", "many"))):
            case "delete" if lines:
                del lines[at]
            case "double" if lines:
                lines.insert(draw(st.integers(0, len(lines))), lines[at])
            case "swap" if lines:
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case "word" if lines:
                separator = draw(st.sampled_from((" ", ":", ";", "=", "/")))
                words = lines[at].split(separator)
                words[draw(st.integers(0, len(words) - 1))] = odd
                lines[at] = separator.join(words)
            case "cut":
                lines = lines[:at]
            case "insert":
                lines.insert(at, f"a={draw(st.sampled_from(NAMES))}:{odd}")
            case "replace" if lines:
                lines[at] = odd
            case "many" if lines:
                lines[at:at] = [lines[at]] * draw(st.sampled_from((3, 50, 300)))
            case _:
                pass
    return draw(st.sampled_from(("\r\n", "\r\n", "\n"))).join([*lines, ""])


class Within:
    """Fails where the block took more than `seconds` of this process's own time."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._begun = seconds, 0.0

    def __enter__(self) -> None:
        self._begun = time.thread_time()

    def __exit__(self, *_: object) -> None:
        took = time.thread_time() - self._begun
        assert took < self._seconds, f"took {took:.1f} s of CPU time"


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or "Traceback" in record.getMessage():
            self.seen.append(self.format(record))


@contextmanager
def nothing_left(made: Site) -> Iterator[None]:
    """At the block's end no error was logged, and sessions, tasks, threads and open files are as before."""
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    before = _state(made)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(errors)
    gc.collect()  # tells of tasks whose errors nobody took
    assert errors.seen == []
    made.on_loop(lambda: _end_sessions(made))
    _until(lambda: _not_more(_state(made), before), lambda: f"before {before}, now {_state(made)}")


def _state(made: Site) -> dict[str, int]:
    context = _context(made)
    files = Path("/proc/self/fd")
    return {
        "viewers": len(context.viewers),
        "senders": len(context.senders),
        "events": len(context.event_streams),
        "tasks": made.on_loop(lambda: len(asyncio.all_tasks())),
        # the pools' threads stay, and their number is bounded
        "threads": sum(
            not each.name.startswith(("asyncio_", "server-call")) for each in threading.enumerate()
        ),
        "files": len(os.listdir(files)) if files.is_dir() else 0,
    }


def _not_more(now: dict[str, int], before: dict[str, int]) -> bool:
    return all(now[name] <= before[name] for name in before)


def _context(made: Site) -> Any:
    assert made.server._runner is not None
    return made.server._runner.app[CONTEXT]


def _end_sessions(made: Site) -> None:
    context = _context(made)
    for peers in (context.viewers, context.senders):
        for name in list(peers._peers):
            peers._spawn(peers._end(name, "ended by the test"))


def _until(condition: Callable[[], bool], told: Callable[[], str], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.1)
