"""Draws a face as a shaded mesh of its landmarks: no pixel of the camera goes in."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from realtime.picture.mesh_shape import BROW, LIPS, MeshShape, eye_contours, mesh_shape, mouth_contour
from realtime.picture.text import Colour
from realtime.values import FloatArray, ImageU8

SHIFT = 4  # bits of a pixel's fraction
# the light comes from the upper left, in front; x right, y down, z away from the viewer
LIGHT = np.array([-0.42, -0.55, -0.72]) / np.linalg.norm([-0.42, -0.55, -0.72])
# a face narrower than this has no room for lines between its triangles
LEAST_FOR_LINES_PX = 60.0
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))  # middle, then four points around it
SHADOW, PAPER, INK = (20.0, 26.0, 40.0), (226.0, 236.0, 246.0), (16, 20, 30)
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
    shades = _shades(shape, points, normals, colour)
    order = np.argsort(-points[shape.triangles, 2].mean(axis=1))
    order = order[front[order]]
    corners = fixed[shape.triangles[order]]
    for triangle, shade in zip(corners, shades[order].tolist(), strict=True):
        cv2.fillConvexPoly(image, triangle, shade, cv2.LINE_8, SHIFT)
    width = float(np.ptp(points[:, 0]))
    if width >= LEAST_FOR_LINES_PX:
        light = tuple(int(each) for each in 0.45 * np.array(colour) + 0.55 * np.array(PAPER))
        _draw_edges(image, shape, fixed, front, light, 0.30)
    _draw_features(image, fixed, colour)


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


def _shades(shape: MeshShape, points: Points, normals: Points, colour: Colour) -> npt.NDArray[np.float64]:
    """Each triangle's colour (M,3), 0 to 255: half its own normal, half its corners' smooth ones."""
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
    shine = lit**14
    share = np.clip(0.22 + 0.78 * lit, 0, 1)[:, None]
    base = np.tile(np.array(colour, float), (len(lit), 1))
    base[shape.parts == LIPS] = 0.55 * np.array(colour) + 0.45 * np.array((214.0, 84.0, 98.0))
    base[shape.parts == BROW] = 0.45 * np.array(colour) + 0.55 * np.array(SHADOW)
    shades = np.array(SHADOW) + share * (base - SHADOW)
    shades += (0.50 * shine + 0.25 * edge)[:, None] * (np.array(PAPER) - shades)
    return np.asarray(shades)


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
