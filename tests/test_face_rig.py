"""Landmarks move as the muscles and the head say."""

from __future__ import annotations

import av
import numpy as np
import pytest

from assets.demo.make_demo import FOLDER
from realtime.vision import face_rig
from realtime.vision.face_rig import MESH_COUNT, Expression, FaceFrame, Float, HeadPose
from realtime.vision.landmarks import FaceMesh


@pytest.fixture(scope="module")
def landmarks() -> Float:
    """Landmarks of the demo's neutral face."""
    with av.open(str(FOLDER / "demo.mp4")) as container, FaceMesh(1, still=True) as mesh:
        return mesh.find(next(container.decode(video=0)).to_ndarray(format="rgb24"))[0].astype(float)


@pytest.fixture(scope="module")
def face(landmarks: Float) -> Float:
    return FaceFrame(landmarks).from_picture(landmarks[:MESH_COUNT])


def test_the_frame_goes_there_and_back(landmarks: Float) -> None:
    frame = FaceFrame(landmarks)
    np.testing.assert_allclose(frame.to_picture(frame.from_picture(landmarks)), landmarks, atol=1e-9)
    ears = frame.from_picture(landmarks[[face_rig.EAR_RIGHT, face_rig.EAR_LEFT]])
    np.testing.assert_allclose(ears[:, :2], [[-0.5, 0], [0.5, 0]], atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "text"), [((68, 3), r"expected \(468,3\)"), ((478, 3), "expected a face at least 1 px")]
)
def test_landmarks_that_are_none_are_refused(shape: tuple[int, int], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        FaceFrame(np.zeros(shape))


def test_no_expression_moves_nothing(face: Float) -> None:
    np.testing.assert_array_equal(face_rig.move_expression(face, Expression()), face)


@pytest.mark.parametrize("gap", [0.0, 0.1, 0.3])
def test_the_lips_open_as_far_as_asked(face: Float, gap: float) -> None:
    assert face_rig.lip_gap(face_rig.move_expression(face, Expression(mouth_gap=gap))) == pytest.approx(
        gap, abs=0.01
    )


def test_opening_takes_the_chin_along_and_leaves_the_skull(face: Float) -> None:
    change = face_rig.move_expression(face, Expression(mouth_gap=0.3)) - face
    assert change[face_rig.CHIN, 1] > 0.2
    for fixed in (face_rig.EAR_LEFT, face_rig.EAR_RIGHT, face_rig.FOREHEAD, 33, 263, 1):
        assert abs(change[fixed]).max() < 0.01


def test_closed_lids_meet(face: Float) -> None:
    closed = face_rig.move_expression(face, Expression(eye_closure=1))
    for upper, lower in ((159, 145), (386, 374)):
        assert face[lower, 1] - face[upper, 1] > 0.03
        assert closed[lower, 1] - closed[upper, 1] == pytest.approx(0, abs=0.004)
    # mostly the upper lid travels
    assert closed[159, 1] - face[159, 1] > 3 * (face[145, 1] - closed[145, 1])


def test_corners_and_brows_move_the_way_they_are_called(face: Float) -> None:
    smile = face_rig.move_expression(face, Expression(corner_out=0.05, corner_up=0.03)) - face
    assert smile[61, 0] < -0.04 < 0.04 < smile[291, 0]
    assert smile[[61, 291], 1].max() < -0.02
    raised = face_rig.move_expression(face, Expression(brow_raise=0.08)) - face
    assert raised[[105, 334], 1].max() < -0.05
    frown = face_rig.move_expression(face, Expression(brow_frown=0.05)) - face
    assert frown[107, 0] > 0.02 > -0.02 > frown[336, 0]
    assert frown[[107, 336], 1].min() > 0.03


@pytest.mark.parametrize(
    ("pose", "axis", "sign"),
    [
        (HeadPose(yaw_deg=20), 0, 1),  # to the person's left, which is the picture's right
        (HeadPose(yaw_deg=-20), 0, -1),
        (HeadPose(pitch_deg=20), 1, -1),  # up
        (HeadPose(shift_xy=(0.0, 0.2)), 1, 1),
    ],
)
def test_the_nose_goes_where_the_head_turns(face: Float, pose: HeadPose, axis: int, sign: int) -> None:
    turned = face_rig.turn_head(face, np.ones(MESH_COUNT), pose)
    assert sign * (turned[1, axis] - face[1, axis]) > 0.1


def test_a_turn_is_rigid_and_weightless_points_stay(face: Float) -> None:
    pose = HeadPose(20, -10, 15, (0.1, 0.0))
    turned = face_rig.turn_head(face, np.ones(MESH_COUNT), pose)
    before = np.linalg.norm(face[:100, None] - face[None, :100], axis=2)
    np.testing.assert_allclose(
        np.linalg.norm(turned[:100, None] - turned[None, :100], axis=2), before, atol=1e-9
    )
    np.testing.assert_array_equal(face_rig.turn_head(face, np.zeros(MESH_COUNT), pose), face)


def test_rolling_clockwise_lowers_the_persons_left_ear(face: Float) -> None:
    turned = face_rig.turn_head(face, np.ones(MESH_COUNT), HeadPose(roll_deg=10))
    assert turned[face_rig.EAR_LEFT, 1] > 0.05 > -0.05 > turned[face_rig.EAR_RIGHT, 1]
