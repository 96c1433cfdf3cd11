"""The drawn mesh: its surface, what it covers, and that it moves with the face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.capture.file import FileSource
from realtime.picture.head import box_area, box_outline, head_outline
from realtime.picture.mesh import draw_lines, draw_mesh
from realtime.picture.mesh_shape import BROW, LIPS, eye_contours, mesh_shape, mouth_contour
from realtime.values import FloatArray, ImageU8
from realtime.vision.landmarks import FaceMesh
from tests.faces import face_landmarks

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"
BLUE = (86, 180, 233)


@pytest.fixture(scope="module")
def actor() -> FloatArray:
    source = FileSource(DEMO, live=False)
    reading = source.read()
    source.close()
    assert isinstance(reading, tuple)
    with FaceMesh(1, still=True) as mesh:
        return mesh.find(reading[0])[0]


def drawn(landmarks: FloatArray) -> ImageU8:
    image = np.zeros((480, 640, 3), np.uint8)
    draw_mesh(image, landmarks, BLUE)
    return image


def test_the_surface_is_whole_with_holes_for_eyes_and_mouth() -> None:
    shape = mesh_shape()
    assert len(np.unique(shape.triangles)) == 468
    # Euler: a sheet with an outer rim and three holes
    assert 468 - len(shape.edges) + len(shape.triangles) == 1 - 3
    rim = shape.edges[shape.sides[:, 0] == shape.sides[:, 1]]
    holes = {*mouth_contour(), *eye_contours()[0], *eye_contours()[1]}
    assert holes <= set(np.unique(rim).tolist())
    assert (shape.parts == LIPS).sum() > 60
    assert (shape.parts == BROW).sum() == 16


def test_all_triangles_are_turned_the_same_way(actor: FloatArray) -> None:
    shape = mesh_shape()
    a, b, c = (actor[shape.triangles[:, i], :2].astype(float) for i in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    front = max((area > 0).mean(), (area < 0).mean())
    assert front > 0.93, "a frontal face shows its front"


@pytest.mark.parametrize("mirror", [False, True])
def test_the_mesh_fills_the_face_and_stays_on_it(actor: FloatArray, mirror: bool) -> None:
    face = actor * np.array([-1, 1, 1], np.float32) + np.array([639, 0, 0], np.float32) if mirror else actor
    painted = drawn(face).any(axis=2)
    ys, xs = np.nonzero(painted)
    low, high = face[:, :2].min(axis=0), face[:, :2].max(axis=0)
    assert (xs.min(), ys.min()) == pytest.approx(tuple(low), abs=3)
    assert (xs.max(), ys.max()) == pytest.approx(tuple(high), abs=3)
    middle = (low + high) / 2
    x0, x1 = int(middle[0] - 40), int(middle[0] + 40)
    y0, y1 = int(middle[1] - 40), int(middle[1] + 40)
    assert painted[y0:y1, x0:x1].all(), "no gap between triangles"


def test_the_mesh_moves_with_the_mouth(actor: FloatArray) -> None:
    opened = actor.copy()
    lower = [14, 87, 88, 95, 178, 317, 318, 324, 402, 17, 84, 314, 16, 15]
    opened[lower, 1] += 25
    mouth = opened[[13, 14], :2].mean(axis=0).astype(int)
    before, after = drawn(actor), drawn(opened)
    assert before[mouth[1], mouth[0]].sum() > after[mouth[1], mouth[0]].sum(), "a dark mouth opens"
    np.testing.assert_array_equal(before[:150], after[:150])


def test_irises_are_where_the_landmarks_put_them(actor: FloatArray) -> None:
    image = drawn(actor)
    for middle in (468, 473):
        x, y = np.round(actor[middle, :2]).astype(int)
        assert image[y, x].max() < 60, "a dark pupil"


def test_lines_leave_the_face_visible(actor: FloatArray) -> None:
    image = np.full((480, 640, 3), 120, np.uint8)
    draw_lines(image, actor, BLUE)
    changed = (image != 120).any(axis=2)
    low, high = actor[:, :2].min(axis=0).astype(int), actor[:, :2].max(axis=0).astype(int)
    assert 0.15 < changed[low[1] : high[1], low[0] : high[0]].mean() < 0.75


@pytest.mark.parametrize(
    "landmarks",
    [
        face_landmarks(x=-300, y=-300),
        face_landmarks(x=635, y=475),
        face_landmarks(size=3000),
        face_landmarks(size=0),
        face_landmarks(x=1e7, y=-1e7),
    ],
)
def test_faces_at_and_beyond_the_border_are_no_trouble(landmarks: FloatArray) -> None:
    drawn(landmarks)
    head_outline(landmarks)
    draw_lines(np.zeros((48, 64, 3), np.uint8), landmarks, BLUE)


def test_a_head_has_more_than_the_face(actor: FloatArray) -> None:
    outline = head_outline(actor)
    low, high = actor[:, :2].min(axis=0), actor[:, :2].max(axis=0)
    size = high - low
    assert (outline.min(axis=0) < low - 0.12 * size).all()
    assert outline[:, 1].min() < low[1] - 0.35 * size[1], "hair"
    assert (outline.max(axis=0) > high + np.array([0.12, 0.05]) * size).all()


def test_a_box_outline_holds_the_whole_box() -> None:
    box = (100.0, 120.0, 180.0, 200.0)
    outline = box_outline(box)
    for corner in ((100, 120), (180, 120), (100, 200), (180, 200)):
        sides = np.cross(np.roll(outline, -1, axis=0) - outline, np.array(corner) - outline)
        assert (sides >= 0).all() or (sides <= 0).all()
    assert box_area(box) == (68, 64, 212, 228)
