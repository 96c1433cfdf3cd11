"""Measures for tests of the driver rules: one face with ordinary values, and any of them changed."""

from __future__ import annotations

import dataclasses
from typing import Any

from realtime.clock import to_ns
from realtime.driver.calibration import Baseline
from realtime.driver.measure import FaceMeasure
from realtime.values import Quality

OPEN = FaceMeasure(1, 0.27, 0.27, 0.05, 4.0, -8.0, 3.0, 0.0, -0.05)
GOOD_VIEW = Quality(180.0, 0.0, 0.0, 0.0, 60.0, 0.5, (), eye_light=0.75)
BASELINE = Baseline(0.27, 0.27, 0.2, 4.0, -8.0, 3.0, 0.0, -0.05, 0)


def a_measure(**changes: Any) -> FaceMeasure:
    """OPEN with some values changed."""
    return dataclasses.replace(OPEN, **changes)


def times(start_s: float, end_s: float, fps: float = 30.0) -> list[int]:
    """Frame times in nanoseconds."""
    return [to_ns(start_s + number / fps) for number in range(round((end_s - start_s) * fps))]
