"""Landmarks and values for tests: a plain face shape that can be moved, turned and scaled."""

from __future__ import annotations

import numpy as np

from realtime.values import CROP_SIDE, LANDMARK_COUNT, Face, FloatArray, Quality
from realtime.vision.align import TEMPLATE

GOOD = Quality(200.0, 0.0, 0.0, 0.0, 100.0, 0.5)


def face_landmarks(x: float = 320.0, y: float = 240.0, size: float = 200.0, angle: float = 0.0) -> FloatArray:
    """(478,3) landmarks of a flat face: the points that alignment and angles use, the rest on an oval."""
    turn = np.linspace(0, 2 * np.pi, LANDMARK_COUNT, endpoint=False)
    points = np.stack([0.4 * np.cos(turn), 0.5 * np.sin(turn), np.zeros(LANDMARK_COUNT)], axis=1)
    five = TEMPLATE - 0.5
    for index, point, shift in (
        (33, five[0], -0.07), (133, five[0], 0.07), (362, five[1], -0.07), (263, five[1], 0.07),
        (4, five[2], 0), (61, five[3], 0), (291, five[4], 0),
    ):  # fmt: skip
        points[index, :2] = point + np.array([shift, 0])
    points[10], points[152] = (0, -0.5, 0), (0, 0.5, 0)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points[:, :2] = points[:, :2] @ rotation.T
    placed: FloatArray = (points * size + np.array([x, y, 0])).astype(np.float32)
    return placed


def a_face(face_id: int = 1, quality: Quality = GOOD) -> Face:
    """One face in the middle of a 640x480 picture."""
    return Face(face_id, (220.0, 140.0, 420.0, 340.0), face_landmarks(), quality)


def a_crop(seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A (224,224,3) uint8 crop with a pattern that depends on the seed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.kron(small, np.ones((CROP_SIDE // 8, CROP_SIDE // 8, 1), np.uint8))
