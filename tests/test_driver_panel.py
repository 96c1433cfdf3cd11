from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from realtime.driver.alerts import EMERGENCY, NOTE, WARNING, Alert, Condition
from realtime.driver.state import WATCHING, DriverState
from realtime.picture.driver_panel import LEVEL_COLOURS, draw_driver
from realtime.values import ImageU8

STATE = DriverState(0, word=WATCHING, openness=0.9, zone="road", eyes="open")


def painted(state: DriverState, *, stale: bool = False, height: int = 480) -> ImageU8:
    image = np.full((height, height * 4 // 3, 3), 120, np.uint8)
    draw_driver(image, state, stale=stale)
    return image


def with_alert(level: int) -> DriverState:
    return dataclasses.replace(STATE, alerts=(Alert(Condition("closure", level, "microsleep", 2, 1.5), 0),))


def has(image: ImageU8, colour: tuple[int, int, int]) -> bool:
    return bool((np.abs(image.astype(int) - colour).max(axis=2) < 3).any())


def test_a_calm_state_is_one_line_at_the_lower_edge() -> None:
    image = painted(STATE)
    assert (image[:440] == 120).all()
    assert has(image[440:], LEVEL_COLOURS[0])


@pytest.mark.parametrize("height", [120, 480, 1080])
def test_an_alert_has_a_banner_in_its_colour(height: int) -> None:
    image = painted(with_alert(WARNING), height=height)
    assert has(image[: round(height * 0.93)], LEVEL_COLOURS[WARNING])


def test_sleep_frames_the_whole_picture_and_a_note_does_not() -> None:
    assert (np.abs(painted(with_alert(EMERGENCY))[0, :].astype(int) - LEVEL_COLOURS[EMERGENCY]) < 3).all()
    assert (painted(with_alert(NOTE))[0] == 120).all()


def test_an_old_state_says_so_and_keeps_its_alert() -> None:
    old, fresh = painted(with_alert(WARNING), stale=True), painted(with_alert(WARNING))
    assert (old[:440] == fresh[:440]).all()
    assert (old[440:] != fresh[440:]).any()
    assert not has(old[450:], LEVEL_COLOURS[0])
