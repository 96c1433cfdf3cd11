"""A still of a face as a textured mesh: pictures of the same face with another expression and head pose.

The landmarks, with rings and a grid over the rest of the picture, are triangulated once. For each picture
the points move (face_rig), the triangles are drawn from far to near, and every pixel looks up where it
came from in the still. Two layers: first the whole picture turned with the skull but without expression,
then the face with its expression over it. The mouth and the eyes are holes in the face: through them one
sees the eyeballs of the still and a painted inside of the mouth, both moving with the skull only. So a
closed lid is skin, an open mouth is dark instead of stretched lips, and a falling jaw slides over the neck.
Pure numpy and cv2; any thread.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from realtime.values import ImageU8, check_image
from realtime.vision import face_rig
from realtime.vision.face_rig import MESH_COUNT, Bool, Expression, FaceFrame, Float, HeadPose, smoothstep

Index = npt.NDArray[np.int32]
LookUp = npt.NDArray[np.float32]

SUBPIXEL_BITS = 4
RINGS = (1.05, 1.11, 1.19, 1.29, 1.41)  # copies of the face's outline, scaled about its middle


class FacePuppet:
    """Makes pictures of one still's face in other expressions and poses."""

    def __init__(self, still_rgb: ImageU8, landmarks: npt.NDArray[np.floating[Any]]) -> None:
        """Prepares mesh and textures.

        Args:
            still_rgb: (H,W,3) uint8, one roughly frontal face.
            landmarks: (478,3) pixels of that face.

        Raises:
            ValueError: not a picture, or landmarks of another shape.
        """
        check_image("still_rgb", still_rgb)
        self._still = still_rgb
        self._frame = FaceFrame(landmarks)
        self._face = self._frame.from_picture(landmarks[:MESH_COUNT])
        surround = _surround(self._face, self._frame, (still_rgb.shape[0], still_rgb.shape[1]))
        points: Float = np.concatenate([self._face, surround])
        skull = _delaunay(self._frame.to_picture(points)[:, :2])
        contours = [face_rig.UPPER_LIP, face_rig.LOWER_LIP, *face_rig.EYES[0], *face_rig.EYES[1]]
        blend = np.concatenate([np.eye(MESH_COUNT), *(_between(each) for each in contours)])
        front = self._face_triangles(blend)
        self._is_hole = np.repeat(_fills_hole(front, blend), 4)
        self._skull, skull_ends = _subdivide(skull, len(points))
        self._front, front_ends = _subdivide(front, len(blend))
        # The face's vertices are mixtures of landmarks: (V,468), rows sum to 1.
        self._blend = np.concatenate([blend, blend[front_ends].mean(axis=1)])
        self._skull_points = np.concatenate([points, points[skull_ends].mean(axis=1)])
        self._front_points = self._blend @ self._face
        for each in (self._skull_points, self._front_points):
            each[:, 2] = _smooth_depth(points, each)
        self._weights = _head_weight(self._face, self._skull_points)
        # The lower lip's and the upper lid's skin begin a little outside their contours, lest a line of
        # teeth or of eyeball stretches with them.
        texture = self._face.copy()
        from_corner = np.minimum(np.arange(9), np.arange(9)[::-1])
        texture[list(face_rig.LOWER_LIP[1:-1]), 1] += 0.012 + 0.02 * np.exp(-from_corner / 1.0)
        for upper, _ in face_rig.EYES:
            texture[list(upper[1:-1]), 1] -= 0.008
        self._front_texture = self._blend @ texture
        self._inside = _paint_mouth(still_rgb, self._face, self._frame)

    def render(self, expression: Expression, pose: HeadPose) -> ImageU8:
        """The face with that expression and pose: (H,W,3) uint8, of the still's size."""
        return self.render_shape(face_rig.move_expression(self._face, expression), pose)

    @property
    def face(self) -> Float:
        """The still's own landmarks, (468,3) in face units."""
        return self._face.copy()

    def landmarks(self, face: Float, pose: HeadPose) -> Float:
        """Where `render_shape` puts the landmarks: (468,3) pixels."""
        return self._frame.to_picture(face_rig.turn_head(face, np.ones(len(face)), pose))

    def render_shape(self, face: Float, pose: HeadPose) -> ImageU8:
        """The face with its landmarks at `face`, (468,3) in face units, and that pose."""
        change = self._blend @ (face - self._face)
        turned = face_rig.turn_head(self._skull_points, self._weights, pose)
        skull = _Layer(self._frame, self._skull_points, turned, self._skull)
        turned = face_rig.turn_head(self._front_points + change, np.ones(len(change)), pose)
        front = _Layer(self._frame, self._front_texture, turned, self._front)

        owner = np.full(self._still.shape[:2], -1, np.int32)
        skull.draw(owner)
        still_xy = skull.look_up(owner)
        picture = _sample(self._still, still_xy)
        inside = _sample(self._inside, still_xy)
        owner[:] = -1
        front.draw(owner)
        faced = owner >= 0
        # A soft border, so that the seam between the layers does not show where both show the same.
        cover = cv2.blur(cv2.erode(faced.astype(np.float32), np.ones((5, 5))), (5, 5))[..., None]
        face_rgb = _sample(self._still, front.look_up(owner))
        picture = (picture + cover * (face_rgb.astype(np.float32) - picture) + 0.5).astype(np.uint8)
        hole = faced & self._is_hole[front.order[owner]]
        light = self._light(face, still_xy)
        picture[hole] = (inside[hole] * light[hole, None]).astype(np.uint8)
        return picture

    def _light(self, face: Float, still_xy: LookUp) -> LookUp:
        """Less light falls through lips that are nearly closed; the eyes keep theirs."""
        level = 0.22 + 0.78 * min(1.0, max(face_rig.lip_gap(face), 0.0) / 0.06)
        nose = self._frame.to_picture(self._face[1:2])[0, :2]
        down = self._frame.to_picture(self._face[1:2] + np.array([0.0, 1.0, 0.0]))[0, :2] - nose
        below = (still_xy - nose.astype(np.float32)) @ down.astype(np.float32) > 0
        return np.where(below, np.float32(level), np.float32(1))

    def _face_triangles(self, blend: Float) -> Index:
        """Triangles of the face's vertices, (V,468) mixtures of landmarks, inside its outline."""
        # Triangulated with mouth and eyes open, so that no triangle bridges lips or lids that touch.
        gap = max(face_rig.lip_gap(self._face), 0.09)
        opened = face_rig.move_expression(self._face, Expression(mouth_gap=gap, eye_closure=-0.8))
        flat = self._frame.to_picture(blend @ opened)[:, :2]
        triangles = _delaunay(flat)
        outline = flat[list(face_rig.OVAL)].astype(np.float32)
        middles = flat[triangles].mean(axis=1)
        return triangles[[cv2.pointPolygonTest(outline, (float(x), float(y)), False) > 0 for x, y in middles]]


