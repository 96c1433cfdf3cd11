"""Where the landmarks of a frontal still go when the face smiles, yawns, frowns, blinks or turns.

Everything happens in the face's own frame: the origin between the ears, x to the picture's right along the
line between the ears, y down the face, z away from the viewer, one unit = the face's width between the
ears. Actions are smooth displacement fields over that frame, shaped by the still's own lip, lid and brow
curves, so that they fit whatever face the still shows. Pure functions of numpy arrays; any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from realtime.values import LANDMARK_COUNT

Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

MESH_COUNT = 468  # landmarks before the ten iris points, which the mesh does not need
EAR_RIGHT, EAR_LEFT, FOREHEAD, CHIN = 234, 454, 10, 152  # of the person, so "right" is the picture's left
UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)  # inner contour, picture's left to right
LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
CORNERS = ((61, 78), (291, 308))  # outer and inner corner of the mouth: picture's left, picture's right
# upper lid, lower lid (picture's left to right) and brow of the person's right eye, then of the left one
EYES = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
BROWS = ((70, 63, 105, 66, 107), (336, 296, 334, 293, 300))
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expression:
    """What the muscles do, on top of what the still already shows. Lengths in face widths.

    Attributes:
        mouth_gap: opening between the inner lips, 0 closed to about 0.4; None keeps the still's.
        corner_out, corner_up: how far each corner of the mouth moves outwards and up; may be negative.
        pucker: share by which the mouth narrows towards its middle, 0 to 0.5.
        lip_full: share by which the lips grow thicker.
        brow_raise: how far the brows go up.
        brow_frown: how far the inner ends of the brows go in and down.
        eye_closure: 0 as in the still, 1 closed, slightly negative wider.
    """

    mouth_gap: float | None = None
    corner_out: float = 0.0
    corner_up: float = 0.0
    pucker: float = 0.0
    lip_full: float = 0.0
    brow_raise: float = 0.0
    brow_frown: float = 0.0
    eye_closure: float = 0.0


@dataclass(frozen=True, slots=True)
class HeadPose:
    """How the head is turned and moved against the still, with the signs of `values.Quality`.

    Attributes:
        yaw_deg: positive to the person's own left (the picture's right).
        pitch_deg: positive up.
        roll_deg: positive clockwise in the picture.
        shift_xy: movement in the picture, in face widths, right and down.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    shift_xy: tuple[float, float] = (0.0, 0.0)


class FaceFrame:
    """The face's own coordinates in a picture."""

    def __init__(self, landmarks: npt.NDArray[np.floating[Any]]) -> None:
        """Reads the frame off the landmarks.

        Args:
            landmarks: (478,3) or (468,3), pixels, as the landmarker gives them.

        Raises:
            ValueError: another shape, or ears that coincide.
        """
        if (
            landmarks.ndim != 2
            or landmarks.shape[1] != 3
            or len(landmarks) not in (MESH_COUNT, LANDMARK_COUNT)
        ):
            raise ValueError(f"landmarks: expected (468,3) or (478,3), got {landmarks.shape}")
        right, left = landmarks[EAR_RIGHT].astype(float), landmarks[EAR_LEFT].astype(float)
        self.origin: Float = (right + left) / 2
        self.width_px = float(np.hypot(*(left - right)[:2]))
        if self.width_px < 1:
            raise ValueError(f"landmarks: expected a face at least 1 px wide, got {self.width_px:.2f} px")
        cos, sin = (left - right)[:2] / self.width_px
        self._turn: Float = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])

    def from_picture(self, points: npt.NDArray[np.floating[Any]]) -> Float:
        """(N,3) pixels to (N,3) face units."""
        return np.asarray((points - self.origin) @ self._turn.T / self.width_px)

    def to_picture(self, points: Float) -> Float:
        """(N,3) face units to (N,3) pixels."""
        return np.asarray(points @ self._turn * self.width_px + self.origin)


