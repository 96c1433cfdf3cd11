"""Face landmarks from MediaPipe's face mesh: the only file that imports mediapipe.

mediapipe 0.10.21 is the last wheel that carries its models and sends nothing out.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from realtime.values import LANDMARK_COUNT, FloatArray, ImageU8, check_image

# set before mediapipe is first imported: its C++ logs say nothing that a user can act on
os.environ.setdefault("GLOG_minloglevel", "2")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps mediapipe's C++ start-up chatter, which goes to file descriptor 2, from the console."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class Landmarker(Protocol):
    """Finds faces in a picture. Made, used and closed by one thread."""

    def find(self, image_rgb: ImageU8) -> list[FloatArray]:
        """Landmarks of each face found, (478,3) float32 each: x, y in pixels, z in x's scale."""

    def close(self) -> None:
        """Gives its memory back; can be called twice."""


class FaceMesh:
    """MediaPipe's face mesh with iris, following faces from picture to picture.

    Pictures must come in order, from one thread. About 9 ms a picture on two cores.
    """

    def __init__(self, max_faces: int = 2, *, still: bool = False, min_confidence: float = 0.5) -> None:
        """Loads the models from the installed wheel.

        Args:
            max_faces: how many faces at most.
            still: detect anew in each picture (photographs) instead of following.
            min_confidence: of detection and of following, 0 to 1.
        """
        self._mesh: Any = None
        with _quiet():
            from mediapipe.python.solutions.face_mesh import FaceMesh as Mesh

            logging.getLogger("absl").setLevel(logging.ERROR)
            self._mesh = Mesh(
                static_image_mode=still,
                max_num_faces=max_faces,
                refine_landmarks=True,
                min_detection_confidence=min_confidence,
                min_tracking_confidence=min_confidence,
            )
            self._mesh.process(
                np.zeros((64, 64, 3), np.uint8)
            )  # builds the graph now, not at the first frame

    def find(self, image_rgb: ImageU8) -> list[FloatArray]:
        """Landmarks of each face found, (478,3) float32 each: x, y in pixels, z in x's scale."""
        check_image("FaceMesh.find", image_rgb)
        if self._mesh is None:
            raise ValueError("FaceMesh.find: expected an open landmarker, got a closed one")
        height, width = image_rgb.shape[:2]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # protobuf deprecations inside mediapipe, at every call
            found = self._mesh.process(image_rgb).multi_face_landmarks or ()
        scale = np.array([width, height, width], np.float32)
        faces = []
        for each in found:
            points = np.fromiter(
                (value for point in each.landmark for value in (point.x, point.y, point.z)),
                np.float32,
                LANDMARK_COUNT * 3,
            )
            faces.append(points.reshape(LANDMARK_COUNT, 3) * scale)
        return faces

    def close(self) -> None:
        """Gives its memory back; can be called twice."""
        if self._mesh is not None:
            self._mesh.close()
            self._mesh = None

    def __enter__(self) -> FaceMesh:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
