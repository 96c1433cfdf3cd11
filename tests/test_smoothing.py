from __future__ import annotations

import numpy as np
import pytest

from realtime.clock import to_ns
from realtime.inference.smoothing import UNSURE, Smoother

LABELS = ("happy", "neutral", "sad")


def smoother(time_constant_s: float = 0.4) -> Smoother:
    return Smoother(LABELS, time_constant_s=time_constant_s, unsure_below=0.4, switch_margin=0.1)


def p(*values: float) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(values, np.float32)


def test_the_average_has_the_time_constant_whatever_the_rate() -> None:
    for hop_s in (0.05, 0.1, 0.2):
        smooth = smoother()
        smooth.update(0, p(0, 1, 0), 0.0)
        for k in range(1, round(0.4 / hop_s) + 1):
            probabilities, *_ = smooth.update(to_ns(k * hop_s), p(1, 0, 0), 0.0)
        assert probabilities[0] == pytest.approx(1 - np.exp(-1), abs=1e-3)
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_a_near_tie_does_not_flicker() -> None:
    smooth = smoother(0)
    labels = [
        smooth.update(to_ns(k), p(0.5 + d, 0.5 - d, 0), 0.5)[1]
        for k, d in enumerate([0.1] + [(-1) ** k * 0.04 for k in range(20)])
    ]
    assert set(labels) == {"happy"}
    assert smooth.update(to_ns(30), p(0.4, 0.6, 0), 0.5)[1] == "neutral"


def test_unsure_is_entered_and_left_at_two_thresholds() -> None:
    smooth = smoother(0)
    shown = [
        smooth.update(to_ns(k), p(value, (1 - value) / 2, (1 - value) / 2), 0.5)[1]
        for k, value in enumerate([0.42, 0.46, 0.42, 0.39, 0.44, 0.46])
    ]
    assert shown == [UNSURE, "happy", "happy", UNSURE, UNSURE, "happy"]


def test_intensity_is_smoothed_too() -> None:
    smooth = smoother()
    smooth.update(0, p(1, 0, 0), 0.0)
    assert smooth.update(to_ns(0.4), p(1, 0, 0), 1.0)[3] == pytest.approx(0.632, abs=1e-3)
