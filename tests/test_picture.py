from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from realtime.clock import to_ns
from realtime.picture.compose import Painter
from realtime.picture.overlay import FACE_COLOURS, draw_bars, draw_face, draw_notices
from realtime.picture.split_strip import DYNAMIC, STATIC, draw_strip, strip_height
from realtime.picture.text import draw_text, text_mask
from realtime.values import Frame, Observation, Prediction
from tests.faces import a_face

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def a_prediction(face_id: int = 1, t_ns: int = 0, best: int = 3, share: float = 0.7) -> Prediction:
    probabilities = np.full(7, (1 - share) / 6, np.float32)
    probabilities[best] = share
    return Prediction(
        face_id, 9, t_ns, (t_ns - to_ns(1.0), t_ns), LABELS, probabilities, LABELS[best], share, 0.5,
        np.arange(0, 16, 2, dtype=np.float32), np.arange(1, 16, 2, dtype=np.float32),
        np.full((16, 64, 64, 3), 120, np.uint8), 1.0, False, a_face(face_id),
    )  # fmt: skip


def a_frame(t_ns: int = 0, size_wh: tuple[int, int] = (640, 480)) -> Frame:
    return Frame(5, t_ns, np.full((size_wh[1], size_wh[0], 3), 90, np.uint8))


def has_colour(image: np.ndarray, colour: tuple[int, int, int]) -> bool:  # type: ignore[type-arg]
    return bool((np.abs(image.astype(int) - colour).max(axis=2) <= 2).any())


def test_text_is_drawn_where_asked_and_clipped_at_the_border() -> None:
    image = np.zeros((60, 200, 3), np.uint8)
    width, height = draw_text(image, "happy 83%", 20, 10, 20)
    assert image[10 : 10 + height, 20 : 20 + width].max() > 200
    image[10 : 10 + height, 20 : 20 + width] = 0
    assert image.max() == 0
    for corner in ((-30, -10), (190, 50), (500, 500)):
        draw_text(image, "happy", *corner, 20)
    assert text_mask("a", 20).shape[0] == text_mask("Ag", 20).shape[0]


def test_box_label_and_hint_are_painted_around_the_face() -> None:
    image = np.full((480, 640, 3), 90, np.uint8)
    draw_face(image, a_face(), a_prediction())
    assert has_colour(image, FACE_COLOURS[0])
    assert (image[180:300, 260:380] == 90).all(), "the face itself stays free"
    hinted = np.full((480, 640, 3), 90, np.uint8)
    face = a_face()
    draw_face(hinted, replace(face, quality=replace(face.quality, hints=("too dark",))), a_prediction())
    assert (hinted != image).any()


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 30.0, 30.0), (600.0, 440.0, 640.0, 480.0), (0.0, 0.0, 640.0, 480.0)]
)
def test_a_face_at_the_border_is_no_trouble(box: tuple[float, float, float, float]) -> None:
    image = np.full((480, 640, 3), 90, np.uint8)
    draw_face(image, replace(a_face(), box_xyxy=box), a_prediction())
    assert has_colour(image, FACE_COLOURS[0])


def test_bars_grow_with_the_probability() -> None:
    widths = []
    for share in (0.3, 0.9):
        image = np.zeros((480, 640, 3), np.uint8)
        draw_bars(image, [a_prediction(share=share)])
        widths.append(int((np.abs(image.astype(int) - FACE_COLOURS[0]).max(axis=2) <= 2).any(axis=0).sum()))
    assert widths[1] > 2 * widths[0] > 0


def test_notices_are_painted_in_the_right_corner() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    draw_notices(image, ("camera lost", "untrained weights"))
    assert image[:80, 400:].max() > 200
    assert image[:, :300].max() == 0


def test_strip_shows_crops_with_their_group_and_a_mark_for_each_position() -> None:
    prediction = a_prediction()
    strip = draw_strip(640, prediction)
    assert strip.shape == (strip_height(640), 640, 3)
    for number in range(16):
        tile = strip[:, number * 40 : (number + 1) * 40]
        assert has_colour(tile, STATIC if number % 2 == 0 else DYNAMIC)
        assert (tile[25, 20] == 120).all()
    moved = replace(prediction, static_index=np.full(8, 3.0, np.float32))
    crowded = draw_strip(640, moved)
    assert has_colour(crowded[:10, 120:160], STATIC)
    assert not has_colour(crowded[:8, 320:], STATIC)


@pytest.mark.parametrize("width", [160, 640, 1280, 1920])
def test_strip_fits_every_width(width: int) -> None:
    assert draw_strip(width, a_prediction()).shape == (strip_height(width), width, 3)
    assert draw_strip(width, None).shape == (strip_height(width), width, 3)
    assert strip_height(width) % 2 == 0


def test_a_model_without_issm_gets_an_unmarked_strip() -> None:
    strip = draw_strip(640, replace(a_prediction(), static_index=None, dynamic_index=None))
    assert not has_colour(strip, STATIC)
    assert not has_colour(strip, DYNAMIC)


def test_picture_is_the_frame_with_overlay_and_its_yuv() -> None:
    painter = Painter()
    painter.note(a_prediction())
    observation = Observation(5, 0, (a_face(),))
    picture = painter.paint(a_frame(), observation)
    assert picture.size_wh == (640, 480 + strip_height(640))
    assert has_colour(picture.image_rgb, FACE_COLOURS[0])
    assert has_colour(picture.image_rgb[480:], STATIC)
    back = cv2.cvtColor(picture.yuv420p, cv2.COLOR_YUV2RGB_I420)
    assert np.abs(back[200:300, 300:400].astype(int) - 90).max() <= 2


def test_nothing_is_invented_where_there_is_no_face() -> None:
    painter = Painter()
    painter.note(a_prediction())
    empty = painter.paint(a_frame(), Observation(5, 0, ())).image_rgb
    np.testing.assert_array_equal(empty[:480], 90)
    np.testing.assert_array_equal(empty[480:], draw_strip(640, None))


def test_a_stale_prediction_and_a_lost_face_disappear() -> None:
    painter = Painter(stale_s=1.5)
    painter.note(a_prediction(t_ns=0))
    here = (a_face(),)
    fresh = painter.paint(a_frame(to_ns(1.4)), Observation(5, to_ns(1.4), here)).image_rgb
    stale = painter.paint(a_frame(to_ns(1.6)), Observation(5, to_ns(1.6), here)).image_rgb
    assert has_colour(fresh[480:], STATIC)
    assert not has_colour(stale[480:], STATIC)


def test_an_old_frame_is_dimmed_and_says_why() -> None:
    painter = Painter()
    picture = painter.paint(a_frame(), None, ("camera lost, opening again",), live=False).image_rgb
    assert picture[300, 100].max() < 45
    assert picture[:40, 400:].max() > 200


def test_odd_sizes_lose_a_row_or_column() -> None:
    assert Painter().paint(a_frame(size_wh=(641, 479)), None).size_wh == (640, 478 + strip_height(640))
