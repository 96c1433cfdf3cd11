"""One clip's face, found, followed and aligned as the live path does it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from models.training.clip_media import MediaFrame
from models.training.face_finder import Finder
from realtime.clock import to_ns
from realtime.values import CROP_SIDE, FloatArray, ImageU8
from realtime.vision.align import Aligner, Transform, warp
from realtime.vision.faces import FaceTracker
from realtime.vision.landmarks import FaceMesh

MAX_FACES = 3
FOUND_ENOUGH = 0.5  # of the frames; below, each is searched anew as a photograph
LOST_AFTER_S = 10.0  # longer than live: a clip is about one person, who may turn away

Frames = Callable[[], Iterator[MediaFrame]]
Sighting = list[FloatArray]  # the faces of one frame, (478,3) each


class Searcher(Protocol):
    """Finds faces in the frames of one clip after another; used by one thread or process."""

    def follow(self, frames: Iterator[MediaFrame]) -> Iterator[Sighting]:
        """The faces of each frame in order, following them from frame to frame."""

    def search(self, frames: Iterator[MediaFrame]) -> Iterator[Sighting]:
        """The same, with each frame looked at for itself and more leniently."""


class FaceSearcher:
    """The live face mesh, and the one for photographs that also finds faces cut at the border."""

    def __init__(self) -> None:
        self._mesh = FaceMesh(MAX_FACES)
        self._still: Finder | None = None

    def follow(self, frames: Iterator[MediaFrame]) -> Iterator[Sighting]:
        """See Searcher."""
        blank = np.zeros((64, 64, 3), np.uint8)
        for _ in range(2):
            self._mesh.find(blank)  # nothing to follow from the clip before
        for frame in frames:
            yield self._mesh.find(np.ascontiguousarray(frame.image))

    def search(self, frames: Iterator[MediaFrame]) -> Iterator[Sighting]:
        """See Searcher."""
        self._still = self._still or Finder()
        for frame in frames:
            face = self._still.find(frame.image)
            yield [] if face is None else [face]


@dataclass(frozen=True, eq=False)
class AlignedClip:
    """Aligned pictures (N,side,side,3) uint8 RGB, their times (N,) in seconds, and where a face was found."""

    pictures: npt.NDArray[np.uint8]
    times_s: npt.NDArray[np.float64]
    found: npt.NDArray[np.bool_]


def align_clip(frames: Frames, searcher: Searcher, side: int = CROP_SIDE) -> AlignedClip:
    """The clip's main face, aligned in every frame.

    The main face is the one whose sizes over all frames add up to most. Where it is not found, the crop
    stays where it was last; before it was first found, where it was first; in a clip without a face it is
    the middle square of the picture. `found` tells which.

    Args:
        frames: gives the clip's frames, at least one, each time it is called.
        searcher: finds the faces.
        side: of the pictures; the live crop is made and then reduced.
    """
    faces, times = _main_face(searcher.follow, frames)
    if sum(face is not None for face in faces) < FOUND_ENOUGH * len(faces):
        again, _ = _main_face(searcher.search, frames)
        if sum(face is not None for face in again) > sum(face is not None for face in faces):
            faces = again
    matrices = _matrices(faces, times)
    pictures = [
        resized(square(frame.image) if matrix is None else warp(frame.image, matrix), side)
        for frame, matrix in zip(frames(), matrices, strict=True)
    ]
    found = np.array([face is not None for face in faces], np.bool_)
    return AlignedClip(np.stack(pictures), np.array(times, np.float64), found)


def as_is(frames: Frames, side: int = CROP_SIDE) -> AlignedClip:
    """A clip whose pictures are aligned crops of a face already: made square about the middle and resized."""
    pictures, times = [], []
    for frame in frames():
        pictures.append(resized(square(frame.image), side))
        times.append(frame.t_s)
    return AlignedClip(np.stack(pictures), np.array(times, np.float64), np.ones(len(times), np.bool_))


def _main_face(
    look: Callable[[Iterator[MediaFrame]], Iterator[Sighting]], frames: Frames
) -> tuple[list[FloatArray | None], list[float]]:
    """The main face's landmarks in each frame, None where it is not seen, and the frames' times."""
    tracker = FaceTracker(MAX_FACES, lost_after_s=LOST_AFTER_S)
    times: list[float] = []

    def timed() -> Iterator[MediaFrame]:
        for frame in frames():
            times.append(frame.t_s)
            yield frame

    seen: list[dict[int, FloatArray]] = []
    sizes: Counter[int] = Counter()
    for number, sighting in enumerate(look(timed())):
        tracked = dict(tracker.update(to_ns(times[number]), sighting).faces)
        seen.append(tracked)
        for face_id, landmarks in tracked.items():
            sizes[face_id] += round(float(np.ptp(landmarks[:, :2], axis=0).max()))
    main = max(sizes, key=lambda face_id: sizes[face_id], default=0)
    return [tracked.get(main) for tracked in seen], times


def _matrices(faces: list[FloatArray | None], times: list[float]) -> list[Transform | None]:
    """Picture to crop for each frame; gaps held, the start filled with the first; None: no face at all."""
    aligner = Aligner()
    matrices: list[Transform | None] = []
    last: Transform | None = None
    for landmarks, t_s in zip(faces, times, strict=True):
        if landmarks is not None:
            last = aligner.matrix(to_ns(t_s), landmarks)
        matrices.append(last)
    first = next((each for each in matrices if each is not None), None)
    return [first if each is None else each for each in matrices]


def square(image: ImageU8) -> ImageU8:
    """The middle square of a picture."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def resized(image: ImageU8, side: int) -> ImageU8:
    """A square picture at another side, averaged where it shrinks."""
    if image.shape[0] == side:
        return image
    method = cv2.INTER_AREA if image.shape[0] > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side, side), interpolation=method), np.uint8)