def smoothstep(low: float, high: float, x: Float) -> Float:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def move_expression(face: Float, expression: Expression) -> Float:
    """The landmarks of a still after an expression.

    Args:
        face: (468,3) in face units, frontal.
        expression: see Expression.

    Returns:
        (468,3) in face units.
    """
    moved = face.copy()
    muscles = _lips(face, expression) + _brows(face, expression)
    muscles[:, 1] += _lids(face, expression.eye_closure)
    # The outline belongs to the skull; only the jaw moves it.
    moved[:, :2] += muscles * smoothstep(0, 0.1, _to_outline(face))[:, None]
    moved[:, 1] += _jaw(face, expression.mouth_gap)
    return moved


def turn_head(points: Float, weights: Float, pose: HeadPose) -> Float:
    """Points (N,3) in face units after a rigid movement about the neck, each moved by its weight in 0..1."""
    yaw, pitch, roll = np.radians([pose.yaw_deg, pose.pitch_deg, pose.roll_deg])
    about_y = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    pivot = np.array([0.0, 0.25, 0.0])  # a head nods about a point below its ears
    turned = (points - pivot) @ (about_z @ about_x @ about_y).T + pivot + (*pose.shift_xy, 0.0)
    return np.asarray(points + weights[:, None] * (turned - points))


def curve(face: Float, indices: tuple[int, ...], x: Float) -> Float:
    """Height y of the polyline through some landmarks (left to right) at each x."""
    line = face[list(indices)]
    order = np.argsort(line[:, 0], kind="stable")
    return np.asarray(np.interp(x, line[order, 0], line[order, 1]))


def lip_gap(face: Float) -> float:
    """Opening between the inner lips' middles in face units."""
    return float(face[14, 1] - face[13, 1])


def _jaw(face: Float, mouth_gap: float | None) -> Float:
    """Down by how much: opening the mouth further than the still does."""
    change = 0.0 if mouth_gap is None else mouth_gap - lip_gap(face)
    if change <= 0:
        return np.zeros(len(face))
    x, y = face[:, 0], face[:, 1]
    middle_x, ellipse, _, lower, is_lower = _lip_shape(face)
    # The jaw takes the lower lip and the chin; its side follows less, and the upper lip lifts a little.
    depth = np.clip((y - lower) / max(face[CHIN, 1] - face[14, 1], 1e-6), 0, 1)
    wide = np.exp(-(((x - middle_x) / 0.45) ** 4))
    jaw = ellipse + smoothstep(0, 1, depth) * (0.92 * wide - ellipse)
    lift = ellipse * np.exp(-((np.maximum(curve(face, UPPER_LIP, x) - y, 0) / 0.12) ** 2))
    corners = sum(_blob(face, inner, 0.11) for _, inner in CORNERS)
    return np.asarray(change * (np.where(is_lower, 0.9 * jaw, -0.1 * lift) + 0.22 * corners))


def _lips(face: Float, expression: Expression) -> Float:
    """Closing, corners, pucker and thickness of the lips."""
    x, y = face[:, 0], face[:, 1]
    middle_x, ellipse, upper, lower, is_lower = _lip_shape(face)
    out = np.zeros((len(face), 2))
    if expression.mouth_gap is not None and expression.mouth_gap < lip_gap(face):
        # Each lip goes to the common line, whatever the still's gap is at that x.
        closing = np.maximum(lower - upper - expression.mouth_gap * ellipse, 0)
        away = np.where(is_lower, np.maximum(y - lower, 0), np.maximum(upper - y, 0))
        near = np.exp(-((away / np.where(is_lower, 0.25, 0.16)) ** 2))
        out[:, 1] += np.where(is_lower, -0.62, 0.38) * closing * near
    for (outer, _), side in zip(CORNERS, (-1.0, 1.0), strict=True):
        out += _blob(face, outer, 0.2)[:, None] * (side * expression.corner_out, -expression.corner_up)
    half = (face[308, 0] - face[78, 0]) / 2
    lips = np.exp(-(((x - middle_x) / (0.85 * half)) ** 4) - ((y - (upper + lower) / 2) / 0.13) ** 2)
    out[:, 1] += expression.lip_full * np.where(is_lower, y - lower, y - upper) * lips
    around = np.exp(-(((x - middle_x) / 0.33) ** 2) - ((y - face[14, 1]) / 0.3) ** 2)
    out[:, 0] -= expression.pucker * (x - middle_x) * around
    return out