def _between(contour: tuple[int, ...]) -> Float:
    """Two vertices on each piece of a contour, (V,468): so close that no triangle reaches across it."""
    rows = np.zeros((2, len(contour) - 1, MESH_COUNT))
    piece = np.arange(len(contour) - 1)
    for row, share in zip(rows, (1 / 3, 2 / 3), strict=True):
        row[piece, contour[:-1]], row[piece, contour[1:]] = 1 - share, share
    return rows.reshape(-1, MESH_COUNT)


def _fills_hole(triangles: Index, blend: Float) -> Bool:
    """Which of the face's triangles (M,3) lie in the mouth or in an eye: (M,)."""
    hole = np.zeros(len(triangles), bool)
    for upper, lower in ((face_rig.UPPER_LIP, face_rig.LOWER_LIP), *face_rig.EYES):
        on_contour = blend[:, sorted({*upper, *lower})].sum(axis=1) > 0.999
        hole |= on_contour[triangles].all(axis=1)
    return hole


def _subdivide(triangles: Index, count: int) -> tuple[Index, Index]:
    """Each of M triangles over `count` points cut into four: (4M,3), and the (E,2) ends of the cut edges.

    The middle of edge e is point number `count + e`. The quarters of a triangle follow each other.
    """
    sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]], axis=2)  # M 3 2
    ends, number = np.unique(sides.reshape(-1, 2), axis=0, return_inverse=True)
    middle = count + number.reshape(-1, 3)
    a, b, c = triangles.T
    ab, bc, ca = middle.T
    quarters = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], axis=1)
    return quarters.reshape(-1, 3).astype(np.int32), ends.astype(np.int32)


