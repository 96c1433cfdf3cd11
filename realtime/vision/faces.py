"""Stable face ids: which landmarks of this frame belong to which face of the frames before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realtime.clock import to_ns
from realtime.values import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Tracked:
    """The faces of one frame with their ids, and what changed.

    Attributes:
        faces: (face_id, landmarks (478,3)) in the order of the ids.
        found: ids that are new in this frame.
        lost: ids given up in this frame, because they were not seen for `lost_after_s`.
    """

    faces: tuple[tuple[int, FloatArray], ...]
    found: tuple[int, ...]
    lost: tuple[int, ...]


@dataclass(slots=True)
class _Track:
    face_id: int
    centre: FloatArray
    size: float
    seen_ns: int


class FaceTracker:
    """Gives faces ids by where they are. Ids rise and are never reused.

    A face keeps its id while its centre moves by less than `reach` of its own size between two sightings
    and it is not missing for longer than `lost_after_s`. Not thread-safe: one vision thread uses it.
    """

    def __init__(self, max_faces: int, *, lost_after_s: float = 0.5, reach: float = 0.6) -> None:
        self._max_faces = max_faces
        self._lost_after_ns = to_ns(lost_after_s)
        self._reach = reach
        self._tracks: list[_Track] = []
        self._next_id = 1

    def update(self, t_ns: int, landmarks: Sequence[FloatArray]) -> Tracked:
        """Assigns ids to the landmarks found at `t_ns`.

        Args:
            t_ns: time of the frame; must not fall.
            landmarks: (478,3) float32 pixels for each face found.
        """
        seen = _without_doubles([_measure(points) for points in landmarks])
        pairs = sorted(
            (distance, track_number, seen_number)
            for track_number, track in enumerate(self._tracks)
            for seen_number, (centre, size, _) in enumerate(seen)
            if (distance := float(np.linalg.norm(track.centre - centre)) / max(track.size, size))
            < self._reach
        )
        matched: dict[int, int] = {}  # seen number -> track number
        for _, track_number, seen_number in pairs:  # nearest first
            if track_number not in matched.values() and seen_number not in matched:
                matched[seen_number] = track_number

        faces: list[tuple[int, FloatArray]] = []
        found: list[int] = []
        by_size = sorted(range(len(seen)), key=lambda number: -seen[number][1])
        room = self._max_faces - len(matched)
        for number in by_size:
            centre, size, source = seen[number]
            if number in matched:
                track = self._tracks[matched[number]]
                track.centre, track.size, track.seen_ns = centre, size, t_ns
            elif room > 0:
                room -= 1
                track = _Track(self._next_id, centre, size, t_ns)
                self._next_id += 1
                self._tracks.append(track)
                found.append(track.face_id)
            else:
                continue
            faces.append((track.face_id, landmarks[source]))

        lost = [track.face_id for track in self._tracks if t_ns - track.seen_ns > self._lost_after_ns]
        self._tracks = [track for track in self._tracks if track.face_id not in lost]
        return Tracked(tuple(sorted(faces, key=lambda each: each[0])), tuple(found), tuple(lost))

    def succeed(self, before: FaceTracker) -> tuple[int, ...]:
        """Goes on with the ids after those of another tracker; the ids of the faces that it followed."""
        self._next_id = max(self._next_id, before._next_id)
        return tuple(track.face_id for track in before._tracks)

    def drop_all(self) -> tuple[int, ...]:
        """Gives up every face, for instance because the source changed; the ids given up."""
        lost = tuple(track.face_id for track in self._tracks)
        self._tracks = []
        return lost


_Measure = tuple[FloatArray, float, int]  # centre, size, number in the input


def _measure(points: FloatArray) -> tuple[FloatArray, float]:
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return (low + high) / 2, float((high - low).max())


def _without_doubles(measures: list[tuple[FloatArray, float]]) -> list[_Measure]:
    """MediaPipe sometimes reports one face twice; of two that nearly coincide the first stays."""
    kept: list[_Measure] = []
    for number, (centre, size) in enumerate(measures):
        if all(
            np.linalg.norm(centre - other) > 0.25 * max(size, other_size) for other, other_size, _ in kept
        ):
            kept.append((centre, size, number))
    return kept
