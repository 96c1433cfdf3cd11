from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime.clock import to_ns
from realtime.values import CROP_SIDE
from realtime.vision.align import TEMPLATE, Aligner, align_still, five_points, similarity, to_matrix, warp
from tests.faces import face_landmarks


@pytest.mark.parametrize(("size", "angle"), [(90, 0.0), (200, 0.4), (420, -0.3)])
def test_five_points_land_on_the_template_whatever_size_and_angle(size: float, angle: float) -> None:
    landmarks = face_landmarks(x=300, y=200, size=size, angle=angle)
    matrix = to_matrix(*similarity(landmarks))
    points = five_points(landmarks) @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(points, TEMPLATE * CROP_SIDE, atol=0.05)


def test_crop_shows_the_pixels_at_the_points() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    landmarks = face_landmarks(angle=0.2)
    for x, y in five_points(landmarks):
        cv2.circle(image, (round(x), round(y)), 4, (255, 255, 255), cv2.FILLED)
    crop = align_still(image, landmarks)
    assert crop.shape == (CROP_SIDE, CROP_SIDE, 3)
    for x, y in TEMPLATE * CROP_SIDE:
        assert crop[round(y), round(x), 0] > 200
    assert crop.mean() < 30


def test_smoothing_calms_jitter_and_touches_geometry_only() -> None:
    rng = np.random.default_rng(1)
    aligner = Aligner()
    still = face_landmarks()
    corners = np.array([[220.0, 140.0, 1.0], [420.0, 340.0, 1.0]])
    raw, smooth = [], []
    for k in range(90):
        jittered = still + rng.normal(0, 1.0, still.shape).astype(np.float32)
        raw.append(to_matrix(*similarity(jittered)) @ corners.T)
        smooth.append(aligner.matrix(to_ns(k / 30), jittered) @ corners.T)
    assert np.std(smooth[30:], axis=0).max() < 0.6 * np.std(raw[30:], axis=0).max()
    np.testing.assert_allclose(np.mean(smooth[30:], axis=0), np.mean(raw[30:], axis=0), atol=0.5)


def test_a_moving_face_stays_in_its_crop() -> None:
    aligner = Aligner()
    for k in range(30):
        landmarks = face_landmarks(x=200 + 10 * k)  # 300 px/s, one and a half face widths a second
        matrix = aligner.matrix(to_ns(k / 30), landmarks)
    nose = five_points(landmarks)[2] @ matrix[:, :2].T + matrix[:, 2]
    assert np.linalg.norm(nose - TEMPLATE[2] * CROP_SIDE) < 0.05 * CROP_SIDE


def test_beyond_the_border_the_edge_is_repeated() -> None:
    image = np.full((100, 100, 3), 77, np.uint8)
    assert (warp(image, to_matrix(1 + 0j, 60 + 60j)) == 77).all()
