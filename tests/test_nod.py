from __future__ import annotations

from realtime.driver.nod import Nods
from realtime.driver.settings import DriverSettings


def test_a_head_that_falls_with_closed_eyes_nods_once() -> None:
    nods = Nods(DriverSettings())
    nods.update(0, 2.0, 0.0, closed=False)
    nods.update(int(0.2e9), -12.0, 0.2, closed=True)
    assert not nods.active, "the eyes have not been closed for long enough"
    nods.update(int(0.4e9), -12.0, 0.4, closed=True)
    assert nods.active
    assert nods.drop_deg == 14
    nods.update(int(1.6e9), -20.0, 1.6, closed=True)
    assert not nods.active, "told once"


def test_a_small_drop_an_unknown_pose_and_open_eyes_are_no_nod() -> None:
    nods = Nods(DriverSettings())
    nods.update(0, 0.0, 0.0, closed=False)
    nods.update(1, -8.0, 1.0, closed=True)
    nods.update(2, None, 1.0, closed=True)
    assert not nods.active
    nods.update(3, -20.0, 0.0, closed=False)
    nods.update(4, -21.0, 1.0, closed=True)
    assert not nods.active, "the head was down before the eyes closed"
