from __future__ import annotations

import pytest

from realtime.clock import to_ns
from realtime.stats import Durations, Rate


def test_rate_is_events_per_second_and_falls_to_zero() -> None:
    rate = Rate(span_s=1.0)
    for number in range(31):
        rate.mark(to_ns(number / 30))
    assert rate.per_s(to_ns(1.0)) == pytest.approx(30, rel=0.01)
    assert rate.per_s(to_ns(5.0)) == 0
    assert rate.count == 31


def test_durations_give_median_and_95th_percentile() -> None:
    durations = Durations(capacity=100)
    assert durations.summary() is None
    for value in range(1, 201):
        durations.add_ns(value * 1_000_000)
    assert durations.summary() == {"median": 150.5, "p95": 195.05}
