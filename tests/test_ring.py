from __future__ import annotations

import numpy as np
import pytest

from realtime.clock import to_ns
from realtime.values import CROP_SIDE
from realtime.vision.ring import CropRing
from tests.faces import a_crop, a_face


@pytest.fixture
def ring() -> CropRing:
    return CropRing(1, frames=16, span_s=1.0, gap_s=0.3)


def fill(ring: CropRing, start_s: float, seconds: float, fps: float = 30) -> None:
    for k in range(round(seconds * fps)):
        crop = np.full((CROP_SIDE, CROP_SIDE, 3), k % 256, np.uint8)
        ring.push(to_ns(start_s + k / fps), crop, a_face(), seq=k)


def test_a_window_has_the_pushed_crops_at_their_times(ring: CropRing) -> None:
    fill(ring, 5.0, 1.5)
    window = ring.window()
    assert window is not None
    crops = ring.read(window.serials)
    assert crops is not None
    assert crops.shape == (16, CROP_SIDE, CROP_SIDE, 3)
    expected = np.round((window.t_ns / 1e9 - 5.0) * 30).astype(int)
    np.testing.assert_array_equal(crops[:, 0, 0, 0], expected)
    assert window.seq == expected[-1]
    thumbnails = ring.read_thumbnails(window.serials)
    assert thumbnails is not None
    np.testing.assert_array_equal(thumbnails[:, 5, 5, 0], expected)


def test_a_gap_clears_the_history(ring: CropRing) -> None:
    fill(ring, 0.0, 1.2)
    assert ring.window() is not None
    ring.push(to_ns(1.2 + 0.3), a_crop(), a_face(), 100)
    assert ring.window() is None
    assert len(ring) == 1
    fill(ring, 1.55, 1.2)
    window = ring.window()
    assert window is not None
    assert window.t_ns[0] >= to_ns(1.5)


def test_a_short_gap_keeps_it(ring: CropRing) -> None:
    fill(ring, 0.0, 1.2)
    ring.push(to_ns(1.2 + 0.2), a_crop(), a_face(), 100)
    assert ring.window() is not None


def test_clear_starts_anew(ring: CropRing) -> None:
    fill(ring, 0.0, 1.5)
    ring.clear()
    assert len(ring) == 0
    assert ring.window() is None


def test_only_a_newer_window_is_given(ring: CropRing) -> None:
    fill(ring, 0.0, 1.5)
    window = ring.window()
    assert window is not None
    assert ring.window(window.grid_ns) is None
    assert ring.window(window.grid_ns - 1) is not None


def test_a_very_fast_source_is_thinned_and_still_gives_windows(ring: CropRing) -> None:
    fill(ring, 0.0, 3.0, fps=240)
    assert len(ring) < 100
    assert ring.window() is not None


def test_crops_that_were_overwritten_are_refused(ring: CropRing) -> None:
    fill(ring, 0.0, 1.5)
    window = ring.window()
    assert window is not None
    fill(ring, 1.5, 10.0)
    assert ring.read(window.serials) is None
    assert ring.read_thumbnails(window.serials) is None
