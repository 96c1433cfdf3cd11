"""Face landmarks from MediaPipe's face mesh: the only file that imports mediapipe.

mediapipe 0.10.21 is the last wheel that carries its models and sends nothing out.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol, TextIO

import numpy as np

from realtime.values import LANDMARK_COUNT, FloatArray, ImageU8, check_image

# set before mediapipe is first imported: its C++ logs say nothing that a user can act on
os.environ.setdefault("GLOG_minloglevel", "2")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# pictures between two looks for another face beside a lone one: a third of a second at 30 fps
LOOK_EACH = 10
# faces that are followed where every one must be known
MOST_FACES = 8
# of a detection that only hides a face: rather one too many than one too few. It comes from the detector
# for up to 5 m, which costs 5 ms a picture and finds faces of a tenth of the picture's width, as the mesh's
# own one for 2 m does not.
LEAST_CONFIDENCE = 0.25

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


class _Silence:
    """File descriptor 2 leads nowhere, and warnings too, while at least one thread wants it so.

    What Python writes to `sys.stderr` meanwhile, log lines among it, still goes where it went.
    The lock is not held meanwhile: a landmarker that hangs while it is made keeps no other from being made.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted, self._kept = 0, -1
        self._warnings = warnings.catch_warnings()
        self._replaced: TextIO | None = None  # what sys.stderr was
        self._aside: TextIO | None = None  # what it is meanwhile; open until the next, for late writers

    def begin(self) -> None:
        """Silences it, for the first who wants that."""
        with self._lock:
            self._wanted += 1
            if self._wanted == 1:
                self._warnings = warnings.catch_warnings()
                self._warnings.__enter__()
                warnings.simplefilter("ignore")
                sys.stderr.flush()
                self._kept = os.dup(2)
                if _descriptor(sys.stderr) == 2:
                    if self._aside is not None:
                        self._aside.close()
                    self._aside = open(  # noqa: SIM115
                        os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace"
                    )
                    self._replaced, sys.stderr = sys.stderr, self._aside
                with open(os.devnull, "wb") as nowhere:
                    os.dup2(nowhere.fileno(), 2)

    def end(self) -> None:
        """Puts it back, after the last one."""
        with self._lock:
            self._wanted -= 1
            if self._wanted == 0:
                os.dup2(self._kept, 2)
                os.close(self._kept)
                if self._replaced is not None and sys.stderr is self._aside:
                    sys.stderr = self._replaced
                self._replaced = None
                self._warnings.__exit__(None, None, None)


def _descriptor(stream: TextIO | None) -> int:
    """A stream's file descriptor, -1 for one without."""
    try:
        return -1 if stream is None else stream.fileno()
    except (OSError, ValueError):
        return -1


_SILENCE = _Silence()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps mediapipe's C++ start-up chatter, which goes to file descriptor 2, from the console."""
    _SILENCE.begin()
    try:
        yield
    finally:
        _SILENCE.end()


def mesh_edges() -> frozenset[tuple[int, int]]:
    """The pairs of landmarks that the landmarker's own surface of the face joins."""
    with _quiet():
        from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    return frozenset((int(a), int(b)) for a, b in FACEMESH_TESSELATION)


def _landmarks(mesh: Any, image_rgb: ImageU8) -> list[FloatArray]:
    found = mesh.process(image_rgb).multi_face_landmarks or ()
    height, width = image_rgb.shape[:2]
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


def _box(detection: Any, image_rgb: ImageU8) -> Box:
    box = detection.location_data.relative_bounding_box
    height, width = image_rgb.shape[:2]
    return (
        box.xmin * width,
        box.ymin * height,
        (box.xmin + box.width) * width,
        (box.ymin + box.height) * height,
    )


def is_on(box: Box, face: FloatArray) -> bool:
    """Whether the box's middle is on the face whose (478,3) landmarks these are."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    (left, top), (right, bottom) = face[:, :2].min(axis=0), face[:, :2].max(axis=0)
    return bool(left <= x <= right and top <= y <= bottom)


class Landmarker(Protocol):
    """Finds faces in a picture. Made, used and closed by one thread."""

    def find(self, image_rgb: ImageU8) -> list[FloatArray]:
        """Landmarks of each face found, (478,3) float32 each: x, y in pixels, z in x's scale."""

    def find_everyone(self, image_rgb: ImageU8) -> tuple[list[FloatArray], list[Box]]:
        """Landmarks of each face that can be found, and a detector's boxes of these and other faces."""

    def close(self) -> None:
        """Gives its memory back; can be called twice."""


