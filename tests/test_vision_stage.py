from __future__ import annotations

import numpy as np
import pytest

from realtime.clock import to_ns
from realtime.values import FloatArray, Frame, ImageU8
from realtime.view import View
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


def make_stage(view: View | None = None) -> tuple[VisionStage, ScriptedLandmarker]:
    landmarker = ScriptedLandmarker()
    stage = VisionStage(
        landmarker,
        2,
        lambda face_id: CropRing(face_id, frames=16, span_s=1.0, gap_s=0.3),
        lambda: view or View(),
    )
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


THREE = [
    face_landmarks(x=100, y=240, size=120),
    face_landmarks(x=320, y=240, size=160),
    face_landmarks(x=540, y=240, size=100),
]


def test_bystanders_get_no_crop_no_quality_and_no_event() -> None:
    stage, landmarker = make_stage(View(bystanders="blur"))
    landmarker.faces = THREE
    observations = [stage.process(frame(number)) for number in range(20)]
    assert [each.face_id for each in observations[-1].faces] == [1], "the largest"
    assert [each.found for each in observations if each.found] == [(1,)]
    assert [ring.face_id for ring in stage.rings] == [1]
    guard = observations[-1].guard
    assert guard is not None
    assert guard.only_chosen
    assert [each.face_id for each in guard.hidden] == [2, 3]
    assert guard.hidden[0].box_xyxy == pytest.approx((52.0, 180.0, 148.0, 300.0), abs=0.1)
    landmarker.faces = THREE[1:]
    later = [stage.process(frame(number)) for number in range(20, 60)]
    assert [each.lost for each in later if each.lost] == [], "who comes and goes is nobody's business"
    assert later[0].guard is not None
    assert (later[0].guard.missing, later[0].guard.missing_hidden) == (1, 1)


def test_the_chosen_face_can_be_picked() -> None:
    stage, landmarker = make_stage(View(bystanders="blur", chosen=3))
    landmarker.faces = THREE
    observation = stage.process(frame(0))
    assert [each.face_id for each in observation.faces] == [3]
    assert [ring.face_id for ring in stage.rings] == [3]


def test_a_guarded_picture_knows_of_more_faces_than_are_read_and_of_those_without_landmarks() -> None:
    stage, landmarker = make_stage(View(picture="mesh"))
    landmarker.faces = THREE
    landmarker.boxes = [(300.0, 200.0, 340.0, 280.0), (0.0, 0.0, 50.0, 60.0)]
    observation = stage.process(frame(0))
    assert [each.face_id for each in observation.faces] == [1, 2]
    guard = observation.guard
    assert guard is not None
    assert [each.face_id for each in guard.hidden] == [3, None]
    assert guard.hidden[1].box_xyxy == (0.0, 0.0, 50.0, 60.0)
    assert guard.boxes == ((300.0, 200.0, 340.0, 280.0),)
    assert not guard.only_chosen


def test_an_open_picture_does_not_look_for_everybody() -> None:
    stage, landmarker = make_stage()
    landmarker.faces = THREE
    observation = stage.process(frame(0))
    assert observation.guard is None
    assert [each.face_id for each in observation.faces] == [1, 2]


def test_without_expressions_no_crop_is_kept_and_faces_are_followed_all_the_same() -> None:
    views = [View()]
    stage, landmarker = make_stage()
    stage._view = lambda: views[-1]
    landmarker.faces = THREE[:1]
    stage.process(frame(0))
    assert [each.face_id for each in stage.rings] == [1]
    views.append(View(expressions=False))
    observation = stage.process(frame(1))
    assert list(stage.rings) == []
    assert observation.faces[0].quality.size_px > 0
    landmarker.faces = THREE
    assert stage.process(frame(2)).found == (2,)
    assert list(stage.rings) == []
