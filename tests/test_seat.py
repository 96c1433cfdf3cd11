from __future__ import annotations

from realtime.clock import to_ns
from realtime.driver.seat import Seat


def test_the_largest_face_takes_the_seat_and_keeps_it() -> None:
    seat = Seat(2.0)
    assert seat.choose(0, {}) is None
    assert seat.choose(1, {1: 100.0, 2: 150.0}) == 2
    assert seat.choose(2, {1: 300.0, 2: 150.0}) == 2


def test_another_face_waits_until_the_driver_has_gone() -> None:
    seat = Seat(2.0)
    seat.choose(0, {1: 150.0})
    assert seat.choose(to_ns(1.9), {2: 150.0}) is None
    assert seat.choose(to_ns(2.0), {2: 150.0, 3: 90.0}) == 2
