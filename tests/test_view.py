from __future__ import annotations

import dataclasses

import pytest

from realtime.driver.settings import DriverSettings
from realtime.driver.view import View, complaint
from tests.driver_faces import GOOD_VIEW, times

RULES = DriverSettings()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"brightness": 0.05}, "too dark"),
        ({"brightness": 0.99}, "too bright"),
        ({"eye_light": 0.2}, "eyes covered"),
        ({"size_px": 40.0}, "too far away"),
        ({"sharpness": 1.0}, "blurred"),
    ],
)
def test_what_spoils_a_frame_is_named(changes: dict[str, float], words: str) -> None:
    assert complaint(dataclasses.replace(GOOD_VIEW, **changes), RULES) == words  # type: ignore[arg-type]


def test_no_face_is_a_complaint() -> None:
    assert complaint(None, RULES) == "no face"


def test_a_poor_view_is_told_within_ten_seconds_and_ends() -> None:
    view = View(RULES)
    for t_ns in times(0, 20):
        view.update(t_ns, "")
    assert not view.poor
    for t_ns in times(20, 30):
        view.update(t_ns, "too dark")
    assert (view.poor, view.reason) == (True, "too dark")
    for t_ns in times(30, 40):
        view.update(t_ns, "")
    assert (view.poor, view.reason) == (False, "")


def test_missing_pictures_are_a_poor_view() -> None:
    view = View(RULES)
    for t_ns in (0, int(1e9), int(4e9), int(7e9)):
        view.update(t_ns, "")
    assert (view.poor, view.reason) == (True, "no pictures")


def test_a_driver_who_looks_away_is_not_a_poor_view() -> None:
    view = View(RULES)
    for number, t_ns in enumerate(times(0, 30)):
        view.update(t_ns, "no face" if number % 10 < 3 else "")
    assert not view.poor
