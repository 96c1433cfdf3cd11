from __future__ import annotations

import pytest

from realtime.driver.alerts import SOFT, URGENT, WARNING
from realtime.driver.perclos import Drowsiness, Perclos
from realtime.driver.settings import DriverSettings
from tests.driver_faces import times

RULES = DriverSettings()


def run(perclos: Perclos, start_s: float, end_s: float, closed: bool | None, fps: float = 20.0) -> None:
    for t_ns in times(start_s, end_s, fps):
        perclos.update(t_ns, closed, fps)


def test_the_share_is_closed_over_usable_time() -> None:
    perclos = Perclos(RULES)
    for second in range(100):
        run(perclos, second, second + 0.4, True)
        run(perclos, second + 0.4, second + 1, False)
    assert perclos.short == pytest.approx(0.4, abs=0.01)
    assert perclos.long == pytest.approx(0.4, abs=0.01)


def test_blinks_are_left_out() -> None:
    perclos = Perclos(RULES)
    for second in range(40):
        run(perclos, second, second + 0.2, True)
        run(perclos, second + 0.2, second + 1, False)
    assert perclos.short == 0


def test_unknown_time_is_on_neither_side() -> None:
    perclos = Perclos(RULES)
    run(perclos, 0, 30, False)
    run(perclos, 30, 35, True)
    with_eyes = perclos.short
    run(perclos, 35, 50, None)
    assert perclos.short == pytest.approx(with_eyes)


def test_too_little_usable_time_or_too_few_frames_give_nothing() -> None:
    perclos = Perclos(RULES)
    run(perclos, 0, 29, False)
    assert perclos.short is None
    run(perclos, 29, 31, False)
    assert perclos.short == 0
    assert perclos.long is None
    perclos.update(int(31.1e9), False, 5.0)
    assert perclos.short is None


def test_the_windows_forget() -> None:
    perclos = Perclos(RULES)
    run(perclos, 0, 60, True)
    run(perclos, 60, 121, False)
    assert perclos.short == 0
    assert perclos.long == pytest.approx(60 / 121, abs=0.01)


def test_both_windows_must_agree() -> None:
    drowsiness = Drowsiness(RULES)
    for short, long, level in ((0.3, 0.05, 0), (0.07, 0.3, 0), (0.09, 0.09, SOFT), (0.15, 0.1, WARNING)):
        drowsiness.update(0, short, long)
        assert drowsiness.level == level


def test_levels_are_lowered_with_slack_and_by_knowledge_only() -> None:
    drowsiness = Drowsiness(RULES)
    drowsiness.update(0, 0.16, 0.11)
    drowsiness.update(1, 0.14, 0.09)
    assert drowsiness.level == WARNING
    drowsiness.update(2, None, None)
    assert drowsiness.level == WARNING
    drowsiness.update(3, 0.12, 0.09)
    assert drowsiness.level == SOFT


def test_long_drowsiness_is_urgent_unless_answered() -> None:
    drowsiness = Drowsiness(RULES)
    for t_ns in times(0, 119, 1):
        drowsiness.update(t_ns, 0.2, 0.2)
    assert drowsiness.level == WARNING
    drowsiness.acknowledge()
    for t_ns in times(119, 230, 1):
        drowsiness.update(t_ns, 0.2, 0.2)
    assert drowsiness.level == WARNING
    for t_ns in times(230, 245, 1):
        drowsiness.update(t_ns, 0.2, 0.2)
    assert drowsiness.level == URGENT
