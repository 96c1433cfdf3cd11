"""Head pose from a few landmarks by solvePnP on a canonical face."""

from __future__ import annotations

import math

import cv2
import numpy as np

from realtime.values import FloatArray

# Landmark number: millimetres from the root of the nose, to the picture's right, down, away from the camera.
# Rounded adult averages of anthropometry (eye corners 34 and 90 apart, nose tip 44 in front of the outer
# corners, 144 between the ears), and no mouth, chin or forehead: those move with speech, yawns and brows.
CANONICAL_MM: dict[int, tuple[float, float, float]] = {
    33: (-45, 0, 20),  # outer corner of the right eye
    133: (-17, 1, 15),  # inner corner
    362: (17, 1, 15),
    263: (45, 0, 20),
    168: (0, -6, 0),  # root of the nose
    6: (0, 6, -3),  # bridge
    197: (0, 18, -9),
    4: (0, 42, -24),  # tip
    234: (-72, 15, 85),  # in front of the ears
    454: (72, 15, 85),
}
_NUMBERS = list(CANONICAL_MM)
_POINTS = np.array(list(CANONICAL_MM.values()), np.float64)
# A face about 0.63 m away, seen along the camera's axis. The real place adds a constant to the angles, which
# the personal neutral pose takes away again, so the picture's size and the lens need not be known.
_FOCAL_PER_EYES = 7.0


def head_pose_deg(landmarks: FloatArray) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees; signs as in `values.Quality`. NaN where the points fit no head.

    Args:
        landmarks: (478,3) float32, pixels.
    """
    points = landmarks[_NUMBERS, :2].astype(np.float64)
    eyes_px = float(np.linalg.norm(landmarks[263] - landmarks[33]))
    if not np.isfinite(points).all() or eyes_px < 1:
        return math.nan, math.nan, math.nan
    points -= points.mean(axis=0)
    focal = _FOCAL_PER_EYES * eyes_px
    camera = np.array([[focal, 0, 0], [0, focal, 0], [0, 0, 1]])
    no_distortion = np.zeros(4)
    try:
        done, turn, _ = cv2.solvePnP(_POINTS, points, camera, no_distortion, flags=cv2.SOLVEPNP_SQPNP)
    except cv2.error:  # points on one line, for instance
        done = False
    if not done:
        return math.nan, math.nan, math.nan
    matrix = cv2.Rodrigues(turn)[0]
    across, ahead = matrix[:, 0], -matrix[:, 2]
    yaw = math.degrees(math.atan2(ahead[0], -ahead[2]))
    pitch = math.degrees(math.asin(float(np.clip(-ahead[1], -1, 1))))
    roll = math.degrees(math.atan2(across[1], math.hypot(across[0], across[2])))
    return yaw, pitch, roll
