"""This driver's own open eye and neutral pose, learnt once and then frozen."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from realtime.clock import to_ns
from realtime.driver.measure import FaceMeasure
from realtime.driver.settings import DriverSettings

OPEN_QUANTILE = 0.7  # of the calibration's eye aspect ratios: above the blinks and smiles, below the noise


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is ordinary for this driver.

    Attributes:
        eye_right, eye_left: aspect ratio of each open eye.
        closed_share: aspect ratio of the closed eye over that of the open one.
        yaw_deg, pitch_deg, roll_deg: the head looking ahead, against the camera.
        iris_x, iris_y: the irises looking ahead, in eye widths.
        made_ns: when it was made.
    """

    eye_right: float
    eye_left: float
    closed_share: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    iris_x: float
    iris_y: float
    made_ns: int


class Calibration:
    """Collects usable frames until they make a baseline."""

    def __init__(self, settings: DriverSettings) -> None:
        self._settings = settings
        self._gap_ns = to_ns(settings.gap_s)
        self._need_ns, self._limit_ns = to_ns(settings.calibrate_s), to_ns(settings.calibrate_limit_s)
        self._samples: deque[tuple[int, FaceMeasure]] = deque()  # time it stands for, measures
        self._usable_ns = 0
        self._spent_ns = 0
        self._next_try_ns = self._need_ns
        self._last_ns: int | None = None

    @property
    def progress(self) -> float:
        """0 to 1: how much of the needed time is there."""
        return min(1.0, self._usable_ns / self._need_ns)

    @property
    def late(self) -> bool:
        """True when it has taken longer than it should."""
        return self._spent_ns > self._limit_ns

    def update(self, t_ns: int, face: FaceMeasure | None) -> Baseline | None:
        """Takes a frame (None: not usable); the baseline once there is one."""
        passed = 0 if self._last_ns is None else t_ns - self._last_ns
        self._last_ns = t_ns
        self._spent_ns += passed
        if face is None or passed > self._gap_ns or not _finite(face):
            return None
        self._samples.append((passed, face))
        self._usable_ns += passed
        while self._usable_ns > self._limit_ns:
            self._usable_ns -= self._samples.popleft()[0]
        if self._usable_ns < self._next_try_ns:
            return None
        self._next_try_ns = min(self._usable_ns + to_ns(1), self._limit_ns - self._gap_ns)
        return self._make(t_ns)

    def _make(self, t_ns: int) -> Baseline | None:
        rows = np.array([dataclasses.astuple(face)[1:] for _, face in self._samples])
        times_ns = np.array([passed for passed, _ in self._samples])
        angles = rows[:, 3:6]
        middle = np.median(angles, axis=0)
        still = (np.abs(angles - middle)[:, :2] < self._settings.still_deg).all(axis=1)
        still_ns = times_ns[still].sum()
        if still_ns < 0.8 * self._need_ns or still_ns < 0.5 * times_ns.sum():
            return None  # a head that looks around has no neutral pose
        rows = rows[still]
        right, left = np.quantile(rows[:, 0], OPEN_QUANTILE), np.quantile(rows[:, 1], OPEN_QUANTILE)
        shares = (rows[:, 0] + rows[:, 1]) / (right + left)
        if (right + left) / 2 < self._settings.min_open_ear or np.mean(shares < 0.6) > 0.3:
            return None  # these eyes were not open
        opened = rows[shares > 0.8]
        neutral = np.median(opened[:, 3:8], axis=0)
        yaw, pitch, roll, iris_x, iris_y = (float(each) for each in neutral)
        share = self._settings.closed_share
        return Baseline(float(right), float(left), share, yaw, pitch, roll, iris_x, iris_y, t_ns)


class Upkeep:
    """What may change a baseline after it was made: eyes that open wider, and blinks that look different.

    The open level only rises. The closed level is learnt from the first blinks; when later ones differ, the
    glasses have gone on or off, and a new calibration is due.

    Attributes:
        baseline: as it is now.
        learnt: whether the closed level is this driver's own.
        glasses_changed: see above.
    """

    def __init__(self, baseline: Baseline, settings: DriverSettings, *, learnt: bool = False) -> None:
        self._settings = settings
        self.baseline = baseline
        self.glasses_changed = False
        self._least = baseline
        self.learnt = learnt
        self._window_ns = to_ns(settings.rise_window_s)
        self._levels: deque[tuple[int, float]] = deque()
        self._next_ns = baseline.made_ns + self._window_ns
        self._blinks: deque[float] = deque(maxlen=round(settings.glasses_blinks))
        self._dip: tuple[int, float] | None = None  # start and lowest share of a dip in progress
        self._open_ns: int | None = None

    def update(self, t_ns: int, share: float | None, fast: bool) -> None:
        """Takes a frame.

        Args:
            t_ns: its time.
            share: eye aspect ratio over the baseline's; None where the eyes are not seen from the front.
            fast: whether the frame rate is high enough to see a blink's lowest point.
        """
        if share is None:
            self._dip = self._open_ns = None
            return
        self._levels.append((t_ns, share))
        while self._levels[0][0] < t_ns - self._window_ns:
            self._levels.popleft()
        if t_ns >= self._next_ns:
            self._next_ns = t_ns + to_ns(5)
            self._rise()
        if fast:
            self._watch_blink(t_ns, share)

    def _rise(self) -> None:
        level = float(np.quantile([share for _, share in self._levels], 0.75))
        most = (1 + self._settings.rise_most) * self._least.eye_right / self.baseline.eye_right
        factor = min(level, most)
        if factor > 1.03:
            self.baseline = dataclasses.replace(
                self.baseline,
                eye_right=self.baseline.eye_right * factor,
                eye_left=self.baseline.eye_left * factor,
            )
            self._levels.clear()
            self._next_ns += self._window_ns

    def _watch_blink(self, t_ns: int, share: float) -> None:
        if share > 0.8:
            if self._dip is not None and t_ns - self._dip[0] < to_ns(self._settings.long_blink_s):
                self._blinks.append(self._dip[1])
                self._judge_blinks()
            self._dip, self._open_ns = None, t_ns
        elif share < 0.6:
            if self._dip is not None:
                self._dip = (self._dip[0], min(self._dip[1], share))
            elif self._open_ns is not None and t_ns - self._open_ns < to_ns(0.2):
                self._dip = (t_ns, share)  # lids that fell fast

    def _judge_blinks(self) -> None:
        if len(self._blinks) < (self._blinks.maxlen or 0):
            return
        # the lower quartile: a blink's lowest point often falls between two frames
        share = min(float(np.quantile(self._blinks, 0.25)), self._settings.max_closed_share)
        changed = abs(share - self.baseline.closed_share) > self._settings.glasses_shift
        if changed or not self.learnt:
            self.glasses_changed |= self.learnt
            self.learnt = True
            self.baseline = dataclasses.replace(self.baseline, closed_share=share)
        self._blinks.clear()


def _finite(face: FaceMeasure) -> bool:
    return all(math.isfinite(each) for each in dataclasses.astuple(face))
