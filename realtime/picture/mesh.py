"""Draws a face as a shaded mesh of its landmarks: no pixel of the camera goes in."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import numpy.typing as npt

from realtime.picture.mesh_shape import (
    LOWER_BROWS,
    OUTER_LIPS,
    MeshShape,
    eye_contours,
    mesh_shape,
    mouth_contour,
)
from realtime.picture.text import Colour
from realtime.values import FloatArray, ImageU8
from realtime.vision.face_rig import BROWS, OVAL

SHIFT = 4  # bits of a pixel's fraction
# the light comes from the upper left, in front; x right, y down, z away from the viewer
LIGHT = np.array([-0.42, -0.55, -0.72]) / np.linalg.norm([-0.42, -0.55, -0.72])
# a face narrower than this has no room for lines between its triangles
LEAST_FOR_LINES_PX = 110.0
LEVELS, BRIGHTEST = 40, 1.5  # shades of a part, and the light of the last one
# of the person's left half, away from the light: the outline and the middle line back up
LEFT_SIDE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    200, 18, 17, 0, 164, 2, 1, 4, 5, 195, 197, 6, 168, 9, 151,
)  # fmt: skip
NOSE_SIDE = (6, 197, 195, 5, 4, 1, 2, 326, 327, 358, 420, 456, 419, 351)
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))  # middle, then four points around it
SHADOW, PAPER, INK = (20.0, 26.0, 40.0), (226.0, 236.0, 246.0), (16, 20, 30)
LIP = (214.0, 84.0, 98.0)
Points = npt.NDArray[np.float64]


def draw_mesh(image: ImageU8, landmarks: FloatArray, colour: Colour) -> None:
    """Draws the shaded face in place.

    Args:
        image: (H,W,3) uint8 RGB.
        landmarks: (478,3), x, y in pixels of the picture, z in x's scale.
        colour: of the face.
    """
    shape = mesh_shape()
    points = landmarks.astype(np.float64)
    normals = _normals(shape, points)
    front = normals[:, 2] < 0
    fixed = _fixed(points[:, :2])
    _draw_eyes_and_mouth(image, points, fixed)
    # far triangles first; a small integer for each, as lists of colours would wake the garbage collector
    palette, shades = _palette(colour), _shades(shape, points, normals)
    order = np.argsort(-points[shape.triangles, 2].sum(axis=1))
    order = order[front[order]]
    for triangle, number in zip(fixed[shape.triangles[order]], order.tolist(), strict=True):
        cv2.fillConvexPoly(image, triangle, palette[shades[number]], cv2.LINE_8, SHIFT)
    width = float(np.ptp(points[:, 0]))
    if width >= LEAST_FOR_LINES_PX:
        light = tuple(int(each) for each in 0.45 * np.array(colour) + 0.55 * np.array(PAPER))
        _draw_edges(image, shape, fixed, front, light, 0.30)
    _draw_features(image, fixed, colour)


def draw_small_mesh(image: ImageU8, landmarks: FloatArray, colour: Colour) -> None:
    """The face in a few flat parts, as much as a thumbnail shows: a tenth of the cost of `draw_mesh`."""
    points = landmarks.astype(np.float64)
    fixed = _fixed(points[:, :2])

    def fill(contour: tuple[int, ...], shade: Points) -> None:
        cv2.fillPoly(image, [fixed[list(contour)]], shade.tolist(), cv2.LINE_AA, SHIFT)

    skin = np.array(colour, float)
    fill(OVAL, _mix(skin, SHADOW, 0.12))
    fill(LEFT_SIDE, _mix(skin, SHADOW, 0.32))
    for upper, lower in zip(BROWS, LOWER_BROWS, strict=True):
        fill((*upper, *reversed(lower)), _mix(skin, SHADOW, 0.75))
    fill(NOSE_SIDE, _mix(skin, SHADOW, 0.5))
    fill(OUTER_LIPS, _mix(skin, LIP, 0.6))
    _draw_eyes_and_mouth(image, points, fixed)
    _draw_features(image, fixed, colour)


def _mix(one: Points, other: tuple[float, float, float], share: float) -> Points:
    return np.asarray(one + share * (np.array(other) - one))


def draw_lines(image: ImageU8, landmarks: FloatArray, colour: Colour) -> None:
    """Draws the mesh's lines over the picture of a face, in place; arguments as in `draw_mesh`."""
    shape = mesh_shape()
    points = landmarks.astype(np.float64)
    front = _normals(shape, points)[:, 2] < 0
    fixed = _fixed(points[:, :2])
    _draw_edges(image, shape, fixed, front, colour, 0.5)
    for contour in (*eye_contours(), mouth_contour()):
        cv2.polylines(image, [fixed[list(contour)]], True, colour, 1, cv2.LINE_AA, SHIFT)


