from __future__ import annotations

import numpy as np
import pytest

from realtime.driver.measure import LEFT_EYE, RIGHT_EYE, eye_aspect, measure
from realtime.values import Face
from tests.driver_faces import GOOD_VIEW
from tests.test_pose import seen


def a_seen_face(turn: float = 0.0) -> Face:
    landmarks = seen(0, 0)
    for eye, iris in ((RIGHT_EYE, 468), (LEFT_EYE, 473)):
        left, right = sorted((eye[0], eye[3]), key=lambda each: landmarks[each, 0])
        width = landmarks[right, 0] - landmarks[left, 0]
        middle = (landmarks[left] + landmarks[right]) / 2
        for upper, lower in ((eye[1], eye[5]), (eye[2], eye[4])):
            landmarks[upper], landmarks[lower] = middle, middle
            landmarks[upper, 1] -= 0.15 * width
            landmarks[lower, 1] += 0.15 * width
        landmarks[iris] = middle
        landmarks[iris, :2] += (0.1 * width, -0.05 * width)
    for number, (x, y) in {13: (320, 300), 14: (320, 330), 78: (290, 315), 308: (350, 315)}.items():
        landmarks[number] = (x, y, 600)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    landmarks[:, :2] = landmarks[:, :2] @ spin.T
    return Face(7, (0, 0, 1, 1), landmarks, GOOD_VIEW)


@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_ratios_do_not_depend_on_the_heads_roll(turn: float) -> None:
    found = measure(a_seen_face(turn))
    assert found.face_id == 7
    assert found.eye_right == pytest.approx(0.3, abs=0.01)
    assert found.eye_left == pytest.approx(0.3, abs=0.01)
    assert found.mouth == pytest.approx(0.5, abs=0.01)
    assert found.iris_x == pytest.approx(0.1, abs=0.01)
    assert found.iris_y == pytest.approx(-0.05, abs=0.01)


def test_an_eye_without_width_is_no_division_by_zero() -> None:
    assert eye_aspect(np.zeros((478, 3), np.float32), RIGHT_EYE) == 0
