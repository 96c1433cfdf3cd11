from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime.driver.pose import CANONICAL_MM, head_pose_deg
from realtime.values import LANDMARK_COUNT, FloatArray


def seen(yaw: float, pitch: float, roll: float = 0.0) -> FloatArray:
    """The canonical face turned and photographed from 0.65 m; signs as in values.Quality."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    points = np.array(list(CANONICAL_MM.values())) @ (about_z @ about_y @ about_x).T + (20, -10, 650)
    landmarks = np.zeros((LANDMARK_COUNT, 3), np.float32)
    landmarks[list(CANONICAL_MM), :2] = points[:, :2] / points[:, 2:] * 700 + (320, 240)
    landmarks[list(CANONICAL_MM), 2] = points[:, 2] * 700 / 650
    return landmarks


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0, 0, 0), (25, 0, 0), (-25, 5, 0), (0, -20, 0), (10, 8, 12)]
)
def test_turns_against_neutral_are_found(yaw: float, pitch: float, roll: float) -> None:
    neutral, turned = np.array(head_pose_deg(seen(0, 0))), np.array(head_pose_deg(seen(yaw, pitch, roll)))
    assert np.abs(neutral).max() < 4
    assert turned - neutral == pytest.approx([yaw, pitch, roll], abs=2.5)


def test_signs_agree_with_the_quality_angles() -> None:
    from realtime.vision.quality import head_angles_deg

    landmarks = seen(20, 0)
    landmarks[10], landmarks[152] = (320, 140, 755), (320, 380, 755)
    assert head_angles_deg(landmarks)[0] > 10
    assert head_pose_deg(landmarks)[0] > 10


def test_points_that_are_no_face_give_no_pose() -> None:
    assert np.isnan(head_pose_deg(np.zeros((LANDMARK_COUNT, 3), np.float32))).all()
    assert np.isnan(head_pose_deg(np.full((LANDMARK_COUNT, 3), np.nan, np.float32))).all()


def test_it_is_cheap() -> None:
    landmarks, ticks = seen(5, 5), cv2.getTickCount()
    for _ in range(100):
        head_pose_deg(landmarks)
    assert (cv2.getTickCount() - ticks) / cv2.getTickFrequency() < 1.0