def _smooth_depth(known: Float, wanted: Float, radius: float = 0.06) -> Float:
    """Depth of the points (Q,3) on the smooth surface through the known ones (P,3): local linear regression.

    The landmarks' own depth has kinks which a turn of the head would show as a saw-toothed cheek.
    """
    squared = (known[:, 0] - wanted[:, :1]) ** 2  # Q P
    squared += (known[:, 1] - wanted[:, 1:2]) ** 2
    weight = np.exp(squared / (-2 * radius**2)) + 1e-9
    x, y, z = known.T
    moments = weight @ np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, z, x * z, y * z], axis=1)
    one, mx, my, mxx, mxy, myy, mz, mxz, myz = moments.T
    # the same moments about each wanted point
    u, v = wanted[:, 0], wanted[:, 1]
    sx, sy = mx - u * one, my - v * one
    sxx, syy = mxx - 2 * u * mx + u * u * one, myy - 2 * v * my + v * v * one
    sxy = mxy - u * my - v * mx + u * v * one
    left = np.stack([one, sx, sy, sx, sxx, sxy, sy, sxy, syy], axis=1).reshape(-1, 3, 3) + 1e-6 * np.eye(3)
    right = np.stack([mz, mxz - u * mz, myz - v * mz], axis=1)
    return np.asarray(np.linalg.solve(left, right[..., None])[:, 0, 0])


class _Layer:
    """One set of triangles at its place in the new picture, in the order of drawing."""

    def __init__(self, frame: FaceFrame, still: Float, moved: Float, triangles: Index) -> None:
        self._moved = frame.to_picture(moved)[:, :2]
        still_xy = frame.to_picture(still)[:, :2]
        # Far before near; triangles that show their back come first of all, as anything hides them.
        hidden = _area(self._moved, triangles) * _area(still_xy, triangles) <= 0
        self.order = np.lexsort((-moved[triangles, 2].mean(axis=1), ~hidden))
        self._triangles = triangles[self.order]
        corners = np.concatenate([self._moved[self._triangles], np.ones((len(triangles), 3, 1))], axis=2)
        flat: Bool = np.abs(np.linalg.det(corners)) < 1e-3
        corners[flat] = np.eye(3)
        origin = still_xy[self._triangles]
        self._affine = np.linalg.solve(corners, origin).astype(np.float32)  # (M,3,2): [x y 1] @ affine
        self._affine[flat, :2], self._affine[flat, 2] = 0, origin[flat, 0]

    def draw(self, owner: Index) -> None:
        """Writes into (H,W) the number, in drawing order, of the triangle seen at each pixel."""
        fixed = np.round(self._moved * (1 << SUBPIXEL_BITS)).astype(np.int32)
        for i, corners in enumerate(fixed[self._triangles]):
            cv2.fillConvexPoly(owner, corners, (i,), cv2.LINE_8, SUBPIXEL_BITS)

    def look_up(self, owner: Index) -> LookUp:
        """(H,W,2) x, y in the still of what each pixel shows; meaningless where `owner` is -1."""
        ys, xs = np.indices(owner.shape, dtype=np.float32)
        of_pixel = self._affine[owner]  # H W 3 2
        return np.asarray(
            xs[..., None] * of_pixel[..., 0, :] + ys[..., None] * of_pixel[..., 1, :] + of_pixel[..., 2, :]
        )


def _area(points_xy: Float, triangles: Index) -> Float:
    a, b, c = (points_xy[triangles[:, i]] for i in range(3))
    return np.asarray((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])


def _surround(face: Float, frame: FaceFrame, size_hw: tuple[int, int]) -> Float:
    """Points around the face, in face units: rings about its outline, and a grid to the picture's border."""
    edge = face[list(face_rig.OVAL)]
    middle = np.array([0.0, (face[face_rig.CHIN, 1] + face[face_rig.FOREHEAD, 1]) / 2])
    rings = np.concatenate([middle + scale * (edge[:, :2] - middle) for scale in RINGS])
    height, width = size_hw
    step = max(8.0, frame.width_px / 9)
    xs = np.linspace(0, width - 1, max(3, round(width / step)))
    ys = np.linspace(0, height - 1, max(3, round(height / step)))
    grid = np.stack([*np.meshgrid(xs, ys), np.zeros((len(ys), len(xs)))], axis=-1).reshape(-1, 3)
    last = frame.to_picture(np.pad(rings[-len(edge) :], ((0, 0), (0, 1))))[:, :2].astype(np.float32)
    outside = [cv2.pointPolygonTest(last, (float(x), float(y)), True) < -0.4 * step for x, y, _ in grid]
    ring_px = frame.to_picture(np.pad(rings, ((0, 0), (0, 1))))[:, :2]
    kept = rings[((ring_px >= 1) & (ring_px <= (width - 2, height - 2))).all(axis=1)]
    flat = np.concatenate([kept, frame.from_picture(grid[outside])[:, :2]])
    # Depth goes on from the nearest part of the outline and curves back to behind the ears.
    squared = ((flat[:, None] - edge[None, :, :2]) ** 2).sum(axis=2)
    near = squared**-1.5
    depth = (near * edge[:, 2]).sum(axis=1) / near.sum(axis=1) + 0.9 * np.sqrt(squared.min(axis=1))
    return np.column_stack([flat, np.minimum(depth, 0.1)])


