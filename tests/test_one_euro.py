from __future__ import annotations

import numpy as np

from realtime.clock import to_ns
from realtime.vision.one_euro import OneEuro


def test_jitter_at_rest_shrinks_and_a_fast_move_is_followed() -> None:
    rng = np.random.default_rng(0)
    smooth = OneEuro(min_cutoff_hz=1.0, beta=5.0)
    rest = [smooth(to_ns(k / 30), rng.normal(0, 0.01, 2)) for k in range(90)]
    assert np.std(rest[30:]) < 0.5 * 0.01
    moved = [smooth(to_ns(3 + k / 30), np.array([2.0, 0.0]) * min(1, k / 5)) for k in range(10)]
    assert abs(moved[-1][0] - 2.0) < 0.1
    assert abs(moved[-1][1]) < 0.05


def test_result_depends_on_time_and_not_on_the_frame_rate() -> None:
    ends = []
    for fps in (15, 60):
        smooth = OneEuro(min_cutoff_hz=1.0, beta=0.0)
        smooth(0, np.array([0.0]))
        ends.append([smooth(to_ns(k / fps), np.array([1.0])) for k in range(1, fps // 5 + 1)][-1][0])
    assert abs(ends[0] - ends[1]) < 1e-6
    assert 0.6 < ends[0] < 0.8


def test_a_time_that_does_not_rise_changes_nothing() -> None:
    smooth = OneEuro(1.0, 0.0)
    smooth(10, np.array([1.0]))
    assert smooth(10, np.array([5.0])) == 1.0
