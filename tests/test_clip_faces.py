from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from models.training.clip_faces import AlignedClip, FaceSearcher, Frames, Sighting, align_clip, as_is, square
from models.training.clip_media import MediaFrame
from realtime.values import CROP_SIDE, FloatArray
from realtime.vision.align import align_still, five_points
from tests.faces import face_landmarks
from tests.tiny_datasets import clip_frames

HEIGHT, WIDTH = 240, 320


def frames(count: int = 8, pictures: npt.NDArray[np.uint8] | None = None) -> Frames:
    if pictures is None:
        coarse = np.random.default_rng(0).integers(0, 256, (count, HEIGHT // 8, WIDTH // 8, 3), np.uint8)
        pictures = np.kron(coarse, np.ones((1, 8, 8, 1), np.uint8))
    return lambda: (MediaFrame(each, number / 25) for number, each in enumerate(pictures))


def face(x: float = 160, size: float = 120) -> FloatArray:
    return face_landmarks(x, 120, size)


class FakeSearcher:
    """Gives the faces it was told, per frame, when following and when searching."""

    def __init__(self, following: list[Sighting], searching: list[Sighting] | None = None) -> None:
        self._following, self._searching = following, searching
        self.searched = False

    def follow(self, frames: Iterator[MediaFrame]) -> Iterator[Sighting]:
        for number, _ in enumerate(frames):
            yield self._following[number]

    def search(self, frames: Iterator[MediaFrame]) -> Iterator[Sighting]:
        self.searched = True
        for number, _ in enumerate(frames):
            yield [] if self._searching is None else self._searching[number]


def first_crop(landmarks: FloatArray, number: int = 0) -> npt.NDArray[np.uint8]:
    return align_still(list(frames()())[number].image, landmarks)


def test_a_steady_face_is_cut_as_the_live_path_cuts_it() -> None:
    clip = align_clip(frames(), FakeSearcher([[face()]] * 8))
    assert clip.pictures.shape == (8, CROP_SIDE, CROP_SIDE, 3)
    assert clip.found.all()
    np.testing.assert_allclose(clip.times_s, np.arange(8) / 25)
    for number in (0, 7):
        np.testing.assert_array_equal(clip.pictures[number], first_crop(face(), number))


def test_where_the_face_is_not_found_the_crop_stays() -> None:
    seen: list[Sighting] = [[], [face()], [face()], [face()], [], [], [face()], [face()]]
    searcher = FakeSearcher(seen)
    clip = align_clip(frames(), searcher)
    assert clip.found.tolist() == [bool(each) for each in seen]
    for number in (0, 4, 5):
        np.testing.assert_array_equal(clip.pictures[number], first_crop(face(), number))
    assert not searcher.searched


def test_the_face_that_is_largest_over_the_clip_is_taken() -> None:
    seen = [[face(60, 60), face(220, 100)] for _ in range(7)] + [[face(60, 60)]]
    clip = align_clip(frames(), FakeSearcher(seen))
    assert clip.found.tolist() == [True] * 7 + [False]
    np.testing.assert_array_equal(clip.pictures[3], first_crop(face(220, 100), 3))


def test_a_face_that_is_hard_to_follow_is_searched_in_each_frame() -> None:
    few: list[Sighting] = [[face()]] * 2 + [[]] * 6
    searcher = FakeSearcher(few, [[face()]] * 7 + [[]])
    clip = align_clip(frames(), searcher)
    assert searcher.searched
    assert clip.found.tolist() == [True] * 7 + [False]
    assert align_clip(frames(), FakeSearcher(few, [[]] * 8)).found.sum() == 2  # the better of the two


def test_a_clip_without_a_face_is_the_middle_of_the_picture() -> None:
    clip = align_clip(frames(), FakeSearcher([[]] * 8), side=HEIGHT)
    assert not clip.found.any()
    np.testing.assert_array_equal(clip.pictures[2], square(list(frames()())[2].image))


def test_aligned_pictures_are_taken_as_they_are() -> None:
    pictures = clip_frames("happy", 0, 4, 64)
    np.testing.assert_array_equal(as_is(frames(4, pictures), 64).pictures, pictures)
    small = as_is(frames(), 48)
    assert small.pictures.shape == (8, 48, 48, 3)
    assert small.found.all()


@pytest.fixture(scope="module")
def aligned() -> tuple[AlignedClip, AlignedClip, AlignedClip]:
    """One clip, another, and the first again, by one searcher."""
    searcher = FaceSearcher()
    clips = [clip_frames(label, 3, 6) for label in ("happy", "surprise", "happy")]
    first, second, again = (align_clip(frames(6, each), searcher) for each in clips)
    return first, second, again


def test_real_faces_are_found_and_held_in_place(
    aligned: tuple[AlignedClip, AlignedClip, AlignedClip],
) -> None:
    searcher = FaceSearcher()
    for clip in aligned:
        assert clip.found.all()
        faces = [each[0] for each in searcher.follow(frames(6, clip.pictures)())]
        eyes = np.stack([five_points(each)[:2] for each in faces])
        turn = np.degrees(np.arctan2(*(eyes[:, 1] - eyes[:, 0])[:, ::-1].T))
        assert np.abs(turn).max() < 3  # up to 6 degrees before
        assert np.abs(eyes.mean((0, 1)) / CROP_SIDE - (0.5, 0.41)).max() < 0.03


def test_a_clip_is_cut_the_same_whatever_came_before(
    aligned: tuple[AlignedClip, AlignedClip, AlignedClip],
) -> None:
    first, _, again = aligned
    assert np.abs(first.pictures.astype(int) - again.pictures).mean() < 1
    steps = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(first.pictures)]
    assert max(steps) > 1  # while the clip itself moves
