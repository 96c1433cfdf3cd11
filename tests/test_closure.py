from __future__ import annotations

import pytest

from realtime.clock import to_ns
from realtime.driver.closure import Closure
from realtime.driver.settings import DriverSettings
from tests.driver_faces import times

RULES = DriverSettings()


def run(closure: Closure, start_s: float, end_s: float, openness: float | None, **more: bool) -> None:
    for t_ns in times(start_s, end_s):
        closure.update(t_ns, openness, **more)


@pytest.mark.parametrize(
    ("seconds", "level"), [(0.4, 0), (0.6, 1), (1.1, 2), (1.6, 3), (2.9, 3), (3.1, 4), (6.1, 5)]
)
def test_the_ladder_follows_the_time_closed(seconds: float, level: int) -> None:
    closure = Closure(RULES)
    run(closure, 0, 1, 1.0)
    run(closure, 1, 1 + seconds, 0.05)
    assert closure.level == level
    assert closure.closed_s == pytest.approx(seconds, abs=0.05)


def test_unknown_eyes_are_not_closed_and_lower_nothing() -> None:
    closure = Closure(RULES)
    run(closure, 0, 10, None)
    assert (closure.closed, closure.level) == (None, 0)
    run(closure, 10, 12, 0.05)
    assert closure.level == 3
    run(closure, 12, 60, None)
    assert closure.closed is None
    assert closure.level == 3


def test_time_without_knowledge_does_not_count() -> None:
    closure = Closure(RULES)
    run(closure, 0, 1, 0.05)
    run(closure, 1, 2.5, None)
    run(closure, 2.5, 2.8, 0.05)
    assert closure.closed_s == pytest.approx(1.3, abs=0.1)
    run(closure, 2.8, 5.5, None)  # so long that what follows is another closure
    run(closure, 5.5, 5.9, 0.05)
    assert closure.closed_s == pytest.approx(0.4, abs=0.1)


def test_a_gap_between_frames_does_not_count() -> None:
    closure = Closure(RULES)
    closure.update(0, 0.05)
    closure.update(to_ns(1.9), 0.05)
    assert closure.closed_s == 0
    assert closure.level == 0


def test_open_eyes_clear_after_a_while_and_a_flicker_does_not() -> None:
    closure = Closure(RULES)
    run(closure, 0, 2, 0.05)
    closure.update(to_ns(2.0), 0.9)
    closure.update(to_ns(2.03), 0.05)
    assert closure.closed_s > 1.9, "one frame does not end a closure"
    run(closure, 2.1, 2.4, 0.9)
    assert closure.closed is False
    assert closure.level == 3
    run(closure, 2.4, 2.8, 0.9)
    assert closure.level == 0


def test_laughing_eyes_after_a_blink_are_no_closure() -> None:
    closure = Closure(RULES)
    run(closure, 0, 0.1, 0.05)
    run(closure, 0.1, 5, 0.4)
    assert closure.level == 0


def test_eyes_closed_in_a_yawn_count_from_sleep_on_only() -> None:
    closure = Closure(RULES)
    run(closure, 0, 2.9, 0.05, yawning=True)
    assert closure.level == 0
    run(closure, 2.9, 3.2, 0.05, yawning=True)
    assert closure.level == 4


def test_the_start_is_put_between_two_slow_frames() -> None:
    closure = Closure(RULES)
    closure.update(0, 1.0)
    closure.update(to_ns(0.1), 0.0)
    assert closure.started_ns == pytest.approx(to_ns(0.08), abs=1000)
    assert closure.closed_s == pytest.approx(0.02)
