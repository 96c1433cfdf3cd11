from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from realtime.serving.camera_sender import to_rgb

COLOURS = [(200, 40, 40), (40, 200, 60), (30, 60, 200), (210, 160, 130), (128, 128, 128)]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("size_wh", [(64, 48), (66, 34)])
def test_colours_come_back_as_they_were_sent(colour: tuple[int, int, int], size_wh: tuple[int, int]) -> None:
    image = np.full((size_wh[1], size_wh[0], 3), colour, np.uint8)
    planes = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8)
    found = to_rgb(av.VideoFrame.from_ndarray(planes, format="yuv420p"))
    assert found.shape == image.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - image).max() <= 3


@pytest.mark.parametrize("size_wh", [(65, 48), (64, 47), (33, 31)])
def test_odd_sides_are_taken_too(size_wh: tuple[int, int]) -> None:
    image = np.full((size_wh[1], size_wh[0], 3), (200, 40, 40), np.uint8)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
    found = to_rgb(frame)
    assert found.shape == image.shape
    assert np.abs(found.astype(int) - image).max() <= 8
