"""The triangles between the landmarks, from the landmarker's own edges, and which part of a face each is."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from realtime.vision.face_rig import BROWS, EYES, LOWER_LIP, MESH_COUNT, UPPER_LIP
from realtime.vision.landmarks import mesh_edges

Index = npt.NDArray[np.int32]

OUTER_LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
LOWER_BROWS = ((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))
SKIN, LIPS, BROW = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class MeshShape:
    """The face's surface, with holes for the eyes and the mouth.

    Attributes:
        triangles: (M,3) int32 landmarks, all turned the same way round.
        edges: (E,2) int32 landmarks.
        sides: (E,2) int32, the triangles on both sides of an edge; at the rim twice the same.
        parts: (M,) uint8: SKIN, LIPS or BROW.
    """

    triangles: Index
    edges: Index
    sides: Index
    parts: npt.NDArray[np.uint8]


@functools.cache
def mesh_shape() -> MeshShape:
    """The surface; the first call needs the landmarker's package."""
    edges = np.array(sorted({(min(each), max(each)) for each in mesh_edges()}), np.int32)
    triangles = _turn_alike(_triangles(edges))
    number = {(int(a), int(b)): i for i, (a, b) in enumerate(edges)}
    beside: list[list[int]] = [[] for _ in edges]
    for i, (a, b, c) in enumerate(triangles.tolist()):
        for one, other in ((a, b), (b, c), (c, a)):
            beside[number[min(one, other), max(one, other)]].append(i)
    sides = np.array([(each[0], each[-1]) for each in beside], np.int32)
    parts = np.zeros(len(triangles), np.uint8)
    parts[_all_in(triangles, {*OUTER_LIPS, *UPPER_LIP, *LOWER_LIP, *_between_lips(triangles)})] = LIPS
    for upper, lower in zip(BROWS, LOWER_BROWS, strict=True):
        parts[_all_in(triangles, {*upper, *lower})] = BROW
    return MeshShape(triangles, edges, sides, parts)


def eye_contours() -> tuple[tuple[int, ...], ...]:
    """The landmarks around each eye's opening, in order."""
    return tuple((*upper, *reversed(lower[1:-1])) for upper, lower in EYES)


def mouth_contour() -> tuple[int, ...]:
    """The landmarks around the mouth's opening, in order."""
    return (*UPPER_LIP, *reversed(LOWER_LIP[1:-1]))


def _triangles(edges: Index) -> Index:
    """(M,3): every three landmarks that are joined, but for loops around other triangles."""
    near: list[set[int]] = [set() for _ in range(MESH_COUNT)]
    for a, b in edges.tolist():
        near[a].add(b)
        near[b].add(a)
    loops = sorted({tuple(sorted((a, b, c))) for a, b in edges.tolist() for c in near[a] & near[b]})
    shared: dict[tuple[int, int], int] = {}
    for a, b, c in loops:
        for side in ((a, b), (b, c), (a, c)):
            shared[side] = shared.get(side, 0) + 1
    # on a surface an edge has two triangles; a loop around some has three on each of its edges
    kept = [(a, b, c) for a, b, c in loops if min(shared[a, b], shared[b, c], shared[a, c]) < 3]
    return np.array(kept, np.int32)


def _turn_alike(triangles: Index) -> Index:
    """The triangles turned so that neighbours go along their common edge in opposite directions."""
    beside: dict[tuple[int, int], list[int]] = {}
    for i, corners in enumerate(triangles.tolist()):
        for one, other in zip(corners, (*corners[1:], corners[0]), strict=True):
            beside.setdefault((min(one, other), max(one, other)), []).append(i)
    turned = triangles.tolist()
    done: set[int] = set()
    for start in range(len(turned)):
        waiting = [] if start in done else [start]
        done.add(start)
        while waiting:
            i = waiting.pop()
            corners = turned[i]
            for one, other in zip(corners, (*corners[1:], corners[0]), strict=True):
                for j in beside[min(one, other), max(one, other)]:
                    if j in done:
                        continue
                    theirs = turned[j]
                    if (one, other) in zip(theirs, (*theirs[1:], theirs[0]), strict=True):
                        turned[j] = theirs[::-1]
                    done.add(j)
                    waiting.append(j)
    return np.array(turned, np.int32)


def _all_in(triangles: Index, landmarks: set[int]) -> npt.NDArray[np.bool_]:
    return np.asarray(np.isin(triangles, sorted(landmarks)).all(axis=1))


def _between_lips(triangles: Index) -> set[int]:
    """The rows of landmarks between the lips' inner and outer contours."""
    lips = {*OUTER_LIPS, *UPPER_LIP, *LOWER_LIP}
    near: dict[int, set[int]] = {}
    for corners in triangles.tolist():
        for each in corners:
            near.setdefault(each, set()).update(corners)
    # grown from the inner contour outwards, stopping at the outer one
    found = set(UPPER_LIP) | set(LOWER_LIP)
    while True:
        grown = {other for each in found - set(OUTER_LIPS) for other in near[each]} - found
        if not grown:
            return found - lips
        found |= grown
