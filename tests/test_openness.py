from __future__ import annotations

import math

import pytest

from realtime.driver.openness import LookDown, read_eyes
from realtime.driver.settings import DriverSettings
from tests.driver_faces import BASELINE, a_measure, times

RULES = DriverSettings()


def openness(**changes: float) -> float | None:
    return read_eyes(a_measure(**changes), BASELINE, RULES).openness


def test_openness_is_relative_to_this_drivers_eyes() -> None:
    assert openness() == pytest.approx(1.0)
    assert openness(eye_right=0.2 * 0.27, eye_left=0.2 * 0.27) == pytest.approx(0.0)
    assert openness(eye_right=0.6 * 0.27, eye_left=0.6 * 0.27) == pytest.approx(0.5)


def test_one_eye_shut_is_not_closed() -> None:
    value = openness(eye_right=0.05)
    assert value is not None
    assert value > RULES.reopened_at


def test_a_head_turned_too_far_makes_the_eyes_unknown_not_closed() -> None:
    eyes = read_eyes(a_measure(yaw_deg=4 + 25, eye_right=0.05, eye_left=0.05), BASELINE, RULES)
    assert (eyes.openness, eyes.reason) == (None, "head turned")
    assert openness(pitch_deg=-8 - 30, eye_right=0.05, eye_left=0.05) is None
    assert openness(eye_right=math.nan) is None


def test_a_head_that_fell_after_the_eyes_closed_hides_nothing() -> None:
    lowered = a_measure(pitch_deg=-8 - 30, eye_right=0.05, eye_left=0.05)
    openness = read_eyes(lowered, BASELINE, RULES, closing=True).openness
    assert openness is not None
    assert openness < RULES.closed_at


def test_the_far_eyes_roundness_and_the_lowered_head_are_compensated() -> None:
    turned = 0.27 / math.cos(math.radians(15))
    assert openness(yaw_deg=4 + 15, eye_right=turned, eye_left=0.4) == pytest.approx(1, abs=0.01)
    lowered = 0.27 * (1 - 0.008 * 20)
    assert openness(pitch_deg=-28, eye_right=lowered, eye_left=lowered) == pytest.approx(1, abs=0.01)


def test_lids_that_follow_the_head_down_are_a_glance() -> None:
    guard = LookDown(RULES)
    for t_ns in times(0, 1):
        assert not guard.update(t_ns, 0.0, 1.0, closing=False)
    for t_ns in times(1, 1.5):
        assert not guard.update(t_ns, -12.0, 0.9, closing=False)
    for t_ns in times(1.5, 4):
        assert guard.update(t_ns, -12.0, 0.1, closing=False)
    assert not guard.update(int(4e9), 0.0, 0.1, closing=False), "the head is up again, the eyes are not open"


def test_a_nod_is_no_glance() -> None:
    guard = LookDown(RULES)
    for t_ns in times(0, 1):
        guard.update(t_ns, 0.0, 1.0, closing=False)
    assert not guard.update(int(1e9), 0.0, 0.1, closing=False)
    for t_ns in times(1.1, 2):
        assert not guard.update(t_ns, -20.0, 0.1, closing=True)
