from __future__ import annotations

from dataclasses import replace

import numpy as np

from realtime.picture.compose import Painter
from realtime.picture.mirror import mirrored
from realtime.picture.overlay import FACE_COLOURS
from realtime.picture.split_strip import strip_height
from realtime.picture.text import text_mask
from realtime.values import Frame, Guard, Hidden, Observation
from realtime.view import View, ViewControl
from tests.faces import a_face
from tests.test_picture import a_prediction, has_colour

PLAIN = View(box=False, bars=False, strip=False)


def halves() -> Frame:
    image = np.full((480, 640, 3), 30, np.uint8)
    image[:, :320] = 200
    return Frame(5, 0, image)


def test_the_picture_is_flipped() -> None:
    shown = Painter().paint(halves(), None, view=replace(PLAIN, mirror=True)).image_rgb
    assert (shown[:, :320] == 30).all()
    assert (shown[:, 320:] == 200).all()


def test_text_is_not_flipped() -> None:
    notice = "untrained weights"
    painter = Painter()
    frame = Frame(5, 0, np.full((480, 640, 3), 90, np.uint8))
    plain, flipped = (
        painter.paint(frame, None, (notice,), view=replace(PLAIN, mirror=mirror)).image_rgb
        for mirror in (False, True)
    )
    np.testing.assert_array_equal(plain, flipped)
    assert text_mask(notice, 14).max() > 0.9


def test_what_is_drawn_moves_with_the_face() -> None:
    face = replace(a_face(), box_xyxy=(20.0, 140.0, 120.0, 340.0))
    observation = Observation(5, 0, (face,))
    view = View(bars=False, strip=False, mirror=True)
    shown = Painter(expressions=False).paint(halves(), observation, view=view).image_rgb
    assert has_colour(shown[:, 510:630], FACE_COLOURS[0])
    assert not has_colour(shown[:, :320], FACE_COLOURS[0])


def test_two_flips_are_none() -> None:
    guard = Guard((Hidden(2, (1.0, 2.0, 30.0, 40.0)),), ((5.0, 6.0, 70.0, 80.0),), 0, 0, only_chosen=False)
    observation = Observation(5, 0, (a_face(),), guard=guard)
    once = mirrored(observation, 640)
    assert once.guard is not None
    assert once.guard.hidden[0].box_xyxy == (609.0, 2.0, 638.0, 40.0)
    twice = mirrored(once, 640)
    np.testing.assert_allclose(twice.faces[0].landmarks, observation.faces[0].landmarks, atol=1e-3)
    assert twice.faces[0].box_xyxy == observation.faces[0].box_xyxy
    assert twice.guard == guard


def test_crops_in_the_strip_are_flipped_too() -> None:
    crops = np.full((16, 64, 64, 3), 10, np.uint8)
    crops[:, :, :32] = 240
    strips = []
    for mirror in (False, True):
        painter = Painter()
        painter.note(replace(a_prediction(), thumbnails=crops))
        observation = Observation(5, 0, (a_face(),))
        strips.append(painter.paint(halves(), observation, view=View(mirror=mirror)).image_rgb[480:])
    assert strips[0].shape[0] == strip_height(640)
    assert strips[0][25, 12].min() > 200
    assert strips[0][25, 28].max() < 60
    assert strips[1][25, 28].min() > 200
    assert strips[1][25, 12].max() < 60


def test_each_switch_takes_its_part_away() -> None:
    painter = Painter()
    painter.note(a_prediction())
    observation = Observation(5, 0, (a_face(),))
    everything = painter.paint(halves(), observation).image_rgb
    for name in ("box", "bars", "strip"):
        view = ViewControl()
        view.change({name: False})
        less = painter.paint(halves(), observation, view=view()).image_rgb
        assert less.shape[0] == 480 + (0 if name == "strip" else strip_height(640))
        if name != "strip":
            assert (less != everything).any()
    bare = painter.paint(halves(), observation, view=PLAIN).image_rgb
    np.testing.assert_array_equal(bare, halves().image_rgb)
    lines = painter.paint(halves(), observation, view=replace(PLAIN, mesh=True)).image_rgb
    assert (lines != bare).any()
