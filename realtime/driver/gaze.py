"""Where the driver looks: head and eyes together, as angles against neutral and as a zone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from realtime.clock import to_ns
from realtime.driver.calibration import Baseline
from realtime.driver.measure import FaceMeasure
from realtime.driver.settings import DriverSettings

ROAD, LEFT, RIGHT, DOWN, UP, UNKNOWN = "road", "left", "right", "down", "up", "unknown"


@dataclass(frozen=True, slots=True)
class Gaze:
    """Angles against this driver's neutral: yaw positive to the own left, pitch positive up, degrees."""

    yaw_deg: float
    pitch_deg: float


def read_gaze(
    face: FaceMeasure, baseline: Baseline, settings: DriverSettings, *, eyes_open: bool
) -> Gaze | None:
    """Head pose plus iris position; the head alone where the eyes are not open. None without a pose."""
    yaw, pitch = face.yaw_deg - baseline.yaw_deg, face.pitch_deg - baseline.pitch_deg
    if not (math.isfinite(yaw) and math.isfinite(pitch)):
        return None
    if eyes_open:
        yaw += (face.iris_x - baseline.iris_x) * settings.iris_deg
        pitch -= (face.iris_y - baseline.iris_y) * settings.iris_deg
    return Gaze(yaw, pitch)


class Zones:
    """Turns gaze into a zone with hysteresis; a zone counts once it has lasted, from its beginning.

    Attributes:
        zone: "road", "left", "right", "down", "up" or "unknown"; sides are the driver's own.
        since_ns: when it began.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._hold_ns = to_ns(settings.zone_s)
        self._next: tuple[str, int] = (UNKNOWN, 0)
        self.zone = UNKNOWN
        self.since_ns = 0

    def update(self, t_ns: int, gaze: Gaze | None) -> str:
        """Takes a frame's gaze; the zone now."""
        zone = UNKNOWN if gaze is None else self._classify(gaze)
        if zone == self.zone:
            self._next = (zone, t_ns)
            return self.zone
        if zone != self._next[0]:
            self._next = (zone, t_ns)
        since_ns = self._next[1]
        if zone == UNKNOWN or t_ns - since_ns >= self._hold_ns:
            self.zone, self.since_ns = zone, since_ns
        return self.zone

    def _classify(self, gaze: Gaze) -> str:
        settings = self._settings
        shares = {
            LEFT: gaze.yaw_deg / settings.off_yaw_deg,
            RIGHT: -gaze.yaw_deg / settings.off_yaw_deg,
            DOWN: -gaze.pitch_deg / settings.off_down_deg,
            UP: gaze.pitch_deg / settings.off_up_deg,
        }
        if self.zone in shares and shares[self.zone] >= max(settings.back_share, *shares.values()):
            return self.zone
        zone = max(shares, key=lambda each: shares[each])
        return zone if shares[zone] >= (1 if self.zone in (ROAD, UNKNOWN) else settings.back_share) else ROAD
