"""The few numbers of one face that the driver rules need; traces hold these instead of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.driver.pose import head_pose_deg
from realtime.values import Face, FloatArray

# p1 to p6 of the eye aspect ratio (Soukupova and Cech 2016): corner, two upper, corner, two lower
RIGHT_EYE = (33, 160, 158, 133, 153, 144)
LEFT_EYE = (362, 385, 387, 263, 373, 380)
RIGHT_IRIS, LEFT_IRIS = 468, 473
LIPS, MOUTH_CORNERS = (13, 14), (78, 308)


@dataclass(frozen=True, slots=True)
class FaceMeasure:
    """One face in one frame, in the driver rules' terms.

    Attributes:
        face_id: the tracker's id.
        eye_right, eye_left: eye aspect ratio of the person's own right and left eye; about 0.25 open.
        mouth: gap between the inner lips over the inner mouth's width; 0 closed, about 0.9 in a yawn.
        yaw_deg, pitch_deg, roll_deg: of the head against the camera; signs as in `values.Quality`.
        iris_x, iris_y: how far the irises are from the middle between the eye corners, in eye widths,
            mean of both eyes; positive to the picture's right and down, along the eyes' own axis.
    """

    face_id: int
    eye_right: float
    eye_left: float
    mouth: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    iris_x: float
    iris_y: float


def measure(face: Face) -> FaceMeasure:
    """The numbers of one face; pure, any thread."""
    points = face.landmarks
    yaw, pitch, roll = head_pose_deg(points)
    right, left = _iris(points, RIGHT_IRIS, 33, 133), _iris(points, LEFT_IRIS, 362, 263)
    return FaceMeasure(
        face_id=face.face_id,
        eye_right=eye_aspect(points, RIGHT_EYE),
        eye_left=eye_aspect(points, LEFT_EYE),
        mouth=_apart(points, *LIPS) / max(_apart(points, *MOUTH_CORNERS), 1e-6),
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        iris_x=(right[0] + left[0]) / 2,
        iris_y=(right[1] + left[1]) / 2,
    )


def eye_aspect(points: FloatArray, eye: tuple[int, ...]) -> float:
    """The eye aspect ratio of one eye, from (478,3) landmarks."""
    corner, upper, upper2, corner2, lower2, lower = eye
    height = _apart(points, upper, lower) + _apart(points, upper2, lower2)
    return height / max(2 * _apart(points, corner, corner2), 1e-6)


def _apart(points: FloatArray, a: int, b: int) -> float:
    return float(np.hypot(points[a, 0] - points[b, 0], points[a, 1] - points[b, 1]))


def _iris(points: FloatArray, iris: int, left: int, right: int) -> tuple[float, float]:
    across = points[right, :2] - points[left, :2]
    width = max(float(np.hypot(*across)), 1e-6)
    off = points[iris, :2] - (points[left, :2] + points[right, :2]) / 2
    x, y = across / width
    return float(off[0] * x + off[1] * y) / width, float(off[1] * x - off[0] * y) / width
