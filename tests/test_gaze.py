from __future__ import annotations

import math

import pytest

from realtime.clock import to_ns
from realtime.driver.gaze import Gaze, Zones, read_gaze
from realtime.driver.settings import DriverSettings
from tests.driver_faces import BASELINE, a_measure, times

RULES = DriverSettings()


def settle(zones: Zones, start_s: float, yaw: float, pitch: float = 0.0) -> str:
    for t_ns in times(start_s, start_s + 0.3):
        zones.update(t_ns, Gaze(yaw, pitch))
    return zones.zone


def test_gaze_is_head_and_eyes_against_neutral() -> None:
    gaze = read_gaze(a_measure(yaw_deg=14, iris_x=0.1, iris_y=0.02), BASELINE, RULES, eyes_open=True)
    assert gaze is not None
    assert gaze.yaw_deg == pytest.approx(10 + 14.3)
    assert gaze.pitch_deg == pytest.approx(-0.07 * 143)
    shut = read_gaze(a_measure(yaw_deg=14, iris_x=0.1), BASELINE, RULES, eyes_open=False)
    assert shut == Gaze(10.0, 0.0)
    assert read_gaze(a_measure(yaw_deg=math.nan), BASELINE, RULES, eyes_open=True) is None


@pytest.mark.parametrize(
    ("yaw", "pitch", "zone"),
    [(0, 0, "road"), (20, 0, "left"), (-20, 0, "right"), (0, -18, "down"), (0, 25, "up"), (-16, -25, "down")],
)
def test_zones(yaw: float, pitch: float, zone: str) -> None:
    assert settle(Zones(RULES), 0, yaw, pitch) == zone


def test_a_zone_has_hysteresis_lasts_and_begins_when_it_began() -> None:
    zones = Zones(RULES)
    settle(zones, 0, 0)
    assert settle(zones, 1, 12) == "road"
    assert settle(zones, 2, 16) == "left"
    assert zones.since_ns == to_ns(2)
    assert settle(zones, 3, 12) == "left"
    zones.update(to_ns(4), Gaze(0, 0))
    assert zones.zone == "left", "one frame"
    assert settle(zones, 4.1, 5) == "road"
    zones.update(to_ns(5), None)
    assert zones.zone == "unknown"
