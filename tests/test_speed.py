from __future__ import annotations

import pytest

from realtime.clock import to_ns
from realtime.driver.settings import DriverSettings
from realtime.driver.speed import SpeedInput, speed_band


@pytest.mark.parametrize(
    ("kmh", "band"),
    [(None, "unknown"), (0, "slow"), (19.9, "slow"), (20, "middle"), (50, "middle"), (51, "fast")],
)
def test_bands(kmh: float | None, band: str) -> None:
    assert speed_band(kmh, DriverSettings()) == band


def test_an_old_speed_is_unknown() -> None:
    speed = SpeedInput(DriverSettings())
    assert speed.at(0) is None
    speed.put(to_ns(1), 80)
    assert speed.at(to_ns(6)) == 80
    assert speed.at(to_ns(6.1)) is None


@pytest.mark.parametrize("kmh", [-1, 401, float("nan"), float("inf")])
def test_an_impossible_speed_is_refused(kmh: float) -> None:
    with pytest.raises(ValueError, match="expected 0 to 400 km/h"):
        SpeedInput(DriverSettings()).put(0, kmh)
