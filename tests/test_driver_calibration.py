from __future__ import annotations

import numpy as np
import pytest

from realtime.clock import to_ns
from realtime.driver.calibration import Baseline, Calibration, Upkeep
from realtime.driver.settings import DriverSettings
from tests.driver_faces import BASELINE, a_measure, times

RULES = DriverSettings()


def run(calibration: Calibration, start_s: float, end_s: float, **changes: float) -> Baseline | None:
    for t_ns in times(start_s, end_s):
        made = calibration.update(t_ns, a_measure(**changes))
        if made is not None:
            return made
    return None


def test_eight_seconds_make_a_personal_baseline() -> None:
    made = run(Calibration(RULES), 0, 8.2, eye_right=0.33, eye_left=0.31, yaw_deg=12, pitch_deg=-15)
    assert made is not None
    assert (made.eye_right, made.eye_left, made.yaw_deg, made.pitch_deg) == (0.33, 0.31, 12, -15)
    assert made.made_ns == pytest.approx(to_ns(8), abs=to_ns(0.1))


def test_blinks_smiles_and_glances_do_not_move_it() -> None:
    calibration, made = Calibration(RULES), None
    random = np.random.default_rng(3)
    for number, t_ns in enumerate(times(0, 20)):
        second = number / 30
        ear = 0.06 if second % 3 < 0.2 else 0.24 if 2 < second < 4 else 0.27
        yaw = 40 if 5 < second < 7 else 4
        ear += float(random.normal(0, 0.005))
        made = made or calibration.update(t_ns, a_measure(eye_right=ear, eye_left=ear, yaw_deg=yaw))
    assert made is not None
    assert made.eye_right == pytest.approx(0.27, abs=0.01)
    assert made.yaw_deg == 4


def test_closed_eyes_and_a_head_that_never_rests_make_none() -> None:
    assert run(Calibration(RULES), 0, 30, eye_right=0.08, eye_left=0.08) is None
    restless = Calibration(RULES)
    for number, t_ns in enumerate(times(0, 30)):
        assert restless.update(t_ns, a_measure(yaw_deg=number % 80 - 40)) is None


def test_unusable_time_does_not_count_and_a_late_one_says_so() -> None:
    calibration = Calibration(RULES)
    for t_ns in times(0, 61, 10):
        assert calibration.update(t_ns, None) is None
    assert calibration.progress == 0
    assert calibration.late


def blink(upkeep: Upkeep, at_s: float, low: float) -> None:
    shares = [1.0] * 5 + [0.7, 0.4 if low < 0.4 else low, low, low, 0.6, 0.9] + [1.0] * 5
    for number, share in enumerate(shares):
        upkeep.update(to_ns(at_s + number / 30), share, fast=True)


def test_the_closed_level_is_learnt_and_glasses_are_noticed() -> None:
    upkeep = Upkeep(BASELINE, RULES)
    for number in range(8):
        blink(upkeep, number * 3, 0.12)
    assert upkeep.baseline.closed_share == pytest.approx(0.12)
    assert not upkeep.glasses_changed
    for number in range(8, 16):
        blink(upkeep, number * 3, 0.44)
    assert upkeep.glasses_changed
    assert upkeep.baseline.closed_share == pytest.approx(0.44)


def test_the_open_level_rises_and_never_falls() -> None:
    upkeep = Upkeep(BASELINE, RULES)
    for t_ns in times(0, 70, 10):
        upkeep.update(t_ns, 1.1, fast=False)
    assert upkeep.baseline.eye_right == pytest.approx(1.1 * 0.27)
    for t_ns in times(70, 400, 10):
        upkeep.update(t_ns, 0.7, fast=False)
    assert upkeep.baseline.eye_right == pytest.approx(1.1 * 0.27)
    for t_ns in times(400, 900, 10):
        upkeep.update(t_ns, 1.6, fast=False)
    assert upkeep.baseline.eye_right == pytest.approx(1.25 * 0.27), "within bounds"
