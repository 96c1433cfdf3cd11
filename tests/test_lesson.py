from __future__ import annotations

import numpy as np
import pytest

from realtime.clock import to_ns
from realtime.inference.lesson import MOST_WINDOWS, Lesson
from realtime.values import Quality

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
GOOD = Quality(150, 0, 0, 0, 80, 0.5)
POOR = Quality(150, 0, 0, 0, 80, 0.1, ("too dark",))
EACH_S = 60 / 7


def teach(lesson: Lesson, seconds: float = 60.0, hz: float = 7.5, span_s: float = 1.0) -> None:
    for k in range(round(seconds * hz)):
        t = k / hz
        row = np.array([t], np.float32)
        lesson.take((to_ns(t - span_s), to_ns(t)), np.zeros(7, np.float32), row, GOOD)


def test_a_minute_asks_for_each_expression_once_with_time_to_get_ready() -> None:
    lesson = Lesson(LABELS, to_ns(5), seconds=60)
    asked: list[tuple[str, str]] = []
    for tenth in range(600):
        step = lesson.step(to_ns(5 + tenth / 10 + 0.01))
        assert step is not None
        if not asked or asked[-1] != (step.label, step.phase):
            asked.append((step.label, step.phase))
    order = ["neutral", "happy", "surprise", "sad", "angry", "disgust", "fear"]
    assert asked == [(name, phase) for name in order for phase in ("ready", "hold")]
    assert lesson.step(to_ns(65.1)) is None
    first, second = lesson.step(to_ns(5)), lesson.step(to_ns(5 + 0.3 * EACH_S + 1))
    assert first is not None
    assert second is not None
    assert first.left_s == pytest.approx(0.3 * EACH_S, abs=0.01)
    assert (second.phase, round(second.left_s, 2)) == ("hold", 5.0)
    assert second.progress == pytest.approx((0.3 * EACH_S + 1) / 60, abs=1e-3)


def test_only_windows_wholly_inside_a_hold_are_kept_and_its_last_third_is_held_back() -> None:
    lesson = Lesson(LABELS, 0, seconds=60)
    teach(lesson)
    assert lesson.lacking() == ""
    samples = lesson.samples()
    ends = samples.features[:, 0]
    inside = ends % EACH_S  # the time within the expression at which the window ends
    assert (inside - 1 >= 0.3 * EACH_S).all()
    split = EACH_S - 2.0
    assert (inside[~samples.held_back] <= split + 1e-4).all()
    assert (inside[samples.held_back] - 1 >= split - 1e-4).all()
    for number in range(7):
        own = samples.classes == number
        assert 17 <= (own & ~samples.held_back).sum() <= 22
        assert 7 <= (own & samples.held_back).sum() <= 9
    happy = ends[samples.classes == LABELS.index("happy")]
    assert happy.min() >= EACH_S
    assert happy.max() <= 2 * EACH_S


def test_poor_pictures_are_left_out_and_what_lacks_is_named() -> None:
    lesson = Lesson(LABELS, 0, seconds=60)
    for k in range(450):
        t = k / 7.5
        quality = POOR if 2 * EACH_S <= t < 3 * EACH_S else GOOD
        lesson.take((to_ns(t - 1), to_ns(t)), np.zeros(7, np.float32), np.zeros(3, np.float32), quality)
    assert lesson.lacking().startswith("surprise: the picture was not good enough; expected 4 windows")
    empty = Lesson(LABELS, 0, seconds=60)
    assert "neutral: too little was seen" in empty.lacking()


def test_memory_is_bounded_and_other_classes_come_last() -> None:
    lesson = Lesson(("happy", "bored"), 0, seconds=20)
    assert lesson.order == ("happy", "bored")
    teach(lesson, seconds=20, hz=200)
    assert np.bincount(lesson.samples().classes).tolist() == [MOST_WINDOWS, MOST_WINDOWS]