def _lip_shape(face: Float) -> tuple[float, Float, Float, Float, Bool]:
    """The mouth's middle x; at each landmark's x: an opening's height 0..1, the inner lips' heights; and
    whether the landmark is below the mouth's line.
    """
    left, right = face[78, 0], face[308, 0]
    middle = (left + right) / 2
    ellipse = (1 - np.clip((face[:, 0] - middle) * 2 / (right - left), -1, 1) ** 2) ** 0.7
    upper, lower = (curve(face, lip, face[:, 0]) for lip in (UPPER_LIP, LOWER_LIP))
    is_lower: Bool = face[:, 1] > (upper + lower) / 2
    is_lower[list(LOWER_LIP[1:-1])], is_lower[list(UPPER_LIP)] = True, False
    return middle, ellipse, upper, lower, is_lower


def _to_outline(face: Float) -> Float:
    """Distance of each landmark to the face's outline."""
    edge = face[list(OVAL), :2]
    edge = np.concatenate([edge, (edge + np.roll(edge, 1, axis=0)) / 2])
    return np.asarray(np.sqrt(((face[:, None, :2] - edge) ** 2).sum(axis=2).min(axis=1)))


def _brows(face: Float, expression: Expression) -> Float:
    x, y = face[:, 0], face[:, 1]
    out = np.zeros((len(face), 2))
    lids = np.minimum(curve(face, EYES[0][0], x), curve(face, EYES[1][0], x))
    brows = curve(face, BROWS[0] + BROWS[1], x)
    top = face[FOREHEAD, 1]
    below = np.clip((lids - y) / np.maximum(lids - brows, 1e-6), 0, 1)
    above = np.clip((y - top) / np.maximum(brows - top, 1e-6), 0, 1)
    raised = np.where(y > brows, below, smoothstep(0, 0.8, above))
    # The temples belong to the skull: the movement ends before the hair does.
    out[:, 1] -= expression.brow_raise * raised * np.exp(-((np.abs(x) / 0.45) ** 6))
    for inner, side in ((107, 1.0), (336, -1.0)):
        pull = _blob(face, inner, 0.13) * np.where(y > lids, 0, np.minimum(1, 2.5 * below + (y < brows)))
        out += pull[:, None] * (0.6 * side * expression.brow_frown, expression.brow_frown)
    return out


def _lids(face: Float, closure: float) -> Float:
    x, y = face[:, 0], face[:, 1]
    out = np.zeros(len(face))
    for (upper, lower), brow in zip(EYES, BROWS, strict=True):
        start, end = face[upper[0], 0], face[upper[-1], 0]
        inside = (x > start) & (x < end)
        top, bottom = curve(face, upper, x), curve(face, lower, x)
        travel = closure * np.maximum(bottom - top, 0) * inside
        to_brow = np.maximum(top - curve(face, brow, x), 1e-6)
        above = 1 - smoothstep(0, 0.75, (top - y) / to_brow)
        beneath = 1 - smoothstep(0, 0.12, y - bottom)
        is_lower: Bool = y > (top + bottom) / 2
        is_lower[list(lower[1:-1])], is_lower[list(upper)] = True, False
        out += travel * np.where(is_lower, -0.12 * beneath, 0.88 * above)
    return out


def _blob(face: Float, index: int, radius: float) -> Float:
    """A bell of height 1 around a landmark."""
    away = face[:, :2] - face[index, :2]
    return np.asarray(np.exp(-(away**2).sum(axis=1) / radius**2))
