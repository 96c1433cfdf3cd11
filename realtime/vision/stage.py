"""What vision does with one frame: find faces, keep their ids, align, judge, and fill their rings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from realtime.clock import NS_PER_MS, now_ns
from realtime.values import Face, FloatArray, Frame, Observation
from realtime.vision.align import Aligner, warp
from realtime.vision.faces import FaceTracker
from realtime.vision.landmarks import Landmarker
from realtime.vision.quality import measure_quality
from realtime.vision.ring import CropRing


class VisionStage:
    """Turns frames into observations and crops; the same code live and over a file.

    `process` belongs to one thread; `rings` may be read from any.
    """

    def __init__(
        self, landmarker: Landmarker, max_faces: int, make_ring: Callable[[int], CropRing] | None
    ) -> None:
        """Makes the stage.

        Args:
            landmarker: finds faces; used by the thread that calls `process`.
            max_faces: how many faces are followed at once.
            make_ring: gives the ring of a new face, by its id; None: no crops are kept.
        """
        self._landmarker = landmarker
        self._tracker = FaceTracker(max_faces)
        self._make_ring = make_ring
        self._aligners: dict[int, Aligner] = {}
        self._rings: dict[int, CropRing] = {}

    @property
    def rings(self) -> tuple[CropRing, ...]:
        """The rings of the faces followed now."""
        return tuple(self._rings.values())  # the dict is replaced, never changed, so readers need no lock

    def process(self, frame: Frame) -> Observation:
        """Finds and follows the faces of one frame and pushes their crops."""
        started_ns = now_ns()
        tracked = self._tracker.update(frame.t_ns, self._landmarker.find(frame.image_rgb))
        self._drop(tracked.lost)
        for face_id in tracked.found:
            self._aligners[face_id] = Aligner()
            if self._make_ring is not None:
                self._rings = {**self._rings, face_id: self._make_ring(face_id)}
        faces = []
        for face_id, landmarks in tracked.faces:
            crop = warp(frame.image_rgb, self._aligners[face_id].matrix(frame.t_ns, landmarks))
            face = Face(face_id, _box(landmarks, frame.size_wh), landmarks, measure_quality(landmarks, crop))
            if face_id in self._rings:
                self._rings[face_id].push(frame.t_ns, crop, face, frame.seq)
            faces.append(face)
        cost_ms = (now_ns() - started_ns) / NS_PER_MS
        return Observation(frame.seq, frame.t_ns, tuple(faces), tracked.found, tracked.lost, cost_ms)

    def succeed(self, before: VisionStage) -> tuple[int, ...]:
        """Goes on after a stage that failed: its ids are not given again. The ids of its faces, now lost."""
        return self._tracker.succeed(before._tracker)

    def forget(self) -> tuple[int, ...]:
        """Gives up every face because the source changed; their ids."""
        lost = self._tracker.drop_all()
        self._drop(lost)
        return lost

    def _drop(self, lost: tuple[int, ...]) -> None:
        if lost:
            self._rings = {key: ring for key, ring in self._rings.items() if key not in lost}
            for face_id in lost:
                self._aligners.pop(face_id, None)


def _box(landmarks: FloatArray, size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """The landmarks' bounding box with a small margin, clipped to the picture."""
    (x0, y0), (x1, y1) = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    margin = 0.06 * max(x1 - x0, y1 - y0)
    width, height = size_wh
    return (
        float(np.clip(x0 - margin, 0, width)),
        float(np.clip(y0 - margin, 0, height)),
        float(np.clip(x1 + margin, 0, width)),
        float(np.clip(y1 + margin, 0, height)),
    )
