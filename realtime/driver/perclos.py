"""PERCLOS P80: the share of usable time in which the eyes were at least 80 % closed, blinks left out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from realtime.clock import to_ns
from realtime.driver.alerts import SOFT, URGENT, WARNING
from realtime.driver.settings import DriverSettings


@dataclass(slots=True)
class _Span:
    start_ns: int
    end_ns: int
    closed: bool


class Perclos:
    """Keeps the usable spans of the last minutes. Time with unknown eyes is on neither side of the share.

    Attributes:
        short, long: the two windows' shares; None where too little of a window was usable.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._gap_ns = to_ns(settings.gap_s)
        self._blink_ns = to_ns(settings.perclos_blink_s)
        self._spans: deque[_Span] = deque()
        self._last: tuple[int, bool | None] | None = None
        self.short: float | None = None
        self.long: float | None = None

    def update(self, t_ns: int, closed: bool | None, fps: float) -> None:
        """Takes a frame's eyes: closed, open, or unknown (None)."""
        last, self._last = self._last, (t_ns, closed)
        if closed is not None and last is not None and last[1] is not None and t_ns - last[0] <= self._gap_ns:
            newest = self._spans[-1] if self._spans else None
            if newest is not None and newest.end_ns == last[0] and newest.closed == closed:
                newest.end_ns = t_ns
            else:
                self._spans.append(_Span(last[0], t_ns, closed))
        settings = self._settings
        while self._spans and self._spans[0].end_ns < t_ns - to_ns(settings.perclos_long_s):
            self._spans.popleft()
        enough = fps >= settings.perclos_fps
        self.short = (
            self._share(t_ns, settings.perclos_short_s, settings.perclos_short_valid_s) if enough else None
        )
        self.long = (
            self._share(t_ns, settings.perclos_long_s, settings.perclos_long_valid_s) if enough else None
        )

    def _share(self, t_ns: int, window_s: float, valid_s: float) -> float | None:
        begin_ns = t_ns - to_ns(window_s)
        closed_ns = usable_ns = 0
        for span in reversed(self._spans):
            if span.end_ns <= begin_ns:
                break
            length_ns = span.end_ns - max(span.start_ns, begin_ns)
            usable_ns += length_ns
            if span.closed and span.end_ns - span.start_ns >= self._blink_ns:
                closed_ns += length_ns
        return closed_ns / usable_ns if usable_ns >= to_ns(valid_s) else None


class Drowsiness:
    """The level that PERCLOS gives: both windows must agree, and it is lowered only by what is known.

    Attributes:
        level: 0, SOFT (advisory), WARNING (drowsy) or URGENT (drowsy for long).
    """

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._warned_ns: int | None = None
        self.level = 0

    def update(self, t_ns: int, short: float | None, long: float | None) -> None:
        """Takes the two shares; None holds the level."""
        if short is not None and long is not None:
            rules = self._settings
            drowsy = self._above(short, long, rules.perclos_short, rules.perclos_long, WARNING)
            advised = self._above(short, long, rules.perclos_advice, rules.perclos_advice, SOFT)
            if drowsy:
                self.level = max(self.level, WARNING)
            else:
                self.level = SOFT if advised else 0
                self._warned_ns = None
        if self.level >= WARNING:
            if self._warned_ns is None:
                self._warned_ns = t_ns
            if t_ns - self._warned_ns >= to_ns(self._settings.drowsy_urgent_s):
                self.level = URGENT

    def acknowledge(self) -> None:
        """The driver has answered: the time to urgent starts anew."""
        self._warned_ns = None
        self.level = min(self.level, WARNING)

    def _above(self, short: float, long: float, least_short: float, least_long: float, level: int) -> bool:
        slack = self._settings.perclos_clear if self.level >= level else 0.0
        return short >= least_short - slack and long >= least_long - slack