def _fixed(points_xy: Points) -> npt.NDArray[np.int32]:
    limit = 1 << 14
    return np.asarray(np.round(np.clip(points_xy, -limit, limit) * (1 << SHIFT)), np.int32)


def _normals(shape: MeshShape, points: Points) -> Points:
    """Each triangle's normal (M,3), of length 1, towards the viewer where one sees the triangle's front."""
    a, b, c = (points[shape.triangles[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    if normals[:, 2].sum() > 0:  # more of a face is seen from the front, also in a mirrored one
        normals = -normals
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-9))


def _shades(shape: MeshShape, points: Points, normals: Points) -> list[int]:
    """Each triangle's number in `_palette`, by the light on it: flat and smooth normals mixed."""
    smooth = np.zeros_like(points)
    for corner in range(3):
        for axis in range(3):
            smooth[:, axis] += np.bincount(
                shape.triangles[:, corner], weights=normals[:, axis], minlength=len(points)
            )
    mixed = normals + smooth[shape.triangles].sum(axis=1) / 9
    mixed /= np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9)
    lit = np.clip(mixed @ LIGHT, 0, 1)
    edge = (1 + np.clip(mixed[:, 2], -1, 0)) ** 2  # where the surface turns away from the viewer
    light = 0.22 + 0.78 * lit + 0.5 * lit**14 + 0.3 * edge
    level = np.clip(light * (LEVELS / BRIGHTEST), 0, LEVELS - 1).astype(int)
    numbers: list[int] = (shape.parts * LEVELS + level).tolist()
    return numbers


@functools.lru_cache(maxsize=16)
def _palette(colour: Colour) -> tuple[tuple[float, ...], ...]:
    """The shades of a face's skin, lips and brows from dark to shining."""
    shades = []
    skin = np.array(colour, float)
    for base in (skin, _mix(skin, LIP, 0.45), _mix(skin, SHADOW, 0.55)):  # as SKIN, LIPS, BROW are numbered
        for level in range(LEVELS):
            light = (level + 0.5) * BRIGHTEST / LEVELS
            dark = _mix(base, SHADOW, 1 - min(light, 1.0))
            shades.append(tuple(_mix(dark, PAPER, max(light - 1.0, 0.0)).tolist()))
    return tuple(shades)


def _draw_eyes_and_mouth(image: ImageU8, points: Points, fixed: npt.NDArray[np.int32]) -> None:
    """What one sees through the mesh's holes; the triangles drawn later cover what stands out."""
    for contour, (middle, *around) in zip(eye_contours(), IRISES, strict=True):
        cv2.fillPoly(image, [fixed[list(contour)]], (222, 228, 236), cv2.LINE_AA, SHIFT)
        radius = float(np.linalg.norm(points[around, :2] - points[middle, :2], axis=1).mean())
        centre = (int(fixed[middle, 0]), int(fixed[middle, 1]))
        for share, colour in ((1.0, (52, 74, 104)), (0.82, (84, 128, 168)), (0.45, INK)):
            cv2.circle(image, centre, round(radius * share * (1 << SHIFT)), colour, -1, cv2.LINE_AA, SHIFT)
        glint = fixed[middle] - round(0.35 * radius * (1 << SHIFT))
        size = round(max(0.22 * radius, 0.6) * (1 << SHIFT))
        cv2.circle(image, (int(glint[0]), int(glint[1])), size, (250, 252, 255), -1, cv2.LINE_AA, SHIFT)
    cv2.fillPoly(image, [fixed[list(mouth_contour())]], (58, 18, 30), cv2.LINE_AA, SHIFT)


def _draw_edges(
    image: ImageU8,
    shape: MeshShape,
    fixed: npt.NDArray[np.int32],
    front: npt.NDArray[np.bool_],
    colour: tuple[int, ...],
    share: float,
) -> None:
    """The edges that can be seen, thin, as a share over what is there."""
    seen = front[shape.sides].any(axis=1)
    low = np.maximum(fixed.min(axis=0) // (1 << SHIFT) - 2, 0)
    high = np.maximum(fixed.max(axis=0) // (1 << SHIFT) + 3, 0)
    region = image[low[1] : high[1], low[0] : high[0]]
    if region.size == 0:
        return
    lines = list(fixed[shape.edges[seen]] - low * (1 << SHIFT))
    drawn = region.copy()
    cv2.polylines(drawn, lines, False, colour, 1, cv2.LINE_AA, SHIFT)
    cv2.addWeighted(drawn, share, region, 1 - share, 0, dst=region)


def _draw_features(image: ImageU8, fixed: npt.NDArray[np.int32], colour: Colour) -> None:
    """The lids' and lips' lines, which carry the expression at small sizes."""
    dark = tuple(int(each) for each in 0.25 * np.array(colour) + 0.75 * np.array(SHADOW))
    for contour in (*eye_contours(), mouth_contour()):
        cv2.polylines(image, [fixed[list(contour)]], True, dark, 1, cv2.LINE_AA, SHIFT)