def _head_weight(face: Float, surround: Float) -> Float:
    """How much each point around the face moves with the head: 1 for hair, 0 for the far background."""
    chin, top = face[face_rig.CHIN, 1], face[face_rig.FOREHEAD, 1]
    centre_y = (chin + top - 0.6) / 2
    half = np.where(surround[:, 1] < centre_y, centre_y - top + 0.62, chin - centre_y + 0.12)
    hair = 1 - smoothstep(1.02, 1.75, np.hypot(surround[:, 0] / 0.86, (surround[:, 1] - centre_y) / half))
    neck = 1 - smoothstep(0.0, 0.55, surround[:, 1] - (chin - 0.1))
    return hair * neck


def _delaunay(points_xy: Float) -> Index:
    """(M,3) indices of the Delaunay triangles of (N,2) points; coinciding points share the first's."""
    points = np.round(points_xy.astype(np.float32), 2)
    low, high = np.floor(points.min(axis=0)) - 16, np.ceil(points.max(axis=0)) + 16
    left, top, width, height = (int(each) for each in (*low, *(high - low)))
    subdivision = cv2.Subdiv2D((left, top, width, height))
    index: dict[tuple[float, float], int] = {}
    for i, (x, y) in enumerate(points):
        if index.setdefault((float(x), float(y)), i) == i:
            subdivision.insert((float(x), float(y)))
    found = []
    for corners in np.asarray(subdivision.getTriangleList()).reshape(-1, 3, 2):
        names = [index.get((float(x), float(y))) for x, y in corners]
        if None not in names:  # cv2's own outermost helper points are not ours
            found.append(names)
    return np.array(found, np.int32)


def _sample(texture: ImageU8, still_xy: LookUp) -> ImageU8:
    no_second_map = np.empty(0, np.float32)  # x and y are in one
    sampled = cv2.remap(texture, still_xy, no_second_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.uint8)


def _paint_mouth(still_rgb: ImageU8, face: Float, frame: FaceFrame) -> ImageU8:
    """The still with the inside of a mouth painted over everything around its lips.

    Teeth that the still shows stay; elsewhere a dark red that is nearly black in the middle, with a hint of
    the tongue. Only seen through the hole between the lips.
    """
    height, width = still_rgb.shape[:2]
    ys, xs = np.indices((height, width), dtype=np.float32)
    pixels = np.stack([xs, ys, np.full_like(xs, frame.origin[2])], axis=-1).reshape(-1, 3)
    here = frame.from_picture(pixels).reshape(height, width, 3)
    x, y = here[..., 0] - face[14, 0], here[..., 1] - face[13, 1]
    around = (np.hypot(x / 0.8, y - 0.25) < 0.5) & (y > -0.12)
    tongue = np.exp(-((x / 0.15) ** 2) - ((y - 0.36) / 0.13) ** 2)[..., None]
    wall = np.clip(np.hypot(x / 0.24, (y - 0.16) / 0.26), 0, 1)[..., None] ** 2
    painted = np.array([34.0, 10, 12]) + wall * (42, 14, 14) + tongue * (95, 38, 40)
    if face_rig.lip_gap(face) > 0.03:
        lips = frame.to_picture(face[[*face_rig.UPPER_LIP, *reversed(face_rig.LOWER_LIP[1:-1])]])[:, :2]
        shown = np.zeros((height, width), np.float32)
        cv2.fillPoly(shown, [np.round(lips).astype(np.int32)], [1.0])
        teeth = np.asarray(cv2.GaussianBlur(shown, (0, 0), max(1, round(frame.width_px * 0.012))))
        painted += teeth[..., None] * (still_rgb - painted)
    if np.ptp(still_rgb, axis=2).mean() < 4:  # a grey photograph
        painted = np.repeat(painted.mean(axis=2, keepdims=True), 3, axis=2)
    return np.where(around[..., None], painted, still_rgb).clip(0, 255).astype(np.uint8)
