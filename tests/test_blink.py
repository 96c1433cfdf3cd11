from __future__ import annotations

import pytest

from realtime.clock import to_ns
from realtime.driver.blink import Blinks
from realtime.driver.settings import DriverSettings
from tests.driver_faces import times


def run(seconds: float, each_s: float, closed_s: float, low: float, fps: float = 30.0) -> Blinks:
    blinks = Blinks(DriverSettings())
    for t_ns in times(0, seconds, fps):
        down = (t_ns / 1e9) % each_s < closed_s
        blinks.update(t_ns, low if down else 1.0, fps)
    return blinks


def test_blinks_are_counted_and_measured_at_half_amplitude() -> None:
    blinks = run(60, 4, 0.2, 0.0)
    assert blinks.count == pytest.approx(15, abs=1)
    assert blinks.per_min == pytest.approx(15, abs=1)
    assert blinks.duration_ms == pytest.approx(200, abs=35)


def test_shallow_ones_and_long_closures_are_no_blinks() -> None:
    assert run(30, 4, 0.2, 0.4).count == 0
    assert run(30, 4, 0.8, 0.0).count == 0


def test_a_slow_camera_counts_none() -> None:
    blinks = run(60, 4, 0.2, 0.0, fps=10)
    assert blinks.per_min is None
    assert blinks.duration_ms is None


def test_eyes_lost_in_a_blink_make_none() -> None:
    blinks = Blinks(DriverSettings())
    for t_s, openness in ((0.0, 1.0), (0.03, 0.1), (0.06, None), (0.09, 1.0)):
        assert blinks.update(to_ns(t_s), openness, 30) is None
    assert blinks.count == 0
