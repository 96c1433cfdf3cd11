"""The small frozen values that cross threads. Each checks itself and says expected and got.

All times are monotonic nanoseconds (`realtime.clock.now_ns`), or nanoseconds from the start of a file
when it is processed offline. All pictures are RGB unless the name says otherwise, and read-only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

ImageU8 = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

CROP_SIDE = 224
LANDMARK_COUNT = 478


def check_image(name: str, image: ImageU8) -> None:
    """Raises ValueError unless `image` is a (H,W,3) uint8 array that is not empty."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"{name}: expected a non-empty (H,W,3) uint8 array, got {image.shape} {image.dtype}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture from a source.

    Attributes:
        seq: number of the frame within its stream, rising by one for each captured frame.
        t_ns: when the frame existed in this process (live) or its time in the file (offline).
        image_rgb: (H,W,3) uint8, made read-only here so that a painter that forgets to copy fails at once.
    """

    seq: int
    t_ns: int
    image_rgb: ImageU8

    def __post_init__(self) -> None:
        check_image("Frame.image_rgb", self.image_rgb)
        self.image_rgb.flags.writeable = False

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image_rgb.shape[1], self.image_rgb.shape[0]


@dataclass(frozen=True, slots=True)
class Quality:
    """How usable a face picture is.

    Attributes:
        size_px: distance between the eyes' outer corners scaled to a face width, in pixels of the frame.
        yaw_deg: head turn; positive when the person turns to their own left (the picture's right).
        pitch_deg: positive when the person looks up.
        roll_deg: positive when the head tilts clockwise in the picture.
        sharpness: variance of the Laplacian of the grey crop; low is blurred.
        brightness: mean grey value of the crop, 0 to 1.
        hints: what to change, in fixed words: "come closer", "turn to the camera", "too dark",
            "too bright", "blurred". Empty when the picture is good.
        eye_light: mean grey value around the eyes over that of the cheeks; low where the eyes are covered.
    """

    size_px: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sharpness: float
    brightness: float
    hints: tuple[str, ...] = ()
    eye_light: float = 1.0

    @property
    def ok(self) -> bool:
        """True when there is nothing to complain about."""
        return not self.hints


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One tracked face in one frame.

    Attributes:
        face_id: stable while the face stays in view, never reused within a stream.
        box_xyxy: left, top, right, bottom in pixels, clipped to the frame.
        landmarks: (478,3) float32; x, y in pixels, z in pixels of x's scale, smaller is nearer.
        quality: see Quality.
    """

    face_id: int
    box_xyxy: tuple[float, float, float, float]
    landmarks: FloatArray
    quality: Quality

    def __post_init__(self) -> None:
        if self.landmarks.shape != (LANDMARK_COUNT, 3):
            raise ValueError(f"Face.landmarks: expected ({LANDMARK_COUNT}, 3), got {self.landmarks.shape}")


@dataclass(frozen=True, slots=True)
class Hidden:
    """A face that was found and is not read; nothing else is known of it.

    Attributes:
        face_id: as in Face; None where the face was seen but is not followed.
        box_xyxy: left, top, right, bottom of the face in pixels, not clipped to the frame.
    """

    face_id: int | None
    box_xyxy: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Guard:
    """What a privacy picture needs to know of a frame in which every face was looked for.

    Attributes:
        hidden: the faces that were found and are not read.
        boxes: where a second look found the faces that are read: in a fast movement their landmarks may
            lag behind.
        missing: how many faces that were there a moment ago were not found in this frame, so that they
            may be anywhere.
        missing_hidden: how many of the ones that are not read.
        only_chosen: whether at most one face, the chosen one, is read.
    """

    hidden: tuple[Hidden, ...]
    boxes: tuple[tuple[float, float, float, float], ...]
    missing: int
    missing_hidden: int
    only_chosen: bool


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What vision found in one frame.

    Attributes:
        seq, t_ns: those of the frame.
        faces: found faces, in the order of their ids.
        lost: ids of faces that were given up at this frame.
        found: ids of faces seen for the first time in this frame.
        cost_ms: time that vision spent on the frame.
        guard: what privacy pictures need; None where not every face was looked for.
    """

    seq: int
    t_ns: int
    faces: tuple[Face, ...]
    found: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()
    cost_ms: float = 0.0
    guard: Guard | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the model says of one window of one face.

    Attributes:
        face_id: the face.
        seq: the frame that completed the window.
        t_ns: the time of the window's newest crop.
        window_ns: times of the window's oldest and newest crop.
        labels: class names in the order of `probabilities`.
        probabilities: (K,) smoothed, sum 1.
        label: the label shown: a class name or "unsure".
        confidence: smoothed probability of the strongest class, 0 to 1.
        intensity: 0 to 1; see the README for its definition.
        static_index, dynamic_index: (T'/2,) positions in the window, 0 to T-1, where ISSM samples the
            static and the dynamic group (arXiv 2412.13168), T' being the model's own number of time
            steps; None for a model without ISSM.
        thumbnails: (T,h,w,3) uint8, the window's crops at strip size, oldest first.
        cost_ms: the model's time for this window's batch.
        trained: False while the weights are random.
        face: the face at the window's newest crop.
        calibrated: the person's own rest was taken into account.
        taught: a head taught on the person's own expressions was used.
        meshes: (T,478,3) float32, the landmarks of each of the window's crops, oldest first; None where
            they are not known.
    """

    face_id: int
    seq: int
    t_ns: int
    window_ns: tuple[int, int]
    labels: tuple[str, ...]
    probabilities: FloatArray
    label: str
    confidence: float
    intensity: float
    static_index: FloatArray | None
    dynamic_index: FloatArray | None
    thumbnails: ImageU8
    cost_ms: float
    trained: bool
    face: Face
    calibrated: bool = False
    taught: bool = False
    meshes: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.probabilities.shape != (len(self.labels),):
            raise ValueError(
                f"Prediction.probabilities: expected ({len(self.labels)},), got {self.probabilities.shape}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One finished picture for the encoders.

    Attributes:
        seq, t_ns: those of the frame it shows.
        yuv420p: (H*3/2, W) uint8, planar I420 as cv2.COLOR_RGB2YUV_I420 gives it, full frame, BT.601
            limited range; W and H are even.
        image_rgb: the painted RGB picture it was made from.
    """

    seq: int
    t_ns: int
    yuv420p: ImageU8
    image_rgb: ImageU8 = field(repr=False)

    def __post_init__(self) -> None:
        rows, width = self.yuv420p.shape
        if rows % 3 or width % 2:
            raise ValueError(f"Picture.yuv420p: expected (H*3/2, W) with even H and W, got {(rows, width)}")

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.yuv420p.shape[1], self.yuv420p.shape[0] * 2 // 3
