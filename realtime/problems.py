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
        self._lock = threading.Lock()
        self._problems: dict[str, _Problem] = {}
        self.failures: dict[str, int] = {}  # of each part since the start

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
        """`{"ok", "state", "problems": [a line each], "parts": {name: "degraded" or "dead"}}`."""
        with self._lock:
            parts = {name: "dead" if each.dead else "degraded" for name, each in self._problems.items()}
        state = "dead" if "dead" in parts.values() else "degraded" if parts else "ok"
        return {"ok": state == "ok", "state": state, "problems": self.lines(), "parts": parts}

    def _note(self, name: str, error: BaseException, *, dead: bool) -> None:
        with self._lock:
            self.failures[name] = self.failures.get(name, 0) + 1
            before = self._problems.get(name)
            if before is not None and before.dead:
                return
            self._problems[name] = _Problem(error, dead)
