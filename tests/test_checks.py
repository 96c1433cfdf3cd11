from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from realtime.capture.checks import PictureCheck, unusable
from realtime.clock import to_ns


@pytest.mark.parametrize(
    ("image", "got"),
    [
        (np.zeros((0, 0, 3), np.uint8), "got 0x0"),
        (np.zeros((2, 1920, 3), np.uint8), "got 1920x2"),
        (np.zeros((48, 64), np.uint8), r"got \(48, 64\) uint8"),
        (np.zeros((48, 64, 4), np.uint8), r"got \(48, 64, 4\)"),
        (np.zeros((48, 64, 3), np.float32), "float32"),
        (None, "got NoneType"),
    ],
)
def test_what_is_no_picture_is_said(image: Any, got: str) -> None:
    assert re.search(got, unusable(image))
    assert unusable(np.zeros((48, 64, 3), np.uint8)) == ""


def noise(level: int, seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(level, level + 4, (48, 64, 3)).astype(np.uint8)


def test_black_is_said_after_a_second_and_forgotten_with_the_first_light() -> None:
    check = PictureCheck()
    told = []
    for k, level in enumerate([90, 90, 0, 0, 0, 0, 0, 90]):
        check.look(noise(level, k), to_ns(k * 0.3))
        told.append(check.black)
    assert told == [False] * 5 + [True, True, False]
    dark_start = PictureCheck()
    for k in range(5):
        dark_start.look(noise(0, k), to_ns(k * 0.3))
    assert dark_start.black


def test_noise_is_no_standstill_and_the_same_bytes_are() -> None:
    check = PictureCheck(still_s=1.0)
    for k in range(20):
        check.look(noise(90, k), to_ns(k * 0.3))
        assert not check.still
    for k in range(20, 25):
        check.look(noise(90, 19), to_ns(k * 0.3))
    assert check.still
    check.look(noise(90, 25), to_ns(25 * 0.3))
    assert not check.still