class FaceMesh:
    """MediaPipe's face mesh with iris, following faces from picture to picture.

    Pictures must come in order, from one thread. MediaPipe looks for further faces in each picture while it
    follows fewer than it may, which is a third of its work. So a lone face is followed by a mesh for one,
    and a look for others is taken at every tenth picture only: 3.5 ms a picture instead of 5.2.
    """

    def __init__(self, max_faces: int = 2, *, still: bool = False, min_confidence: float = 0.5) -> None:
        """Loads the models from the installed wheel.

        Args:
            max_faces: how many faces at most.
            still: detect anew in each picture (photographs) instead of following.
            min_confidence: of detection and of following, 0 to 1.
        """
        self._open: list[Any] = []
        self._lone: Any = None
        self._many: Any = None  # for `find_everyone`, with its detector
        self._confidence = min_confidence
        with _quiet():
            from mediapipe.python.solutions.face_detection import FaceDetection
            from mediapipe.python.solutions.face_mesh import FaceMesh as Mesh

            logging.getLogger("absl").setLevel(logging.ERROR)

            def mesh(faces: int) -> Any:
                return Mesh(
                    static_image_mode=still,
                    max_num_faces=faces,
                    refine_landmarks=True,
                    min_detection_confidence=min_confidence,
                    min_tracking_confidence=min_confidence,
                )

            self._mesh = mesh(max_faces)
            self._open.append(self._mesh)
            if max_faces > 1 and not still:
                self._lone = mesh(1)
                self._detector = FaceDetection(min_confidence, model_selection=0)
                self._open += [self._lone, self._detector]
            for each in self._open:
                each.process(np.zeros((64, 64, 3), np.uint8))  # builds the graph now, not at the first frame
        self._alone = self._lone is not None
        self._pictures = LOOK_EACH  # since the last look for others, or since there were any

    def find(self, image_rgb: ImageU8) -> list[FloatArray]:
        """Landmarks of each face found, (478,3) float32 each: x, y in pixels, z in x's scale."""
        check_image("FaceMesh.find", image_rgb)
        if not self._open:
            raise ValueError("FaceMesh.find: expected an open landmarker, got a closed one")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # protobuf deprecations inside mediapipe, at every call
            self._pictures += 1
            if self._alone:
                faces = _landmarks(self._lone, image_rgb)
                if not faces or self._pictures <= LOOK_EACH:
                    return faces
                self._pictures = 0
                self._alone = not self._sees_another(image_rgb, faces[0])
                if self._alone:
                    return faces
            faces = _landmarks(self._mesh, image_rgb)
            if len(faces) > 1:
                self._pictures = 0
            self._alone = self._lone is not None and self._pictures > LOOK_EACH
            return faces

    def find_everyone(self, image_rgb: ImageU8) -> tuple[list[FloatArray], list[Box]]:
        """Landmarks of up to eight faces, looked for in every picture, and boxes of all that look like one.

        The first call loads a second set of models, which takes about 0.1 s.
        """
        check_image("FaceMesh.find_everyone", image_rgb)
        if not self._open:
            raise ValueError("FaceMesh.find_everyone: expected an open landmarker, got a closed one")
        if self._many is None:
            self._many = self._load_many()
        mesh, detector = self._many
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            faces = _landmarks(mesh, image_rgb)
            detections = detector.process(image_rgb).detections or ()
        self._pictures = LOOK_EACH  # a later `find` looks for others at once
        return faces, [_box(each, image_rgb) for each in detections]

    def _load_many(self) -> tuple[Any, Any]:
        with _quiet():
            from mediapipe.python.solutions.face_detection import FaceDetection
            from mediapipe.python.solutions.face_mesh import FaceMesh as Mesh

            mesh = Mesh(
                max_num_faces=MOST_FACES,
                refine_landmarks=True,
                min_detection_confidence=self._confidence,
                min_tracking_confidence=self._confidence,
            )
            detector = FaceDetection(LEAST_CONFIDENCE, model_selection=1)
            self._open += [mesh, detector]
            for each in (mesh, detector):
                each.process(np.zeros((64, 64, 3), np.uint8))
        return mesh, detector

    def _sees_another(self, image_rgb: ImageU8, face: FloatArray) -> bool:
        """True when a face is detected whose middle is outside the one that is followed."""
        detections = self._detector.process(image_rgb).detections or ()
        return any(not is_on(_box(each, image_rgb), face) for each in detections)

    def close(self) -> None:
        """Gives its memory back; can be called twice."""
        while self._open:
            self._open.pop().close()

    def __enter__(self) -> FaceMesh:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
