"""Nods: the head falls while the eyes are closed."""

from __future__ import annotations

from realtime.clock import to_ns
from realtime.driver.settings import DriverSettings

HOLD_S = 1.0  # a found nod is told for this long


class Nods:
    """Watches the head's pitch during closures.

    Attributes:
        active: a nod was found within the last second.
        drop_deg: how far the head fell in it.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._highest: float | None = None  # since just before this closure began
        self._told = False
        self._found_ns: int | None = None
        self.active = False
        self.drop_deg = 0.0

    def update(self, t_ns: int, pitch_deg: float | None, closed_s: float, *, closed: bool) -> None:
        """Takes a frame.

        Args:
            t_ns: its time.
            pitch_deg: of the head against neutral, positive up; None where unknown.
            closed_s: how long the eyes have been seen closed.
            closed: whether a closure is going on.
        """
        if pitch_deg is not None:
            if not closed:
                self._highest, self._told = pitch_deg, False
            elif self._highest is not None:
                self._highest = max(self._highest, pitch_deg)
                drop = self._highest - pitch_deg
                found = drop >= self._settings.nod_deg and closed_s >= self._settings.nod_closed_s
                if found and not self._told:
                    self._told, self._found_ns, self.drop_deg = True, t_ns, drop
        self.active = self._found_ns is not None and t_ns - self._found_ns < to_ns(HOLD_S)
