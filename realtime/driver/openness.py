"""How far the eyes are open, 0 to about 1, relative to this driver's own open eye; or why that is unknown."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from realtime.clock import to_ns
from realtime.driver.calibration import Baseline
from realtime.driver.measure import FaceMeasure
from realtime.driver.settings import DriverSettings


@dataclass(frozen=True, slots=True)
class Eyes:
    """What one frame says of the eyes.

    Attributes:
        openness: 0 closed to 1 as open as this driver's eyes are; None where it is unknown.
        share: eye aspect ratio over the open one's, seen from the front; None elsewhere.
        reason: why it is unknown, "" where it is not.
    """

    openness: float | None
    share: float | None
    reason: str = ""


def read_eyes(
    face: FaceMeasure, baseline: Baseline, settings: DriverSettings, *, closing: bool = False
) -> Eyes:
    """The openness in one frame, compensated for the head's turn.

    Args:
        face: the frame's measures.
        baseline: this driver's.
        settings: the gates.
        closing: the eyes have closed before, so that a head that falls does not hide them.
    """
    yaw, pitch = face.yaw_deg - baseline.yaw_deg, face.pitch_deg - baseline.pitch_deg
    if not all(math.isfinite(each) for each in (yaw, pitch, face.eye_right, face.eye_left)):
        return Eyes(None, None, "no eyes")
    if abs(yaw) > settings.eye_yaw_deg:
        return Eyes(None, None, "head turned")
    if pitch > settings.eye_pitch_deg or (pitch < -settings.eye_pitch_deg and not closing):
        return Eyes(None, None, "head raised" if pitch > 0 else "head lowered")
    # The far eye looks rounder the further the head turns; from 10 degrees on only the near one is read.
    right, left = face.eye_right / baseline.eye_right, face.eye_left / baseline.eye_left
    near = right if yaw > 0 else left
    ratio = near if abs(yaw) > 10 else (right + left) / 2
    share = ratio * math.cos(math.radians(yaw))
    share /= 1 - settings.pitch_loss_per_deg * min(max(0.0, -pitch), settings.eye_pitch_deg)
    openness = (share - baseline.closed_share) / (1 - baseline.closed_share)
    frontal = abs(yaw) <= 10 and abs(pitch) <= 10
    return Eyes(min(max(openness, 0.0), 1.3), share if frontal else None)


class LookDown:
    """Tells lids that follow a glance downwards from eyes that close.

    Lids that fall just after the head went down belong to a glance. A head that falls after the eyes have
    closed is a nod, and is not excused here.
    """

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._span_ns = to_ns(settings.lookdown_s)
        self._pitches: deque[tuple[int, float]] = deque()
        self._limit_deg: float | None = None  # the glance lasts while the head is below this

    def update(self, t_ns: int, pitch_deg: float, openness: float, *, closing: bool) -> bool:
        """True while lids that are down belong to a glance; their openness is then unknown, not low."""
        self._pitches.append((t_ns, pitch_deg))
        while self._pitches[0][0] < t_ns - self._span_ns:
            self._pitches.popleft()
        if self._limit_deg is not None and pitch_deg > self._limit_deg:
            self._limit_deg = None
        if openness > self._settings.reopened_at:
            self._limit_deg = None
            return False
        if self._limit_deg is None and not closing:
            highest = max(pitch for _, pitch in self._pitches)
            if highest - pitch_deg > self._settings.lookdown_deg:
                self._limit_deg = highest - self._settings.lookdown_deg
        return self._limit_deg is not None
