"""Privacy pictures: what is hidden leaves no trace, whatever the source shows there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.capture.file import FileSource
from realtime.clock import to_ns
from realtime.picture.compose import Painter
from realtime.picture.head import box_area, box_outline, head_outline
from realtime.picture.privacy import OWN, fits
from realtime.values import Face, Frame, Guard, Hidden, ImageU8, Observation
from realtime.view import View
from realtime.vision.landmarks import FaceMesh
from realtime.vision.stage import VisionStage
from tests.faces import GOOD, a_face, face_landmarks
from tests.test_picture import a_prediction

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"
ALL_KNOWN = Guard((), (), 0, 0, only_chosen=False)
CHOSEN_KNOWN = replace(ALL_KNOWN, only_chosen=True)


def noise(seed: int) -> ImageU8:
    return np.random.default_rng(seed).integers(0, 256, (480, 640, 3), dtype=np.uint8)


def paint(
    image: ImageU8, view: View, guard: Guard | None, faces: tuple[Face, ...] = (), live: bool = True
) -> ImageU8:
    painter = Painter(expressions=False)
    picture = painter.paint(Frame(5, 0, image), Observation(5, 0, faces, guard=guard), live=live, view=view)
    return picture.image_rgb


def inside(outlines: list[np.ndarray]) -> np.ndarray:  # type: ignore[type-arg]
    mask = np.zeros((480, 640), np.uint8)
    for outline in outlines:
        cv2.fillConvexPoly(mask, outline, (255,))
    return mask > 0


MESH, ONLY, BLUR = View(picture="mesh"), View(picture="mesh-only"), View(bystanders="blur")


@pytest.mark.parametrize(
    ("view", "guard", "faces"),
    [
        (MESH, None, (a_face(),)),  # nobody looked for everybody
        (MESH, ALL_KNOWN, ()),  # nobody found
        (MESH, replace(ALL_KNOWN, missing=1), (a_face(),)),  # one was there a moment ago
        (ONLY, ALL_KNOWN, (a_face(),)),
        (ONLY, None, ()),
        (BLUR, None, (a_face(),)),
        (BLUR, ALL_KNOWN, (a_face(),)),  # bystanders may be among the faces
        (View(picture="mesh", bystanders="blur"), ALL_KNOWN, (a_face(),)),
    ],
)
def test_where_a_face_may_be_anywhere_nothing_of_the_source_is_shown(
    view: View, guard: Guard | None, faces: tuple[Face, ...]
) -> None:
    np.testing.assert_array_equal(paint(noise(1), view, guard, faces), paint(noise(2), view, guard, faces))


@pytest.mark.parametrize("view", [MESH, ONLY, BLUR])
def test_an_old_frame_is_never_shown(view: View) -> None:
    shown = [paint(noise(seed), view, CHOSEN_KNOWN, (a_face(),), live=False) for seed in (1, 2)]
    np.testing.assert_array_equal(shown[0], shown[1])


@pytest.mark.parametrize("view", [MESH, ONLY, BLUR])
def test_the_observation_of_another_frame_opens_nothing(view: View) -> None:
    shown = []
    for seed in (1, 2):
        observation = Observation(4, 0, (a_face(),), guard=CHOSEN_KNOWN)
        painter = Painter(expressions=False)
        shown.append(painter.paint(Frame(5, 0, noise(seed)), observation, view=view).image_rgb)
    np.testing.assert_array_equal(shown[0], shown[1])


@pytest.mark.parametrize("mirror", [False, True])
def test_a_mesh_takes_the_place_of_the_head_and_the_background_remains(mirror: bool) -> None:
    face = a_face()
    view = replace(MESH, mirror=mirror, box=False)
    hidden = Guard((Hidden(2, (40.0, 300.0, 100.0, 380.0)),), ((200.0, 100.0, 460.0, 360.0),), 0, 0, False)
    outlines = [head_outline(face.landmarks), box_outline(hidden.hidden[0].box_xyxy)]
    covered = inside([*outlines, box_outline(hidden.boxes[0], OWN)])
    covered = covered[:, ::-1] if mirror else covered
    one, other = noise(1), noise(2)
    shown = [paint(each, view, hidden, (face,)) for each in (one, other)]
    np.testing.assert_array_equal(shown[0][covered], shown[1][covered])
    source = one[:, ::-1] if mirror else one
    far = cv2.dilate(covered.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    np.testing.assert_array_equal(shown[0][far], source[far])
    assert far.mean() > 0.3


def test_a_bystander_is_unrecognisable_and_the_chosen_face_is_untouched() -> None:
    box = (60.0, 80.0, 180.0, 220.0)
    guard = Guard((Hidden(2, box),), (), 0, 0, only_chosen=True)
    chosen = Face(1, (400.0, 140.0, 560.0, 340.0), face_landmarks(x=480), GOOD)
    source = noise(1)
    shown = paint(source, replace(BLUR, box=False), guard, (chosen,))
    x0, y0, x1, y1 = box_area(box)
    region = shown[max(0, y0) : y1, max(0, x0) : x1]
    # what remains has no detail finer than a cell: it is as good as its own small copy
    small = cv2.resize(region, (6, 6), interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (region.shape[1], region.shape[0]), interpolation=cv2.INTER_CUBIC)
    assert np.abs(large.astype(int) - region).mean() < 8
    assert len(np.unique(small)) <= 80
    kept = inside([head_outline(chosen.landmarks)])
    kept[:, :x1] = False
    np.testing.assert_array_equal(shown[kept], source[kept])


def test_while_a_bystander_is_out_of_sight_only_the_chosen_head_is_sharp() -> None:
    guard = replace(CHOSEN_KNOWN, missing=1, missing_hidden=1)
    face = a_face()
    source = noise(1)
    shown = paint(source, replace(BLUR, box=False), guard, (face,))
    head = inside([head_outline(face.landmarks)])
    np.testing.assert_array_equal(shown[head], source[head])
    outside = ~cv2.dilate(head.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    equal = (np.abs(shown.astype(int) - source) <= 2).all(axis=2)
    assert equal[outside].mean() < 0.001


def test_the_chosen_one_may_go_out_of_sight() -> None:
    guard = replace(CHOSEN_KNOWN, missing=1)
    np.testing.assert_array_equal(paint(noise(1), BLUR, guard), noise(1))


def test_the_strip_shows_meshes_instead_of_crops() -> None:
    strips = []
    for seed in (1, 2):
        crops = np.random.default_rng(seed).integers(0, 256, (16, 64, 64, 3), dtype=np.uint8)
        meshes = np.repeat(face_landmarks()[None], 16, axis=0)
        painter = Painter()
        painter.note(replace(a_prediction(), thumbnails=crops, meshes=meshes))
        observation = Observation(5, 0, (a_face(),), guard=ALL_KNOWN)
        strips.append(painter.paint(Frame(5, 0, noise(0)), observation, view=MESH).image_rgb[480:])
        plain = Painter()
        plain.note(replace(a_prediction(), thumbnails=crops))
        bare = plain.paint(Frame(5, 0, noise(0)), observation, view=ONLY).image_rgb[480:]
        strips.append(bare)
    np.testing.assert_array_equal(strips[0], strips[2])
    np.testing.assert_array_equal(strips[1], strips[3])
    assert (strips[0] != strips[1]).any(), "meshes where the landmarks are known"


def test_only_a_search_for_everybody_fits_a_guarded_view() -> None:
    nothing = Observation(1, 0, ())
    assert fits(View(), None)
    assert not fits(MESH, None)
    assert not fits(MESH, nothing)
    assert fits(MESH, replace(nothing, guard=ALL_KNOWN))
    assert not fits(BLUR, replace(nothing, guard=ALL_KNOWN))
    assert fits(BLUR, replace(nothing, guard=CHOSEN_KNOWN))


# --- with the real landmarker: the demo's actor, and the same face thrown about -----------------------


def demo(first: int, each: int, count: int) -> Iterator[ImageU8]:
    source, taken = FileSource(DEMO, live=False), 0
    number = 0
    while taken < count and isinstance(reading := source.read(), tuple):
        if number >= first and (number - first) % each == 0:
            taken += 1
            yield reading[0]
        number += 1
    source.close()


def thrown_about(pixels: int, count: int) -> Iterator[ImageU8]:
    """The actor at half size, moved by so many pixels from frame to frame over a plain ground."""
    x, y, dx, dy = 0, 0, pixels, round(0.37 * pixels)
    for image in demo(0, 2, count):
        canvas = np.full((480, 640, 3), 128, np.uint8)
        x, y = x + dx, y + dy
        if not 0 <= x <= 320:
            dx, x = -dx, min(max(x, 0), 320)
        if not 0 <= y <= 240:
            dy, y = -dy, min(max(y, 0), 240)
        canvas[y : y + 240, x : x + 320] = cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA)
        yield canvas


def share_left(source: ImageU8, shown: ImageU8, face: np.ndarray) -> float:  # type: ignore[type-arg]
    """The share of a face's pixels that lie in a 5x5 patch which is the source's."""
    hull = cv2.convexHull(np.round(face[:, :2]).astype(np.int32).reshape(-1, 1, 2)).reshape(-1, 2)
    on_face = inside([hull])
    same = (np.abs(source.astype(int) - shown[:480]) <= 3).all(axis=2).astype(np.uint8)
    patch = cv2.erode(same, np.ones((5, 5), np.uint8)) > 0
    return float((patch & on_face).sum() / on_face.sum())


def check_no_face_is_left(frames: Iterator[ImageU8], view: View) -> tuple[int, int]:
    """Frames looked at, and those whose background was shown."""
    looked = opened = 0
    with FaceMesh(2) as landmarker, FaceMesh(1, still=True) as truth:
        stage = VisionStage(landmarker, 2, None, lambda: view)
        painter = Painter(expressions=False)
        for seq, image in enumerate(frames):
            frame = Frame(seq, to_ns(seq / 30), image)
            shown = painter.paint(frame, stage.process(frame), view=view).image_rgb
            faces = truth.find(image)
            if faces:
                looked += 1
                assert share_left(image, shown, faces[0]) == 0, f"frame {seq}"
                opened += bool((shown[:480] == image).all(axis=2).mean() > 0.2)
    return looked, opened


def test_no_pixel_of_the_actors_face_is_left() -> None:
    looked, opened = check_no_face_is_left(demo(0, 15, 24), MESH)
    assert looked == 24
    assert opened == 24, "and the background is shown all the time"


@pytest.mark.parametrize("pixels", [30, 90])
def test_no_pixel_is_left_of_a_face_thrown_about(pixels: int) -> None:
    looked, opened = check_no_face_is_left(thrown_about(pixels, 30), MESH)
    assert looked >= 25
    assert opened > 5


def test_the_leak_is_told_where_there_is_one() -> None:
    """The measure itself: a raw picture is told, and so is one whose cover came a moment too late."""
    image = next(demo(60, 1, 1))
    with FaceMesh(1, still=True) as truth:
        face = truth.find(image)[0]
    assert share_left(image, image, face) == 1
    late = image.copy()
    cv2.fillConvexPoly(late, head_outline(face + np.array([170, 0, 0], np.float32)), (24, 28, 36))
    assert 0.2 < share_left(image, late, face) < 1


@pytest.mark.nightly
@pytest.mark.parametrize("pixels", [0, 10, 20, 30, 40, 60, 120])
def test_no_pixel_is_left_in_the_whole_clip(pixels: int) -> None:
    frames = thrown_about(pixels, 300) if pixels else demo(0, 1, 1140)
    looked, _ = check_no_face_is_left(frames, MESH)
    assert looked >= 280
