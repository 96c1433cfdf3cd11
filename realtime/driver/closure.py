"""How long the eyes have been closed, and the ladder of levels that follows from it."""

from __future__ import annotations

from realtime.clock import to_ns, to_s
from realtime.driver.settings import DriverSettings


class Closure:
    """Counts the time in which eyes were seen closed.

    Unknown frames stop the count without ending it; only eyes seen open lower the level.

    Attributes:
        closed: True, False, or None while the eyes are unknown.
        closed_s: seen closed for this long, 0 while open.
        started_ns: when this closure began; None while open.
        level: 0 to 5, held until the eyes were open for `closure_clear_s`.
        threshold_s: the rung that gave the level.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._rungs = (
            settings.note_s,
            settings.soft_s,
            settings.microsleep_s,
            settings.sleep_s,
            settings.unresponsive_s,
        )
        self._gap_ns = to_ns(settings.gap_s)
        self._last: tuple[int, float] | None = None  # the last frame with known eyes
        self._closed_ns = self._plain_ns = 0
        self._open_ns: int | None = None  # since when the eyes have been seen open
        self.closed: bool | None = None
        self.started_ns: int | None = None
        self.level = 0
        self.threshold_s = self._rungs[0]

    @property
    def closed_s(self) -> float:
        """Seen closed for this long."""
        return to_s(self._closed_ns)

    def update(self, t_ns: int, openness: float | None, *, yawning: bool = False) -> None:
        """Takes a frame.

        Args:
            t_ns: its time.
            openness: None where the eyes are unknown.
            yawning: the mouth is wide open: eyes that narrow in a yawn count only from `sleep_s` on.
        """
        if openness is None:
            self.closed = None
            return
        known = self._last is not None and t_ns - self._last[0] <= self._gap_ns
        if self._last is not None and t_ns - self._last[0] > to_ns(self._settings.unknown_s):
            self._end()  # a closure before that is another one
            self._open_ns = None
        if self.started_ns is None:
            if openness <= self._settings.closed_at:
                self._begin(t_ns, openness, known)
        elif openness < self._settings.reopened_at:
            self._open_ns = None
        if self.started_ns is not None and openness < self._settings.reopened_at:
            self.closed = True
            if known and self._last is not None:
                passed = t_ns - max(self._last[0], self.started_ns)
                self._closed_ns += passed
                self._plain_ns += 0 if yawning else passed
        else:
            self.closed = False
            if self._open_ns is None or not known:
                self._open_ns = t_ns
            open_ns = t_ns - self._open_ns
            if open_ns >= to_ns(self._settings.reopened_s):
                self._end()
            if open_ns >= to_ns(self._settings.closure_clear_s):
                self.level = 0
        self._last = (t_ns, openness)
        self._climb()

    def _begin(self, t_ns: int, openness: float, known: bool) -> None:
        self.started_ns, self._open_ns = t_ns, None
        if known and self._last is not None and self._last[1] > openness:
            # lids fall between two frames; at 10 fps the difference is felt
            before_ns, before = self._last
            share = (before - self._settings.closed_at) / (before - openness)
            self.started_ns = before_ns + round((t_ns - before_ns) * min(max(share, 0.0), 1.0))

    def _end(self) -> None:
        self.started_ns = None
        self._closed_ns = self._plain_ns = 0

    def _climb(self) -> None:
        for number, rung in enumerate(self._rungs, start=1):
            counted = self._closed_ns if rung >= self._settings.sleep_s else self._plain_ns
            if counted >= to_ns(rung) and number > self.level:
                self.level, self.threshold_s = number, rung
