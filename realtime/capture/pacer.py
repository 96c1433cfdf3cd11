"""Plays a file's pictures at the speed at which they were filmed."""

from __future__ import annotations

from collections.abc import Callable

from realtime.clock import NS_PER_MS, to_s

# Later than this, the file is moved on the clock instead of catching up: a machine that cannot decode in
# real time would otherwise drop every picture.
GIVE_UP_NS = 500 * NS_PER_MS
LONGEST_WAIT_NS = 200 * NS_PER_MS


class Pacer:
    """Says when a picture of a file is due. Used by one thread."""

    def __init__(self, clock: Callable[[], int], sleep: Callable[[float], object]) -> None:
        """Takes the clock (monotonic ns) and a way to wait (s)."""
        self._clock, self._sleep = clock, sleep
        self._start_ns: int | None = None

    def wait(self, t_ns: int) -> bool:
        """Waits a while for the picture of file time `t_ns`; True once it is due."""
        due = self._due(t_ns)
        remaining = due - self._clock()
        if remaining > 0:
            self._sleep(to_s(min(remaining, LONGEST_WAIT_NS)))
        return self._clock() >= due

    def is_late(self, t_ns: int, interval_ns: int) -> bool:
        """True when the next picture is due already; after a long stall the file goes on from here."""
        late = self._clock() - self._due(t_ns)
        if late > GIVE_UP_NS:
            self._start_ns = self._clock() - t_ns
            return False
        return late > interval_ns

    def _due(self, t_ns: int) -> int:
        if self._start_ns is None:
            self._start_ns = self._clock() - t_ns
        return self._start_ns + t_ns
