"""A still moved by its mesh is still that face, with what was asked for."""

from __future__ import annotations

import av
import numpy as np
import pytest

from assets.demo.make_demo import FOLDER
from realtime.values import FloatArray, ImageU8
from realtime.vision.face_rig import Expression, HeadPose
from realtime.vision.landmarks import FaceMesh
from realtime.vision.mesh_warp import FacePuppet
from realtime.vision.quality import head_angles_deg

STILL = Expression()


@pytest.fixture(scope="module")
def still() -> ImageU8:
    """The demo's neutral face."""
    with av.open(str(FOLDER / "demo.mp4")) as container:
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)


@pytest.fixture(scope="module")
def puppet(still: ImageU8) -> FacePuppet:
    return FacePuppet(still, find(still))


def find(image: ImageU8) -> FloatArray:
    with FaceMesh(1, still=True) as mesh:
        return mesh.find(image)[0]


def test_without_movement_it_is_the_still(puppet: FacePuppet, still: ImageU8) -> None:
    same = puppet.render(STILL, HeadPose())
    assert same.shape == still.shape
    assert same.dtype == np.uint8
    difference = np.abs(same.astype(int) - still)
    assert difference.mean() < 1.0
    assert np.percentile(difference, 99) < 12


def test_the_same_asked_twice_is_the_same(puppet: FacePuppet) -> None:
    asked = Expression(mouth_gap=0.2, eye_closure=0.5), HeadPose(10, 5, 3)
    np.testing.assert_array_equal(puppet.render(*asked), puppet.render(*asked))


def test_a_turn_is_measured_as_one(puppet: FacePuppet, still: ImageU8) -> None:
    at_rest = head_angles_deg(find(still))
    for pose, axis in ((HeadPose(yaw_deg=20), 0), (HeadPose(pitch_deg=-15), 1), (HeadPose(roll_deg=10), 2)):
        asked = (pose.yaw_deg, pose.pitch_deg, pose.roll_deg)[axis]
        turned = head_angles_deg(find(puppet.render(STILL, pose)))[axis] - at_rest[axis]
        assert 0.6 * abs(asked) < turned * np.sign(asked) < 1.6 * abs(asked)


def test_an_open_mouth_is_dark_inside_and_the_border_of_the_picture_stays(
    puppet: FacePuppet, still: ImageU8
) -> None:
    opened = puppet.render(Expression(mouth_gap=0.3), HeadPose(yaw_deg=10))
    seen = find(opened)
    (x, top), (_, bottom) = seen[13, :2], seen[14, :2]
    assert bottom - top > 30
    middle = opened[round(top + 0.6 * (bottom - top)), round(x) - 5 : round(x) + 5]
    assert middle.mean() < 80 < still[round(top), round(x) - 5 : round(x) + 5].mean()
    for edge in (np.s_[:3], np.s_[-3:], np.s_[:, :3], np.s_[:, -3:]):
        assert np.abs(opened[edge].astype(int) - still[edge]).mean() < 2


def test_closed_lids_are_skin_not_iris(puppet: FacePuppet, still: ImageU8) -> None:
    iris = find(still)[468, :2].round().astype(int)
    patch = np.s_[iris[1] - 3 : iris[1] + 1, iris[0] - 3 : iris[0] + 4]
    closed = puppet.render(Expression(eye_closure=1), HeadPose())
    assert closed[patch].mean() > still[patch].mean() + 30


def test_what_is_no_picture_or_no_face_is_refused(still: ImageU8) -> None:
    with pytest.raises(ValueError, match="still_rgb"):
        FacePuppet(still[..., 0], np.zeros((478, 3)))
    with pytest.raises(ValueError, match="landmarks"):
        FacePuppet(still, np.zeros((5, 3)))


def test_the_mouth_of_a_grey_photograph_is_grey(still: ImageU8) -> None:
    grey = np.repeat(still.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    opened = FacePuppet(grey, find(still)).render(Expression(mouth_gap=0.3), HeadPose())
    assert np.ptp(opened, axis=2).max() <= 2
