"""Where in the picture a head is, hair and ears included: what a privacy picture must cover."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from realtime.values import FloatArray

RIGHT_EAR, LEFT_EAR, FOREHEAD, CHIN = 234, 454, 10, 152
Box = tuple[float, float, float, float]
Outline = npt.NDArray[np.int32]  # (N,2) pixels, convex

# The skull with hair as an ellipsoid, in face widths between the ears: where its middle is from the point
# between the ears (up, back), and its half axes across, up and back.
MIDDLE_UP, MIDDLE_BACK = 0.16, 0.16
ACROSS, UP, BACK = 0.86, 1.02, 0.88
# the landmarks themselves, enlarged about their middle: beard, double chin, errors of the landmarks
MARGIN = 1.2

# of a face known by its box alone, left and right, above, below, in box sizes
BOX_MARGINS = (0.4, 0.7, 0.35)


def _sphere() -> npt.NDArray[np.float64]:
    """(N,3) points of a ball a little larger than 1, so that their hull has the ball inside."""
    height, turn = np.meshgrid(np.linspace(0, np.pi, 17), np.linspace(0, 2 * np.pi, 32, endpoint=False))
    ring = np.sin(height)
    points = np.stack([ring * np.cos(turn), np.cos(height), ring * np.sin(turn)], axis=-1)
    return np.asarray(points.reshape(-1, 3) / np.cos(np.pi / 32))


_SPHERE = _sphere()


def head_outline(landmarks: FloatArray, grow: float = 0.0) -> Outline:
    """The outline of a head with a margin, from (478,3) landmarks.

    Args:
        landmarks: x, y in pixels, z in x's scale.
        grow: further margin all around, in face widths.
    """
    points = landmarks.astype(np.float64)
    across = points[LEFT_EAR] - points[RIGHT_EAR]
    down = points[CHIN] - points[FOREHEAD]
    # a face's height is as good a measure of its size where the head is turned away
    width = max(float(np.linalg.norm(across)), 0.85 * float(np.linalg.norm(down)), 4.0)
    right = across / max(float(np.linalg.norm(across)), 1e-6)
    down = down - right * (down @ right)
    down /= max(float(np.linalg.norm(down)), 1e-6)
    back = np.cross(right, down)
    ears = (points[RIGHT_EAR] + points[LEFT_EAR]) / 2
    middle = ears + width * (MIDDLE_BACK * back - MIDDLE_UP * down)
    axes = np.stack([right * (ACROSS + grow), down * (UP + grow), back * (BACK + grow)]) * width
    skull = middle + _SPHERE @ axes
    face_middle = (points[:, :2].min(axis=0) + points[:, :2].max(axis=0)) / 2
    face = face_middle + (MARGIN + 2 * grow) * (points[:, :2] - face_middle)
    return _hull(np.concatenate([skull[:, :2], face]))


def box_area(box_xyxy: Box, margins: tuple[float, float, float] = BOX_MARGINS) -> tuple[int, int, int, int]:
    """The rectangle left, top, right, bottom that covers the head of a face known by its box; not clipped."""
    x0, y0, x1, y1 = box_xyxy
    width, height = x1 - x0, y1 - y0
    sides, top, bottom = margins
    return (
        int(np.floor(x0 - sides * width)),
        int(np.floor(y0 - top * height)),
        int(np.ceil(x1 + sides * width)),
        int(np.ceil(y1 + bottom * height)),
    )


def box_outline(box_xyxy: Box, margins: tuple[float, float, float] = BOX_MARGINS) -> Outline:
    """A rounded outline around the head of a face known by its box; `margins` as in `BOX_MARGINS`."""
    x0, y0, x1, y1 = box_area(box_xyxy, margins)
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    # a superellipse: rounder than the rectangle, and nothing of the box lies outside
    cos, sin = np.cos(turn), np.sin(turn)
    reach = (np.abs(cos) ** 4 + np.abs(sin) ** 4) ** -0.25
    middle, half = np.array([x0 + x1, y0 + y1]) / 2, np.array([x1 - x0, y1 - y0]) / 2
    return _hull(middle + np.stack([cos * reach, sin * reach], axis=1) * half)


def _hull(points: npt.NDArray[np.float64]) -> Outline:
    limit = 1 << 14  # far outside any picture; cv2 wraps larger numbers around
    whole = np.clip(np.round(points), -limit, limit).astype(np.int32)
    return np.asarray(cv2.convexHull(whole.reshape(-1, 1, 2)), np.int32).reshape(-1, 2)
