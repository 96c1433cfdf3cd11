"""Pictures from a camera of this machine, through OpenCV."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from realtime.capture.source import Reading
from realtime.clock import now_ns
from realtime.errors import SourceError, SourceLostError
from realtime.values import ImageU8

ON_LINUX = sys.platform.startswith("linux")
# How long cv2 waits for a picture before it says that none came; its own default is 10 s.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")


class CaptureDevice(Protocol):
    """The part of cv2.VideoCapture that is used."""

    def isOpened(self) -> bool:  # noqa: N802 (cv2's name)
        """Whether the device is open."""

    def set(self, propId: int, value: float) -> bool:  # noqa: N803 (cv2's name)
        """Asks for a property."""

    def read(self) -> tuple[bool, Any]:
        """Whether there is a picture, and the BGR picture."""

    def release(self) -> None:
        """Lets go of the device."""


class CameraSource:
    """A camera, asked for MJPG (raw pictures of many cameras are slow over USB), size, rate, short buffer."""

    noisy = True  # its pictures always differ, however little moves: the same one again means that it hangs

    def __init__(
        self,
        device: str,
        *,
        width: int = 640,
        height: int = 480,
        fps: float = 30.0,
        clock: Callable[[], int] = now_ns,
        open_device: Callable[[int | str], CaptureDevice] | None = None,
    ) -> None:
        """Opens the camera and reads its first picture.

        Args:
            device: a number ("0") or a device file ("/dev/video2").
            width, height, fps: asked for; the camera may give others.
            clock: monotonic ns.
            open_device: instead of cv2.VideoCapture, for tests.

        Raises:
            SourceError: there is no such camera, it may not be used, or it gives no picture.
        """
        self.live, self.choice_reason, self.dropped = True, "", 0
        self._clock = clock
        self._name = f"/dev/video{device}" if ON_LINUX and device.isdigit() else device
        if open_device is None:
            _check_device(self._name)
        number = int(device) if device.isdigit() else device
        with _quiet_cv2():
            self._device: CaptureDevice | None = (open_device or _open_cv2)(number)
            if not self._device.isOpened():
                self.close()
                raise SourceError(f"camera {self._name}: expected a camera that opens, got one that does not")
            for name, value in (
                (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
                (cv2.CAP_PROP_FRAME_WIDTH, width),
                (cv2.CAP_PROP_FRAME_HEIGHT, height),
                (cv2.CAP_PROP_FPS, fps),
                (cv2.CAP_PROP_BUFFERSIZE, 1),
            ):
                self._device.set(name, value)
            try:
                self._first: tuple[ImageU8, int] | None = self._grab()
            except SourceLostError:
                self.close()
                raise SourceError(
                    f"camera {self._name}: expected pictures, got none (is another program using it?)"
                ) from None
        self._size_wh = (self._first[0].shape[1], self._first[0].shape[0])

    @property
    def description(self) -> str:
        """The device and the size that it gives."""
        return f"camera {self._name} {self._size_wh[0]}x{self._size_wh[1]}"

    def read(self) -> Reading:
        """The next picture; see Source.read."""
        first, self._first = self._first, None
        return first or self._grab()

    def close(self) -> None:
        """Lets go of the camera; can be called twice."""
        device, self._device = self._device, None
        if device is not None:
            device.release()

    def _grab(self) -> tuple[ImageU8, int]:
        found, image_bgr = self._device.read() if self._device is not None else (False, None)
        if not found or image_bgr is None:
            raise SourceLostError(f"camera {self._name}: no picture any more")
        t_ns = self._clock()
        return np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB), np.uint8), t_ns


def cameras() -> list[str]:
    """Devices worth trying, in order: on Linux those that exist, elsewhere the first number."""
    if not ON_LINUX:
        return ["0"]
    numbers = (each.name.removeprefix("video") for each in Path("/dev").glob("video*"))
    return [f"/dev/video{each}" for each in sorted(int(number) for number in numbers if number.isdigit())]


def _check_device(name: str) -> None:
    """The two common reasons, said better than cv2 does."""
    if not ON_LINUX or not name.startswith("/dev/"):
        return
    if not os.path.exists(name):
        others = ", ".join(cameras()) or "no camera at all"
        raise SourceError(f"camera {name}: expected a camera there, got no such device (found: {others})")
    if not os.access(name, os.R_OK | os.W_OK):
        raise SourceError(
            f"camera {name}: expected permission to use it, got none (is this user in the group 'video'?)"
        )


def _open_cv2(device: int | str) -> CaptureDevice:
    return cv2.VideoCapture(device, cv2.CAP_V4L2 if ON_LINUX else cv2.CAP_ANY)


@contextlib.contextmanager
def _quiet_cv2() -> Iterator[None]:
    """Keeps cv2's own warnings from the console: the error raised here says the same in one line."""
    level = cv2.getLogLevel()
    cv2.setLogLevel(0)
    try:
        yield
    finally:
        cv2.setLogLevel(level)
