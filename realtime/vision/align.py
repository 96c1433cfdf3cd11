"""Similarity alignment of a face to a 224x224 crop; training data and live crops both come from here."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from realtime.values import CROP_SIDE, FloatArray, ImageU8
from realtime.vision.one_euro import OneEuro

# Where the five points lie in the crop, as shares of its side: the person's right eye, left eye, nose tip,
# right and left mouth corner. The familiar ArcFace points, shrunk by a quarter and moved up, because
# expression needs the brows and a chin that drops in a yawn, and a recogniser of persons needs neither.
TEMPLATE = np.array(
    [[0.381, 0.410], [0.617, 0.410], [0.5, 0.545], [0.403, 0.684], [0.598, 0.684]], np.float64
)
RIGHT_EYE_CORNERS = (33, 133)
LEFT_EYE_CORNERS = (362, 263)
NOSE_TIP = 4
MOUTH_CORNERS = (61, 291)

Transform = npt.NDArray[np.float64]  # (2,3), picture pixels -> crop pixels


def five_points(landmarks: FloatArray) -> npt.NDArray[np.float64]:
    """Eye centres, nose tip and mouth corners (5,2) in pixels, from (478,3) landmarks.

    An eye's centre is the middle of its corners, which stays put while iris and lids move.
    """
    points = landmarks[:, :2].astype(np.float64)
    return np.stack(
        [
            points[list(RIGHT_EYE_CORNERS)].mean(axis=0),
            points[list(LEFT_EYE_CORNERS)].mean(axis=0),
            points[NOSE_TIP],
            points[MOUTH_CORNERS[0]],
            points[MOUTH_CORNERS[1]],
        ]
    )


def similarity(landmarks: FloatArray, side: int = CROP_SIDE) -> tuple[complex, complex]:
    """The least-squares similarity from picture to crop: crop = a * picture + b in complex numbers.

    `abs(a)` is the scale, `angle(a)` the rotation.
    """
    source = five_points(landmarks) @ np.array([1, 1j])
    target = (TEMPLATE * side) @ np.array([1, 1j])
    source_mean, target_mean = source.mean(), target.mean()
    centred = source - source_mean
    a = complex(np.vdot(centred, target - target_mean) / np.vdot(centred, centred).real)
    return a, complex(target_mean - a * source_mean)


def to_matrix(a: complex, b: complex) -> Transform:
    """The (2,3) matrix of `crop = a * picture + b`."""
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def warp(image_rgb: ImageU8, matrix: Transform, side: int = CROP_SIDE) -> ImageU8:
    """The (side,side,3) crop that `matrix` takes from the picture; beyond its border the edge is repeated."""
    crop = cv2.warpAffine(
        image_rgb, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return crop.astype(np.uint8, copy=False)


def align_still(image_rgb: ImageU8, landmarks: FloatArray, side: int = CROP_SIDE) -> ImageU8:
    """The crop of one photograph, without smoothing over time."""
    return warp(image_rgb, to_matrix(*similarity(landmarks, side)), side)


class Aligner:
    """Aligns one face over time, with the crop's geometry smoothed and the pixels left alone.

    Centre, size and angle go through a One Euro filter, because landmark jitter is itself a cause of
    flickering predictions. Not thread-safe: one vision thread uses it.
    """

    def __init__(self, min_cutoff_hz: float = 1.5, beta: float = 6.0) -> None:
        # the filter sees face sizes and radians, so its settings do not depend on the picture's size
        self._filter = OneEuro(min_cutoff_hz, beta)
        self._unit_px: float | None = None

    def matrix(self, t_ns: int, landmarks: FloatArray, side: int = CROP_SIDE) -> Transform:
        """The smoothed (2,3) transform from picture to crop at `t_ns`."""
        a, b = similarity(landmarks, side)
        middle = complex(side / 2, side / 2)
        centre = (middle - b) / a  # the crop's centre in the picture
        size_px = side / abs(a)
        if self._unit_px is None:
            self._unit_px = size_px
        unit = self._unit_px
        raw = np.array([centre.real / unit, centre.imag / unit, np.log(size_px), np.angle(a)])
        x, y, log_size, angle = self._filter(t_ns, raw)
        smooth_a = complex(side / np.exp(log_size) * np.exp(1j * angle))
        return to_matrix(smooth_a, middle - smooth_a * complex(x * unit, y * unit))
