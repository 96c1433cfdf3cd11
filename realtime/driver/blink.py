"""Blinks and how long they last; shown, never scored."""

from __future__ import annotations

from collections import deque
from statistics import median

from realtime.clock import NS_PER_S, to_ns, to_s
from realtime.driver.settings import DriverSettings

SPAN_S = 60.0


class Blinks:
    """Finds blinks in the openness: down through half, below the closed level, and up through half again.

    Attributes:
        per_min: over the last minute of usable time; None at too low a frame rate or too early.
        duration_ms: median duration of these blinks at half amplitude; None without any.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._gap_ns = to_ns(settings.gap_s)
        self._last: tuple[int, float] | None = None
        self._start_ns: int | None = None
        self._low = 1.0
        self._found: deque[tuple[int, float]] = deque()  # usable time at the end, duration in s
        self._usable_ns = 0
        self.count = 0
        self.per_min: float | None = None
        self.duration_ms: float | None = None

    def update(self, t_ns: int, openness: float | None, fps: float) -> float | None:
        """Takes a frame; the duration in seconds of a blink that ended with it, else None."""
        before, self._last = self._last, None if openness is None else (t_ns, openness)
        if openness is None or before is None or t_ns - before[0] > self._gap_ns:
            self._start_ns = None
            return None
        self._usable_ns += t_ns - before[0]
        half, ended = self._settings.blink_open_at, None
        if openness < half <= before[1]:
            self._start_ns, self._low = _crossing(before, (t_ns, openness), half), openness
        elif self._start_ns is not None:
            self._low = min(self._low, openness)
            if openness >= half:
                lasted_s = to_s(_crossing(before, (t_ns, openness), half) - self._start_ns)
                self._start_ns = None
                if self._low <= self._settings.blink_closed_at and lasted_s <= self._settings.long_blink_s:
                    ended = lasted_s
        self._tell(ended, fps)
        return ended if fps >= self._settings.blink_fps else None

    def _tell(self, ended: float | None, fps: float) -> None:
        if ended is not None:
            self.count += 1
            self._found.append((self._usable_ns, ended))
        while self._found and self._found[0][0] < self._usable_ns - to_ns(SPAN_S):
            self._found.popleft()
        span_ns = min(self._usable_ns, to_ns(SPAN_S))
        if fps < self._settings.blink_fps or span_ns < 10 * NS_PER_S:
            self.per_min = self.duration_ms = None
            return
        self.per_min = len(self._found) * 60 * NS_PER_S / span_ns
        self.duration_ms = 1000 * median(each for _, each in self._found) if self._found else None


def _crossing(before: tuple[int, float], after: tuple[int, float], level: float) -> int:
    """When the straight line between two samples crosses a level."""
    if after[1] == before[1]:
        return after[0]
    return before[0] + round((after[0] - before[0]) * (level - before[1]) / (after[1] - before[1]))
