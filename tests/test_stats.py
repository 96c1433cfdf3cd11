from __future__ import annotations

import pytest

from realtime.clock import to_ns
from realtime.stats import BOUNDS_S, Durations, Load, Rate


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


def test_durations_are_counted_since_the_start_by_their_bounds() -> None:
    durations = Durations(capacity=2)
    for ms in (0.5, 1.0, 1.5, 40.0, 5000.0):
        durations.add_ns(round(ms * 1e6))
    found = durations.histogram()
    assert dict(zip((*BOUNDS_S, "all"), found.counts, strict=True)) == {
        0.001: 2, 0.002: 3, 0.005: 3, 0.01: 3, 0.02: 3, 0.033: 3, 0.05: 4, 0.1: 4, 0.2: 4, 0.5: 4, 1.0: 4,
        "all": 5,
    }  # fmt: skip
    assert found.sum_s == pytest.approx(5.043)


def test_load_is_the_busy_share_of_the_last_seconds() -> None:
    load = Load(span_s=2.0)
    assert load.share(0) == 0
    for began_s, ended_s in ((10.0, 10.5), (11.0, 11.5)):
        load.begin(to_ns(began_s))
        load.end(to_ns(ended_s))
    assert load.share(to_ns(12.0)) == 0.5
    assert load.share(to_ns(12.25)) == 0.375, "half of the first stretch is over"
    assert load.share(to_ns(20.0)) == 0
    load.begin(to_ns(20.0))
    assert load.share(to_ns(21.0)) == 0.5, "what goes on counts"
    assert load.share(to_ns(30.0)) == 1.0
