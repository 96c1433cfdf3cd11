from __future__ import annotations

from realtime.serving.backoff import back_off_s


def test_it_doubles_and_is_bounded() -> None:
    waits = [back_off_s(failures, 1.0, 1.0, 30.0) for failures in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    assert back_off_s(10_000, 1.0) == 30


def test_chance_spreads_it_over_the_upper_half() -> None:
    assert back_off_s(3, 0.0, 1.0, 30.0) == 2
    assert back_off_s(3, 0.5, 1.0, 30.0) == 3
