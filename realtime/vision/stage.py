"""What vision does with one frame: find faces, keep their ids, align, judge, and fill their rings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from realtime.clock import NS_PER_MS, now_ns
from realtime.values import Face, FloatArray, Frame, Guard, Hidden, Observation
from realtime.view import View
from realtime.vision.align import Aligner, warp
from realtime.vision.attention import Attention, HeadCount
from realtime.vision.faces import FaceTracker
from realtime.vision.landmarks import MOST_FACES, Box, Landmarker, is_on
from realtime.vision.quality import measure_quality
from realtime.vision.ring import CropRing


class VisionStage:
    """Turns frames into observations and crops; the same code live and over a file.

    `process` belongs to one thread; `rings` may be read from any.
    """

    def __init__(
        self,
        landmarker: Landmarker,
        max_faces: int,
        make_ring: Callable[[int], CropRing] | None,
        view: Callable[[], View] = View,
    ) -> None:
        """Makes the stage.

        Args:
            landmarker: finds faces; used by the thread that calls `process`.
            max_faces: how many faces are read at once.
            make_ring: gives the ring of a new face, by its id; None: no crops are kept.
            view: what is shown now: privacy pictures need every face that can be found.
        """
        self._landmarker = landmarker
        self._tracker = FaceTracker(MOST_FACES)
        self._attention = Attention(max_faces)
        self._heads, self._hidden_heads = HeadCount(), HeadCount()
        self._make_ring, self._view = make_ring, view
        self._aligners: dict[int, Aligner] = {}
        self._rings: dict[int, CropRing] = {}

    @property
    def rings(self) -> tuple[CropRing, ...]:
        """The rings of the faces followed now."""
        return tuple(self._rings.values())  # the dict is replaced, never changed, so readers need no lock

    def process(self, frame: Frame) -> Observation:
        """Finds and follows the faces of one frame and pushes the crops of those that are read."""
        started_ns = now_ns()
        view = self._view()
        boxes: list[Box] = []
        if view.guarded:
            landmarks_found, boxes = self._landmarker.find_everyone(frame.image_rgb)
        else:
            landmarks_found = self._landmarker.find(frame.image_rgb)
        tracked = self._tracker.update(frame.t_ns, landmarks_found)
        only_chosen = view.bystanders == "blur"
        change = self._attention.update(
            frame.t_ns,
            {face_id: float(np.ptp(landmarks[:, 0])) for face_id, landmarks in tracked.faces},
            tracked.lost,
            only_chosen=only_chosen,
            chosen=view.chosen,
        )
        self._drop(change.lost)
        if not view.expressions and self._rings:
            self._rings = {}
        for face_id in change.found:
            self._aligners[face_id] = Aligner()
            if self._make_ring is not None and view.expressions:
                self._rings = {**self._rings, face_id: self._make_ring(face_id)}
        faces: list[Face] = []
        hidden: list[Hidden] = []
        for face_id, landmarks in tracked.faces:
            if face_id not in self._attention.read:
                hidden.append(Hidden(face_id, _bounds(landmarks)))
                continue
            crop = warp(frame.image_rgb, self._aligners[face_id].matrix(frame.t_ns, landmarks))
            face = Face(face_id, _box(landmarks, frame.size_wh), landmarks, measure_quality(landmarks, crop))
            if face_id in self._rings:
                self._rings[face_id].push(frame.t_ns, crop, face, frame.seq)
            faces.append(face)
        guard = None
        if view.guarded:
            followed = [landmarks for _, landmarks in tracked.faces]
            own = [box for box in boxes if any(is_on(box, face.landmarks) for face in faces)]
            hidden += [Hidden(None, box) for box in boxes if not any(is_on(box, each) for each in followed)]
            guard = Guard(
                tuple(hidden),
                tuple(own),
                self._heads.missing(frame.t_ns, len(faces) + len(hidden)),
                self._hidden_heads.missing(frame.t_ns, len(hidden)),
                only_chosen,
            )
        cost_ms = (now_ns() - started_ns) / NS_PER_MS
        return Observation(frame.seq, frame.t_ns, tuple(faces), change.found, change.lost, cost_ms, guard)

    def succeed(self, before: VisionStage) -> tuple[int, ...]:
        """Goes on after a stage that failed: its ids are not given again. The ids of its faces, now lost."""
        return self._tracker.succeed(before._tracker)

    def forget(self) -> tuple[int, ...]:
        """Gives up every face because the source changed; their ids."""
        self._tracker.drop_all()
        lost = self._attention.drop_all()
        self._drop(lost)
        self._heads, self._hidden_heads = HeadCount(), HeadCount()
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


def _bounds(landmarks: FloatArray) -> Box:
    (x0, y0), (x1, y1) = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)
