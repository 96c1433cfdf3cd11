"""Records a stream's results while somebody wants it: its own thread, a bounded queue, no pictures ever."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from realtime.clock import now_ns, to_ns, to_s
from realtime.errors import NotNowError, OutputError
from realtime.session import export
from realtime.session.events import (
    excluded_event,
    figures_event,
    marker_event,
    session_end,
    session_start,
)
from realtime.session.library import Library, lock
from realtime.session.sinks import JsonLines
from realtime.slot import Fanout
from realtime.worker import Worker

log = logging.getLogger(__name__)

STORES = (
    "For each face, about 8 times a second: time, place in the picture, scores of the facial expressions, "
    "intensity, head angles, picture quality",
    "When faces come and go; in the driver profile its states and alerts",
    "Markers that you set and ranges that you leave out",
    "Every 5 seconds: rates, drops and latencies of the program",
    "No pictures, no sound, no names; the files stay on this machine until they are deleted",
)
QUEUE_EVENTS = 4096
WRITE_S = 0.5
FIGURES_S = 5.0
MOST_MARKERS = MOST_RANGES = 1000
MOST_LABEL = 80


class _Session(JsonLines):
    """A recording's file: kept whatever happens, open to this user alone, taken while it is written."""

    def __enter__(self) -> _Session:
        super().__enter__()
        with contextlib.suppress(OSError):
            os.chmod(self._part, 0o600)
        lock(self._file)
        return self

    def abandon(self) -> None:
        """Closes the file as it is; `Library.recover` finishes it when that is possible."""
        with contextlib.suppress(OSError):
            self._file.close()


class _Running:
    """What one recording knows of itself."""

    def __init__(self, session: str, sink: _Session, t_ns: int) -> None:
        self.session, self.sink, self.begun_ns = session, sink, t_ns
        self.queue: deque[dict[str, Any]] = deque()
        self.events = self.dropped = 0
        self.markers: list[dict[str, Any]] = []
        self.excluded: list[dict[str, float]] = []
        self.figures_ns = t_ns


