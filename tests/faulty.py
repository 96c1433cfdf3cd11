"""Parts of the real pipeline with faults that a test switches on and off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import models
from realtime.capture.file import FileSource
from realtime.capture.source import Reading
from realtime.clock import now_ns
from realtime.errors import SourceError, SourceLostError
from realtime.inference.engine import Engine
from realtime.stream import Stream
from realtime.values import FloatArray, ImageU8, Picture
from realtime.vision.landmarks import FaceMesh, Landmarker
from tests.test_pipeline import DEMO

PATIENCE_S = 60.0  # only a failing test waits so long


class Watcher:
    """Watches a stream's pictures and events with their times, and waits for what a test expects."""

    def __init__(self, stream: Stream) -> None:
        self._changed = threading.Condition()
        self.pictures = 0
        self.last: Picture | None = None
        self.shown: list[float] = []  # when
        self.events: list[tuple[float, dict[str, Any]]] = []
        stream.pictures.subscribe(self._picture)
        stream.events.subscribe(self._event)

    def _picture(self, picture: Picture) -> None:
        with self._changed:
            self.pictures += 1
            self.shown.append(time.monotonic())
            self.last = picture
            self._changed.notify_all()

    def _event(self, event: dict[str, Any]) -> None:
        with self._changed:
            self.events.append((time.monotonic(), event))
            self._changed.notify_all()

    def until(self, what: Callable[[], bool], wanted: str = "what was waited for") -> None:
        deadline = time.monotonic() + PATIENCE_S
        with self._changed:
            while not what():
                assert self._changed.wait(0.2) or time.monotonic() < deadline, f"not within time: {wanted}"

    def more_pictures(self, count: int) -> None:
        wanted = self.pictures + count
        self.until(lambda: self.pictures >= wanted, "more pictures")

    def predictions(self, since: float = 0.0) -> list[dict[str, Any]]:
        return [each for t, each in self.events if "label" in each and t >= since]

    def more_predictions(self, count: int = 3) -> float:
        """Waits for further predictions; seconds until the first of them."""
        begun = time.monotonic()
        self.until(lambda: len(self.predictions(begun)) >= count, "more predictions")
        return next(t for t, each in self.events if "label" in each and t >= begun) - begun


class ModelFault:
    """Makes engines whose model fails while `kind` says how; engines made meanwhile fail, too."""

    def __init__(self) -> None:
        self.kind = ""
        self.release = threading.Event()  # lets go of what hangs
        self.made = self.failed = 0

    def engine(self, *_: object) -> Engine:
        torch.manual_seed(0)
        model = models.create_model("ifdd-stream")
        assert isinstance(model, models.StreamingModel)
        read = model.read

        def faulty_read(features: torch.Tensor) -> models.Output:
            kind = self.kind
            if kind:
                self.failed += 1
            if kind == "raises":
                raise RuntimeError("out of luck")
            if kind == "out of device memory":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            if kind == "out of memory":
                raise MemoryError
            if kind == "hangs":
                self.release.wait(PATIENCE_S)
            output = read(features)
            if kind == "NaN":
                output.logits[:] = float("nan")
            return output

        model.read = faulty_read  # type: ignore[method-assign]
        self.made += 1
        return Engine(model, "cpu")


class LandmarkerFault:
    """Makes landmarkers that fail while `kind` says how."""

    def __init__(self) -> None:
        self.kind = ""
        self.release = threading.Event()
        self.made = 0

    def make(self, *_: object) -> Landmarker:
        self.made += 1
        return _FaultyMesh(self)


class _FaultyMesh(FaceMesh):
    def __init__(self, fault: LandmarkerFault) -> None:
        super().__init__(1)
        self._fault = fault

    def find(self, image_rgb: ImageU8) -> list[FloatArray]:
        if self._fault.kind == "raises":
            raise RuntimeError("graph has errors")
        if self._fault.kind == "hangs":
            self._fault.release.wait(PATIENCE_S)
        return super().find(image_rgb)


class CameraFault:
    """A camera that shows the demo clip and fails while `kind` says how; an opener for Application."""

    def __init__(self) -> None:
        self.kind = ""
        self.opened = 0
        self._still: ImageU8 | None = None
        self._count = 0

    def __call__(self, *_: object) -> Callable[[], FaultyCamera]:
        return lambda: FaultyCamera(self)


class FaultyCamera:
    """See CameraFault."""

    live, choice_reason, dropped, description = True, "", 0, "a camera with faults"

    def __init__(self, fault: CameraFault) -> None:
        if fault.kind == "unplugged":
            raise SourceError("camera: expected a device, got none")
        fault.opened += 1
        self._fault, self._count = fault, 0
        self._clip = FileSource(DEMO, live=True, loop=True)

    def read(self) -> Reading:
        kind = self._fault.kind
        reading = self._clip.read()
        if not isinstance(reading, tuple):
            return reading
        self._count += 1
        image, t_ns = reading
        if kind == "unplugged":
            raise SourceLostError("camera: no picture any more")
        if kind == "raises":
            raise RuntimeError("a driver's own bug")
        if kind == "black":
            image = np.zeros_like(image)
        if kind == "garbage":
            image = GARBAGE[self._count % len(GARBAGE)]
        if kind == "sizes":
            height, width = SIZES[self._count // 8 % len(SIZES)]
            image = np.ascontiguousarray(np.resize(image, (height, width, 3)))
        if kind == "silent":  # the driver waits for a picture that does not come
            deadline = now_ns() + 60 * 10**9
            while self._fault.kind == "silent" and now_ns() < deadline:
                time.sleep(0.05)
            return self._clip.read()
        return image, t_ns

    def close(self) -> None:
        self._clip.close()


# what broken drivers and cut streams have been seen to give
GARBAGE: tuple[Any, ...] = (
    np.zeros((0, 0, 3), np.uint8),
    np.zeros((1, 1, 3), np.uint8),
    np.zeros((480, 640), np.uint8),
    np.zeros((480, 640, 4), np.uint8),
    np.zeros((2, 1920, 3), np.uint8),
    np.zeros((480, 640, 3), np.float32),
)
SIZES = ((480, 640), (64, 64), (1080, 1920), (719, 1281), (640, 480), (48, 64))
