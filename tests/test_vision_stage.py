from __future__ import annotations

import numpy as np

from realtime.clock import to_ns
from realtime.values import FloatArray, Frame, ImageU8
from realtime.vision.landmarks import Box
from realtime.vision.ring import CropRing
from realtime.vision.stage import VisionStage
from tests.faces import face_landmarks


class ScriptedLandmarker:
    """Finds the faces that a test has put where it wants them."""

    def __init__(self) -> None:
        self.faces: list[FloatArray] = []
        self.boxes: list[Box] = []

    def find(self, image_rgb: ImageU8) -> list[FloatArray]:
        return self.faces

    def find_everyone(self, image_rgb: ImageU8) -> tuple[list[FloatArray], list[Box]]:
        return self.faces, self.boxes

    def close(self) -> None:
        self.faces = []


def make_stage() -> tuple[VisionStage, ScriptedLandmarker]:
    landmarker = ScriptedLandmarker()
    stage = VisionStage(landmarker, 2, lambda face_id: CropRing(face_id, frames=16, span_s=1.0, gap_s=0.3))
    return stage, landmarker


def frame(number: int) -> Frame:
    return Frame(number, to_ns(number / 30), np.full((480, 640, 3), 100, np.uint8))


def test_a_face_gets_an_id_a_box_a_ring_and_windows() -> None:
    stage, landmarker = make_stage()
    landmarker.faces = [face_landmarks(x=300, y=200, size=200)]
    observations = [stage.process(frame(number)) for number in range(40)]
    assert observations[0].found == (1,)
    assert all(each.faces[0].face_id == 1 for each in observations)
    x0, y0, x1, y1 = observations[-1].faces[0].box_xyxy
    assert x0 < 300 < x1
    assert y0 < 200 < y1
    assert (x1 - x0, y1 - y0) == (184.0, 224.0)
    window = stage.rings[0].window()
    assert window is not None
    assert window.seq >= 38


def test_a_lost_face_takes_its_ring_along() -> None:
    stage, landmarker = make_stage()
    landmarker.faces = [face_landmarks()]
    stage.process(frame(0))
    landmarker.faces = []
    lost = [stage.process(frame(number)).lost for number in range(1, 30)]
    assert [each for each in lost if each] == [(1,)]
    assert stage.rings == ()


def test_forget_gives_up_all_faces() -> None:
    stage, landmarker = make_stage()
    landmarker.faces = [face_landmarks(x=160, size=150), face_landmarks(x=480, size=150)]
    stage.process(frame(0))
    assert stage.forget() == (1, 2)
    assert stage.rings == ()
    assert stage.process(frame(1)).found == (3, 4)


def test_boxes_are_clipped_to_the_picture() -> None:
    stage, landmarker = make_stage()
    landmarker.faces = [face_landmarks(x=10, y=470)]
    box = stage.process(frame(0)).faces[0].box_xyxy
    assert box[0] == 0
    assert box[3] == 480
