from __future__ import annotations

from realtime.driver.settings import DriverSettings
from realtime.driver.yawn import Yawns
from tests.driver_faces import times


def run(yawns: Yawns, start_s: float, end_s: float, mouth: float | None) -> bool:
    active = False
    for t_ns in times(start_s, end_s):
        yawns.update(t_ns, mouth)
        active |= yawns.active
    return active


def test_a_wide_mouth_becomes_a_yawn_after_a_while() -> None:
    yawns = Yawns(DriverSettings())
    assert not run(yawns, 0, 1.4, 0.8)
    assert yawns.wide
    assert run(yawns, 1.4, 4, 0.8)
    assert not run(yawns, 4, 5, 0.1)
    assert yawns.count(int(5e9)) == 1
    assert yawns.count(int(700e9)) == 0, "ten minutes later"


def test_talking_and_a_mouth_open_for_long_are_no_yawns() -> None:
    yawns = Yawns(DriverSettings())
    for syllable in range(20):
        assert not run(yawns, syllable * 0.4, syllable * 0.4 + 0.2, 0.9)
        assert not run(yawns, syllable * 0.4 + 0.2, syllable * 0.4 + 0.4, 0.2)
    run(yawns, 10, 23, 0.8)
    assert not yawns.active, "longer than yawns are"
    run(yawns, 23, 24, 0.1)
    assert yawns.count(int(24e9)) == 0


def test_a_lost_mouth_ends_it() -> None:
    yawns = Yawns(DriverSettings())
    run(yawns, 0, 1, 0.8)
    run(yawns, 1, 2, None)
    assert not run(yawns, 2, 3, 0.8)
