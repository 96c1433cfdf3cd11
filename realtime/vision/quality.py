"""How usable a face picture is, and what the person could change."""

from __future__ import annotations

import math

import cv2
import numpy as np

from realtime.values import FloatArray, ImageU8, Quality

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
FOREHEAD, CHIN = 10, 152
# an average face is about 1.55 times as wide as its outer eye corners are apart
FACE_WIDTH_PER_EYES = 1.55

MIN_SIZE_PX = 70.0  # below about 70 px a face has less detail than the 48-pixel training faces show
MAX_YAW_DEG = 35.0
MAX_PITCH_DEG = 30.0
# what faces that look into the camera measure, 6 to 13 degrees down: the chin lies behind the forehead
RESTING_PITCH_DEG = -8.0
MIN_BRIGHTNESS, MAX_BRIGHTNESS = 0.16, 0.88
MIN_SHARPNESS = 6.0

# Where align.TEMPLATE puts eyes and cheeks in a crop: left, top, right, bottom as shares of its side.
EYE_REGIONS = ((0.291, 0.36, 0.471, 0.46), (0.527, 0.36, 0.707, 0.46))
CHEEK_REGIONS = ((0.29, 0.52, 0.39, 0.60), (0.61, 0.52, 0.71, 0.60))


def head_angles_deg(landmarks: FloatArray) -> tuple[float, float, float]:
    """Yaw, pitch, roll in degrees from the mesh's own depth; signs as in `values.Quality`.

    Good to a few degrees, enough to judge a picture by.
    """
    points = landmarks.astype(np.float64)
    across = points[LEFT_EYE_OUTER] - points[RIGHT_EYE_OUTER]  # to the picture's right
    down = points[CHIN] - points[FOREHEAD]
    across /= np.linalg.norm(across)
    forward = np.cross(across, down)  # z grows away from the camera, so this points into the head
    forward /= -np.linalg.norm(forward)  # out of the face; (0,0,-1) when it looks into the camera
    yaw = math.degrees(math.atan2(forward[0], -forward[2]))
    pitch = math.degrees(math.asin(float(np.clip(-forward[1], -1, 1))))
    roll = math.degrees(math.atan2(across[1], math.hypot(across[0], across[2])))
    return yaw, pitch, roll


def measure_quality(landmarks: FloatArray, crop_rgb: ImageU8) -> Quality:
    """Size, head angles, sharpness and brightness of one aligned face, with hints where one is poor.

    Args:
        landmarks: (478,3) float32, pixels of the frame.
        crop_rgb: (S,S,3) uint8, the aligned crop.
    """
    eyes = landmarks[LEFT_EYE_OUTER] - landmarks[RIGHT_EYE_OUTER]
    size_px = FACE_WIDTH_PER_EYES * float(np.linalg.norm(eyes))
    yaw, pitch, roll = head_angles_deg(landmarks)
    side = crop_rgb.shape[0]
    inner = crop_rgb[side // 4 : side * 3 // 4, side // 4 : side * 3 // 4]  # the face without background
    grey = cv2.cvtColor(inner, cv2.COLOR_RGB2GRAY)
    sharpness = float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0]) ** 2
    brightness = float(cv2.mean(grey)[0]) / 255

    hints = []
    if size_px < MIN_SIZE_PX:
        hints.append("come closer")
    if abs(yaw) > MAX_YAW_DEG or abs(pitch - RESTING_PITCH_DEG) > MAX_PITCH_DEG:
        hints.append("turn to the camera")
    if brightness < MIN_BRIGHTNESS:
        hints.append("too dark")
    if brightness > MAX_BRIGHTNESS:
        hints.append("too bright")
    if sharpness < MIN_SHARPNESS:
        hints.append("blurred")
    return Quality(
        size_px, yaw, pitch, roll, sharpness, brightness, tuple(hints), eye_light=eye_light(crop_rgb)
    )


def eye_light(crop_rgb: ImageU8) -> float:
    """Mean grey value around the eyes over that of the cheeks; sunglasses bring it down to about 0.2.

    Args:
        crop_rgb: (S,S,3) uint8, the aligned crop.
    """
    side = crop_rgb.shape[0]

    def light(regions: tuple[tuple[float, float, float, float], ...]) -> float:
        total = 0.0
        for region in regions:
            left, top, right, bottom = (round(each * side) for each in region)
            total += sum(cv2.mean(crop_rgb[top:bottom, left:right])[:3])
        return total

    return light(EYE_REGIONS) / max(light(CHEEK_REGIONS), 1.0)
