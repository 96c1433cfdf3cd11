"""Yawns: a mouth wide open for longer than speech or laughter hold it."""

from __future__ import annotations

from collections import deque

from realtime.clock import to_ns, to_s
from realtime.driver.settings import DriverSettings

COUNT_SPAN_S = 600.0


class Yawns:
    """Watches the mouth.

    Attributes:
        wide: the mouth is wide open now, yawn or not yet.
        active: it has been for long enough, and not for too long.
        wide_s: for how long.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._gap_ns = to_ns(settings.gap_s)
        self._last: tuple[int, float] | None = None
        self._start_ns: int | None = None
        self._ended: deque[int] = deque()
        self.wide_s = 0.0

    @property
    def wide(self) -> bool:
        """The mouth is wide open now."""
        return self._start_ns is not None

    @property
    def active(self) -> bool:
        """A yawn is going on."""
        return self._settings.yawn_s <= self.wide_s <= self._settings.yawn_most_s

    def count(self, t_ns: int) -> int:
        """Yawns that ended in the last ten minutes."""
        while self._ended and self._ended[0] < t_ns - to_ns(COUNT_SPAN_S):
            self._ended.popleft()
        return len(self._ended)

    def update(self, t_ns: int, mouth: float | None) -> None:
        """Takes a frame's mouth ratio; None where no mouth is seen."""
        if mouth is None:
            if self._last is not None and t_ns - self._last[0] > self._gap_ns:
                self._start_ns, self.wide_s = None, 0.0
            return
        last, self._last = self._last, (t_ns, mouth)
        if last is not None and t_ns - last[0] > self._gap_ns:
            self._start_ns, last = None, None
        if self._start_ns is None and mouth >= self._settings.yawn_ratio:
            self._start_ns = t_ns
            if last is not None:
                share = (self._settings.yawn_ratio - last[1]) / max(mouth - last[1], 1e-6)
                self._start_ns = last[0] + round((t_ns - last[0]) * min(max(share, 0.0), 1.0))
        elif self._start_ns is not None and mouth < self._settings.yawn_end_ratio:
            if self.active:
                self._ended.append(t_ns)
            self._start_ns = None
        self.wide_s = 0.0 if self._start_ns is None else to_s(t_ns - self._start_ns)
