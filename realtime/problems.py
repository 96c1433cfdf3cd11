"""What is wrong with the process, by part: what has ended for good, and what is being made again."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["ok", "degraded", "dead"]


@dataclass(slots=True)
class _Problem:
    error: BaseException
    dead: bool


class Problems:
    """The present errors by the name of the part; any thread may note or read."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}  # the stream of each part that has failed; not the process's parts
        self._lock = threading.Lock()
        self._problems: dict[str, _Problem] = {}
        self.failures: dict[str, int] = {}  # of each part since the start

    def of(self, stream: str) -> StreamProblems:
        """The same for the parts of one stream."""
        return StreamProblems(self, stream)

    def note(self, name: str, error: BaseException) -> None:
        """Keeps the error of a part that has ended; the first one stays."""
        self._note(name, error, dead=True)

    def retrying(self, name: str, error: BaseException) -> None:
        """Keeps the error of a part that will be made again; the newest one stays."""
        self._note(name, error, dead=False)

    def clear(self, name: str) -> None:
        """Forgets a part's error, because it works again."""
        with self._lock:
            problem = self._problems.get(name)
            if problem is not None and not problem.dead:
                del self._problems[name]

    def lines(self) -> list[str]:
        """One line for each part that does not work."""
        with self._lock:
            return [f"{name}: {type(p.error).__name__}: {p.error}" for name, p in self._problems.items()]

    def names(self) -> list[str]:
        """The parts that do not work."""
        with self._lock:
            return list(self._problems)

    @property
    def state(self) -> State:
        """ "ok", "degraded" while something is being made again, "dead" where something has ended."""
        with self._lock:
            if not self._problems:
                return "ok"
            return "dead" if any(each.dead for each in self._problems.values()) else "degraded"

    def report(self) -> dict[str, Any]:
        """`{"ok", "state", "problems": [a line each], "parts": {name: "degraded" or "dead"}, "streams"}`.

        `streams` has the parts that do not work by the stream that they belong to.
        """
        with self._lock:
            parts = {name: "dead" if each.dead else "degraded" for name, each in self._problems.items()}
        state = "dead" if "dead" in parts.values() else "degraded" if parts else "ok"
        streams: dict[str, list[str]] = {}
        for name in parts:
            if owner := self.owners.get(name):
                streams.setdefault(owner, []).append(name)
        lines = self.lines()
        return {"ok": state == "ok", "state": state, "problems": lines, "parts": parts, "streams": streams}

    def _note(self, name: str, error: BaseException, *, dead: bool) -> None:
        with self._lock:
            self.failures[name] = self.failures.get(name, 0) + 1
            before = self._problems.get(name)
            if before is not None and before.dead:
                return
            self._problems[name] = _Problem(error, dead)


class StreamProblems:
    """One stream's errors among those of the process; any thread may note or read."""

    def __init__(self, problems: Problems, stream: str) -> None:
        """Takes the process's and the stream's name."""
        self._problems, self._stream = problems, stream

    def note(self, name: str, error: BaseException) -> None:
        """As `Problems.note`."""
        self._problems.owners[name] = self._stream
        self._problems.note(name, error)

    def retrying(self, name: str, error: BaseException) -> None:
        """As `Problems.retrying`."""
        self._problems.owners[name] = self._stream
        self._problems.retrying(name, error)

    def clear(self, name: str) -> None:
        """As `Problems.clear`."""
        self._problems.clear(name)

    def names(self) -> list[str]:
        """The parts that do not work, of the whole process."""
        return self._problems.names()
