"""A camera as a source, with a fake device where cv2's would be; and cv2's own where there is none."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from realtime.capture.camera import ON_LINUX, CameraSource
from realtime.capture.source import NoPicture
from realtime.errors import SourceError, SourceLostError


class FakeDevice:
    """Gives `pictures` blue pictures, then none."""

    def __init__(self, pictures: int, *, opens: bool = True) -> None:
        self.pictures, self.opens = pictures, opens
        self.asked: list[tuple[int, float]] = []
        self.released = 0

    def isOpened(self) -> bool:  # noqa: N802
        return self.opens

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        self.asked.append((propId, value))
        return True

    def read(self) -> tuple[bool, Any]:
        if self.pictures == 0:
            return False, None
        self.pictures -= 1
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 0] = 255  # blue first, as cv2 gives it
        return True, image

    def release(self) -> None:
        self.released += 1


def test_it_asks_for_mjpg_first_then_size_rate_and_a_short_buffer() -> None:
    device = FakeDevice(3)
    opened: list[int | str] = []

    def open_device(number: int | str) -> FakeDevice:
        opened.append(number)
        return device

    source = CameraSource("1", width=800, height=600, fps=25, open_device=open_device)
    assert opened == [1]
    mjpg = cv2.VideoWriter.fourcc(*"MJPG")
    assert device.asked == [
        (cv2.CAP_PROP_FOURCC, mjpg),
        (cv2.CAP_PROP_FRAME_WIDTH, 800),
        (cv2.CAP_PROP_FRAME_HEIGHT, 600),
        (cv2.CAP_PROP_FPS, 25),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]
    assert source.live
    source.close()


def test_pictures_are_rgb_with_the_clocks_time_and_the_first_is_not_lost() -> None:
    ticks = iter([10, 20, 30])
    source = CameraSource("/dev/video7", clock=lambda: next(ticks), open_device=lambda _: FakeDevice(3))
    assert source.description == "camera /dev/video7 64x48"
    for expected in (10, 20, 30):
        reading = source.read()
        assert reading is not None
        assert not isinstance(reading, NoPicture)
        assert reading[1] == expected
        assert reading[0][0, 0].tolist() == [0, 0, 255]
    with pytest.raises(SourceLostError, match="camera /dev/video7: no picture any more"):
        source.read()


def test_close_can_be_called_twice_and_a_closed_camera_is_lost() -> None:
    device = FakeDevice(9)
    source = CameraSource("0", open_device=lambda _: device)
    source.read()
    source.close()
    source.close()
    assert device.released == 1
    with pytest.raises(SourceLostError):
        source.read()


@pytest.mark.parametrize(
    ("device", "text"),
    [
        (FakeDevice(0, opens=False), "expected a camera that opens, got one that does not"),
        (FakeDevice(0), r"expected pictures, got none \(is another program using it\?\)"),
    ],
)
def test_a_camera_that_gives_nothing_is_refused_and_let_go(device: FakeDevice, text: str) -> None:
    with pytest.raises(SourceError, match=text):
        CameraSource("0", open_device=lambda _: device)
    assert device.released == 1


@pytest.mark.skipif(not ON_LINUX, reason="device files are Linux's")
@pytest.mark.parametrize("name", ["/dev/video99", "99"])
def test_a_missing_camera_is_one_clear_line(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        SourceError, match="camera /dev/video99: expected a camera there, got no such device"
    ) as raised:
        CameraSource(name)
    assert raised.value.exit_code == 2
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")
