from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime.values import FloatArray
from realtime.vision.quality import eye_light, head_angles_deg, measure_quality
from tests.faces import a_crop, face_landmarks


def turned(yaw_deg: float = 0.0, pitch_deg: float = 0.0) -> FloatArray:
    """A flat face turned in space: yaw to the person's own left, pitch up."""
    points = face_landmarks(0, 0).astype(np.float64)
    yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
    # the person's left is the picture's right: the left side of the face moves away from the camera
    around_y = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    around_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    placed: FloatArray = (points @ (around_y @ around_x).T + [320, 240, 0]).astype(np.float32)
    return placed


@pytest.mark.parametrize("angle", [-30.0, -10.0, 0.0, 20.0])
def test_yaw_and_pitch_are_measured_with_their_signs(angle: float) -> None:
    assert head_angles_deg(turned(yaw_deg=angle))[0] == pytest.approx(angle, abs=0.5)
    assert head_angles_deg(turned(pitch_deg=angle))[1] == pytest.approx(angle, abs=0.5)


def test_roll_is_the_tilt_in_the_picture() -> None:
    assert head_angles_deg(face_landmarks(angle=np.radians(12)))[2] == pytest.approx(12, abs=0.1)


def test_a_good_picture_has_no_hints() -> None:
    quality = measure_quality(face_landmarks(), a_crop())
    assert quality.ok
    assert quality.hints == ()


@pytest.mark.parametrize(
    ("landmarks", "crop", "hint"),
    [
        (face_landmarks(size=50), a_crop(), "come closer"),
        (turned(yaw_deg=45), a_crop(), "turn to the camera"),
        (turned(pitch_deg=-40), a_crop(), "turn to the camera"),
        (face_landmarks(), (a_crop() * 0.1).astype(np.uint8), "too dark"),
        (face_landmarks(), np.maximum(a_crop(), 230), "too bright"),
        (face_landmarks(), cv2.GaussianBlur(a_crop(), (0, 0), 25), "blurred"),
    ],
)
def test_each_fault_has_its_hint(landmarks: FloatArray, crop: np.ndarray, hint: str) -> None:  # type: ignore[type-arg]
    assert hint in measure_quality(landmarks, crop).hints


def test_dark_lenses_are_told_by_the_light_around_the_eyes() -> None:
    crop = np.full((224, 224, 3), 160, np.uint8)
    assert eye_light(crop) == pytest.approx(1.0)
    for left in (65, 118):
        crop[80:104, left : left + 41] = 30
    assert eye_light(crop) < 0.25
    assert eye_light(np.asarray(crop // 4, np.uint8)) < 0.3, "whatever the light is"
    assert eye_light(np.zeros((224, 224, 3), np.uint8)) == 0
