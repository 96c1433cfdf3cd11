"""The vehicle's speed as the rules need it: a band, the strictest one while the speed is unknown."""

from __future__ import annotations

import math

from realtime.clock import to_ns
from realtime.driver.settings import DriverSettings

SLOW, MIDDLE, FAST, UNKNOWN_SPEED = "slow", "middle", "fast", "unknown"


def speed_band(speed_kmh: float | None, settings: DriverSettings) -> str:
    """ "unknown", "slow" (no distraction alert), "middle" (long glance) or "fast" (short glance)."""
    if speed_kmh is None:
        return UNKNOWN_SPEED
    if speed_kmh < settings.distraction_min_kmh:
        return SLOW
    return MIDDLE if speed_kmh <= settings.fast_kmh else FAST


class SpeedInput:
    """The newest speed and its age. Not thread-safe."""

    def __init__(self, settings: DriverSettings) -> None:
        self._stale_ns = to_ns(settings.speed_stale_s)
        self._value: tuple[int, float] | None = None

    def put(self, t_ns: int, speed_kmh: float) -> None:
        """Takes a speed.

        Raises:
            ValueError: it is not 0 to 400 km/h.
        """
        check_speed(speed_kmh)
        self._value = (t_ns, speed_kmh)

    def at(self, t_ns: int) -> float | None:
        """The speed in km/h at a time, None while unknown or stale."""
        if self._value is None or t_ns - self._value[0] > self._stale_ns:
            return None
        return self._value[1]


def check_speed(speed_kmh: float) -> None:
    """Raises ValueError unless the speed is 0 to 400 km/h."""
    if not (math.isfinite(speed_kmh) and 0 <= speed_kmh <= 400):
        raise ValueError(f"speed: expected 0 to 400 km/h, got {speed_kmh}")
