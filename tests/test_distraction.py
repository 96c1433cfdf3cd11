from __future__ import annotations

import pytest

from realtime.clock import to_ns
from realtime.driver.alerts import EMERGENCY, URGENT, WARNING
from realtime.driver.distraction import LongGlance, ManyGlances
from realtime.driver.settings import DriverSettings
from realtime.driver.speed import FAST, MIDDLE, SLOW, UNKNOWN_SPEED
from tests.driver_faces import times

RULES = DriverSettings()
Glance = LongGlance | ManyGlances


def run(glance: Glance, start_s: float, end_s: float, on_road: bool | None, band: str = FAST) -> None:
    for t_ns in times(start_s, end_s):
        glance.update(t_ns, on_road, to_ns(start_s), band)


@pytest.mark.parametrize(
    ("band", "seconds", "level"),
    [
        (FAST, 3.4, 0), (FAST, 3.6, WARNING), (UNKNOWN_SPEED, 3.6, WARNING),
        (MIDDLE, 5.9, 0), (MIDDLE, 6.1, WARNING), (SLOW, 60, 0),
        (FAST, 6.6, URGENT), (FAST, 13.6, EMERGENCY),
    ],
)  # fmt: skip
def test_a_glance_is_as_long_as_the_speed_allows(band: str, seconds: float, level: int) -> None:
    glance = LongGlance(RULES)
    run(glance, 0, 1, True, band)
    run(glance, 1, 1 + seconds, False, band)
    assert glance.level == level


def test_a_flicker_to_the_road_does_not_end_a_glance() -> None:
    glance = LongGlance(RULES)
    run(glance, 0, 2, False)
    run(glance, 2, 2.15, True)
    run(glance, 2.15, 3.8, False)
    assert glance.level == WARNING


def test_the_road_silences_then_clears() -> None:
    glance = LongGlance(RULES)
    run(glance, 0, 4, False)
    run(glance, 4, 4.5, True)
    assert (glance.level, glance.silenced) == (WARNING, True)
    run(glance, 4.5, 5, False)
    assert (glance.level, glance.silenced) == (WARNING, False)
    run(glance, 5, 7.2, True)
    assert (glance.level, glance.silenced) == (0, False)


@pytest.mark.parametrize("kind", [LongGlance, ManyGlances])
def test_unknown_gaze_lowers_nothing_and_adds_nothing(kind: type[Glance]) -> None:
    glance = kind(RULES)
    run(glance, 0, 3, False)
    run(glance, 3, 4.5, None)
    assert glance.level == 0
    run(glance, 4.5, 12.5, False)
    assert glance.level >= WARNING
    level = glance.level
    run(glance, 12.5, 60, None)
    assert glance.level == level


def test_short_glances_add_up() -> None:
    glances = ManyGlances(RULES)
    for number in range(4):
        run(glances, number * 3.5, number * 3.5 + 2, False)
        run(glances, number * 3.5 + 2, number * 3.5 + 3.5, True)
    assert glances.level == 0
    assert glances.sum_s == pytest.approx(8, abs=0.3)
    run(glances, 14, 16.3, False)
    assert glances.level == WARNING
    run(glances, 16.3, 18.4, True)
    assert (glances.level, glances.sum_s) == (0, 0)


def test_glances_older_than_the_window_do_not_count() -> None:
    glances = ManyGlances(RULES)
    for number in range(20):
        run(glances, number * 2, number * 2 + 0.4, False)
        run(glances, number * 2 + 0.4, number * 2 + 2, True)
    assert glances.sum_s == pytest.approx(6, abs=0.5)
    assert glances.level == 0