class Recorder:
    """Off until `start`. Any thread may call; the live path only ever appends to the queue.

    Times in `status`, and those that `exclude` takes, are seconds since the recording began.
    """

    def __init__(
        self,
        name: str,
        events: Fanout[dict[str, Any]],
        library: Library,
        status: Callable[[], dict[str, Any]],
        *,
        origin_ns: int,
    ) -> None:
        """Makes the recorder; nothing runs and nothing is written.

        Args:
            name: the stream's.
            events: what the stream publishes.
            library: the folder of recordings.
            status: what the stream's status says now, for figures and for the beginning.
            origin_ns: the time that counts as t = 0 in the stream's events.
        """
        self.library = library
        self._name, self._events, self._status = name, events, status
        self._origin_ns = origin_ns
        self._change = threading.Lock()  # one start or stop at a time
        self._filled = threading.Condition()
        self._running: _Running | None = None
        self._worker: Worker | None = None
        self._problem = ""
        self._last: tuple[str, float, int, int] | None = None

    # -- what people ask --------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins a recording; writes its beginning at once, so that a folder that fails fails here.

        Raises:
            NotNowError: one runs already, or the folder cannot be written.
        """
        with self._change:
            if self._running is not None:
                raise NotNowError("session: expected no recording to be running")
            now = datetime.now(timezone.utc)
            session, t_ns = self.library.new_id(now), now_ns()
            try:
                self.library.recover()
                sink = _Session(self.library.new_path(session))
                sink.__enter__()
                started = now.isoformat(timespec="seconds")
                sink.write(
                    self._named(session_start(session, started, self._status(), t_ns, self._origin_ns))
                )
                sink.flush()
            except (OSError, OutputError) as error:
                raise NotNowError(f"session: {self.library.folder} cannot be written: {error}") from None
            running = _Running(session, sink, t_ns)
            self._problem = ""
            self._worker = Worker(
                f"recorder-{self._name}",
                lambda: self._step(running),
                teardown=lambda: self._finish(running),
                wake=self._wake,
            )
            with self._filled:
                self._running = running
            self._events.subscribe(self._put)
            self._worker.start()

    def stop(self) -> None:
        """Ends the recording and waits until its file has its name; can be called twice."""
        with self._change:
            self._events.unsubscribe(self._put)
            if self._worker is not None:
                self._worker.stop()
                self._worker = None

    def marker(self, label: str) -> None:
        """Sets a mark, now.

        Raises:
            NotNowError: nothing is recorded, or there are too many.
            ValueError: the label is empty, too long or not one line.
        """
        if not 0 < len(label) <= MOST_LABEL or not label.isprintable() or label.isspace():
            raise ValueError(f"label: expected one line of 1 to {MOST_LABEL} characters, got {label[:90]!a}")
        with self._filled:
            running = self._need()
            if len(running.markers) >= MOST_MARKERS:
                raise NotNowError(f"marker: expected at most {MOST_MARKERS} in a recording")
            t_ns = now_ns()
            running.markers.append({"t": round(to_s(t_ns - running.begun_ns), 3), "label": label})
            running.queue.append(self._named(marker_event(label, t_ns, self._origin_ns)))

    def exclude(self, from_s: float, to_s_: float) -> None:
        """Leaves a range out of the CSV and the report, and marks it in the JSONL file.

        Args:
            from_s, to_s_: seconds since the recording began; the range may reach into the future.

        Raises:
            NotNowError: nothing is recorded, or there are too many.
            ValueError: it is no range.
        """
        if not 0 <= from_s < to_s_ <= 1e7:
            raise ValueError(f"expected 0 <= from < to, got {from_s} and {to_s_}")
        with self._filled:
            running = self._need()
            if len(running.excluded) >= MOST_RANGES:
                raise NotNowError(f"exclude: expected at most {MOST_RANGES} ranges in a recording")
            running.excluded.append({"from": round(from_s, 3), "to": round(to_s_, 3)})
            begun = to_s(running.begun_ns - self._origin_ns)
            event = excluded_event(begun + from_s, begun + to_s_, now_ns(), self._origin_ns)
            running.queue.append(self._named(event))

    def status(self) -> dict[str, Any]:
        """What is recorded and where, JSON-ready."""
        answer: dict[str, Any] = {
            "state": "failed" if self._problem else "off",
            "stores": list(STORES),
            "folder": str(self.library.folder),
            "id": None,
            "seconds": 0.0,
            "events": 0,
            "dropped": 0,
            "markers": [],
            "excluded": [],
            "problem": self._problem,
        }
        with self._filled:
            running, last = self._running, self._last
            if running is not None:
                answer |= {
                    "state": "recording",
                    "id": running.session,
                    "seconds": round(to_s(now_ns() - running.begun_ns), 2),
                    "events": running.events + len(running.queue),
                    "dropped": running.dropped,
                    "markers": list(running.markers),
                    "excluded": list(running.excluded),
                }
            elif last is not None:
                answer |= dict(zip(("id", "seconds", "events", "dropped"), last, strict=True))
        return answer

    def sessions(self) -> list[dict[str, Any]]:
        """The recordings in the folder, newest first. Reads files."""
        self.library.recover()
        return self.library.sessions()

    def delete(self, session: str) -> dict[str, Any]:
        """Removes a recording and says what went.

        Raises:
            UnknownError: there is no such recording; one that runs is none yet.
        """
        return self.library.delete(session)

    def download(self, session: str, kind: str) -> Iterator[bytes]:
        """A recording in parts: `kind` is "events.jsonl", "events.csv" or "report.html". Reads files.

        Raises:
            UnknownError: there is no such recording.
        """
        path: Path = self.library.path(session)
        return export.KINDS[kind](path)

    # -- the live path ----------------------------------------------------------------------------------

    def _put(self, event: dict[str, Any]) -> None:
        with self._filled:
            running = self._running
            if running is None:
                return
            if len(running.queue) >= QUEUE_EVENTS:
                running.dropped += 1
                return
            running.queue.append(event)
            if len(running.queue) == QUEUE_EVENTS // 2:
                self._filled.notify()  # else the writer comes by itself

    # -- the writer's thread ----------------------------------------------------------------------------

    def _step(self, running: _Running) -> None:
        worker = self._worker
        with self._filled:
            self._filled.wait_for(
                lambda: len(running.queue) >= QUEUE_EVENTS // 2 or worker is None or worker.stopping, WRITE_S
            )
        t_ns = now_ns()
        if t_ns - running.figures_ns >= to_ns(FIGURES_S):
            running.figures_ns = t_ns
            figures = self._named(figures_event(self._status(), t_ns, self._origin_ns))
            with self._filled:
                running.queue.append(figures)
        try:
            self._drain(running)
        except (OSError, OutputError) as error:
            self._fail(error)

    def _drain(self, running: _Running) -> None:
        with self._filled:
            events, running.queue = running.queue, deque()
        for event in events:
            running.sink.write(event)
            running.events += 1
        running.sink.flush()

    def _fail(self, error: OSError | OutputError) -> None:
        """A full disk ends the recording, not the program."""
        self._problem = f"recording stopped: {error}"
        log.error("%s", self._problem)
        if self._worker is not None:
            self._worker.request_stop()

    def _finish(self, running: _Running) -> None:
        self._events.unsubscribe(self._put)
        seconds = to_s(now_ns() - running.begun_ns)
        with self._filled:
            self._running = None
        try:
            if not self._problem:
                self._drain(running)
                t = to_s(now_ns() - self._origin_ns)
                end = session_end(t, running.session, seconds, running.events, running.dropped)
                running.sink.write(self._named(end))
                running.sink.__exit__(None, None, None)
        except (OSError, OutputError) as error:
            self._problem = f"recording stopped: {error}"
            log.error("%s", self._problem)
        if self._problem:
            running.sink.abandon()
        with self._filled:
            self._last = (running.session, round(seconds, 2), running.events, running.dropped)

    def _named(self, event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "stream": self._name}

    def _need(self) -> _Running:
        if self._running is None:
            raise NotNowError("session: expected a recording to be running")
        return self._running

    def _wake(self) -> None:
        with self._filled:
            self._filled.notify_all()
