"""Eyes off the road: one long glance, and many short ones in sum."""

from __future__ import annotations

from collections import deque

from realtime.clock import to_ns, to_s
from realtime.driver.alerts import EMERGENCY, URGENT, WARNING
from realtime.driver.settings import DriverSettings
from realtime.driver.speed import MIDDLE, SLOW


class _Road:
    """For how long the eyes have been on the road without a break."""

    def __init__(self) -> None:
        self._since_ns: int | None = None

    def update(self, t_ns: int, on_road: bool | None, since_ns: int) -> int:
        """Nanoseconds on the road, 0 elsewhere or where unknown."""
        if not on_road:
            self._since_ns = None
            return 0
        if self._since_ns is None:
            self._since_ns = since_ns
        return t_ns - self._since_ns


class LongGlance:
    """One glance off the road. Unknown gaze stops the count and lowers nothing.

    Attributes:
        off_s: length of this glance so far.
        level: 0, WARNING, URGENT or EMERGENCY; held until the eyes were on the road for `engaged_clear_s`.
        silenced: the eyes are on the road again, the alert has not ended yet.
        threshold_s: what the glance is held against at this speed.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._gap_ns = to_ns(settings.gap_s)
        self._road = _Road()
        self._off_ns = 0
        self._last: tuple[int, bool] | None = None  # last frame with known gaze, and whether off the road
        self.level = 0
        self.silenced = False
        self.threshold_s = settings.glance_fast_s

    @property
    def off_s(self) -> float:
        """Length of this glance so far."""
        return to_s(self._off_ns)

    def update(self, t_ns: int, on_road: bool | None, since_ns: int, band: str) -> None:
        """Takes a frame.

        Args:
            t_ns: its time.
            on_road: None where the gaze is unknown.
            since_ns: since when it has been there.
            band: of the speed, see `speed.speed_band`.
        """
        rules = self._settings
        self.threshold_s = rules.glance_slow_s if band == MIDDLE else rules.glance_fast_s
        if band == SLOW:
            self._off_ns, self.level, self.silenced, self._last = 0, 0, False, None
            return
        road_ns = self._road.update(t_ns, on_road, since_ns)
        if on_road is None:
            return
        if self._last is not None and t_ns - self._last[0] > to_ns(rules.unknown_s):
            self._off_ns = 0
        if not on_road:
            self.silenced = False
            if self._last is not None and self._last[1] and t_ns - self._last[0] <= self._gap_ns:
                self._off_ns += t_ns - self._last[0]
            else:
                floor_ns = t_ns if self._last is None else self._last[0]
                self._off_ns += t_ns - max(since_ns, floor_ns - to_ns(rules.zone_s))
            self._climb()
        elif road_ns >= to_ns(rules.engaged_s):
            self._off_ns = 0
            self.silenced = self.level > 0
            if road_ns >= to_ns(rules.engaged_clear_s):
                self.level, self.silenced = 0, False
        self._last = (t_ns, not on_road)

    def _climb(self) -> None:
        for more_s, level in (
            (0.0, WARNING),
            (self._settings.glance_more_s, URGENT),
            (self._settings.glance_most_s, EMERGENCY),
        ):
            if self._off_ns >= to_ns(self.threshold_s + more_s):
                self.level = max(self.level, level)


class ManyGlances:
    """Glances in sum over a window, however short each is; two seconds on the road begin anew.

    Attributes:
        sum_s: off the road within the window.
        level: 0 or WARNING; held until the eyes were on the road for `engaged_clear_s`.
        silenced: as in LongGlance.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._gap_ns, self._window_ns = to_ns(settings.gap_s), to_ns(settings.often_window_s)
        self._road = _Road()
        self._spans: deque[list[int]] = deque()
        self._last: tuple[int, bool] | None = None
        self.sum_s = 0.0
        self.level = 0
        self.silenced = False

    def update(self, t_ns: int, on_road: bool | None, since_ns: int, band: str) -> None:
        """Takes a frame; arguments as in LongGlance."""
        if band == SLOW:
            self._forget()
            return
        road_ns = self._road.update(t_ns, on_road, since_ns)
        if on_road is not None:
            if not on_road:
                self.silenced = False
                self._extend(t_ns, since_ns)
            elif road_ns >= to_ns(self._settings.engaged_clear_s):
                self._forget()
            elif self._spans and self._spans[-1][1] > since_ns:
                self._spans[-1][1] = since_ns  # the way back counted as off the road until it was sure
            if on_road and road_ns >= to_ns(self._settings.engaged_s):
                self.silenced = self.level > 0
            self._last = (t_ns, not on_road)
        begin_ns = t_ns - self._window_ns
        while self._spans and self._spans[0][1] <= begin_ns:
            self._spans.popleft()
        self.sum_s = to_s(sum(end - max(start, begin_ns) for start, end in self._spans))
        if self.sum_s >= self._settings.often_s:
            self.level = WARNING

    def _extend(self, t_ns: int, since_ns: int) -> None:
        if self._last is not None and self._last[1] and t_ns - self._last[0] <= self._gap_ns:
            self._spans[-1][1] = t_ns
        else:
            floor_ns = t_ns if self._last is None else self._last[0] - to_ns(self._settings.zone_s)
            self._spans.append([max(since_ns, floor_ns), t_ns])

    def _forget(self) -> None:
        self._spans.clear()
        self._last = None
        self.sum_s, self.level, self.silenced = 0.0, 0, False
