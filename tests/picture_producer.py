"""A stream that makes its own moving pictures and results: what the server is tested with.

Real code behind the server's protocols: a thread publishes pictures at a steady rate and results that
change with a known schedule. The bottom left corner carries a patch whose colour is known.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from realtime.clock import NS_PER_S, now_ns, to_s
from realtime.errors import SourceError
from realtime.serving.served import Driver, Stream
from realtime.slot import Fanout, Slot
from realtime.values import ImageU8, Picture

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
PATCH_RGB = (200, 40, 40)
PATCH_SIDE = 96
PUSHED_RGB = (40, 180, 60)
EVENTS_EACH = 4
LABEL_SECONDS = 1.0


def result(seq: int, t_ns: int, face: int = 0) -> dict[str, Any]:
    """A result whose strongest class changes every LABEL_SECONDS."""
    strongest = int(to_s(t_ns) / LABEL_SECONDS) % len(LABELS)
    probabilities = {name: round(0.4 / 6, 4) for name in LABELS}
    probabilities[LABELS[strongest]] = 0.6
    return {
        "t": to_s(t_ns),
        "frame": seq,
        "face": face,
        "box": [160.0, 80.0, 420.0, 400.0],
        "label": LABELS[strongest],
        "probabilities": probabilities,
        "confidence": 0.6,
        "intensity": 0.5,
        "window": [to_s(t_ns) - 1.0, to_s(t_ns)],
        "static_index": [0.0, 2.1, 4.0, 6.2, 8.0, 10.4, 12.0, 14.3],
        "dynamic_index": [1.0, 3.3, 5.0, 7.1, 9.0, 11.2, 13.0, 15.0],
        "quality": {"size_px": 180.0, "yaw_deg": 2.0, "sharpness": 90.0, "hints": []},
        "cost_ms": 12.0,
    }


def pattern(seq: int, size_wh: tuple[int, int]) -> ImageU8:
    """(H,W,3) uint8: a gradient that moves with `seq`, a ball, and the patch of known colour."""
    width, height = size_wh
    row = ((np.arange(width) * 255 // width + seq * 3) % 256).astype(np.uint8)
    image = np.empty((height, width, 3), np.uint8)
    image[:, :, 0], image[:, :, 1], image[:, :, 2] = row, 90, row[::-1]
    cv2.circle(image, ((seq * 7) % width, height // 2), 40, (255, 255, 255), -1)
    image[-PATCH_SIDE:, :PATCH_SIDE] = PATCH_RGB
    return image


def to_picture(seq: int, t_ns: int, image_rgb: ImageU8) -> Picture:
    """The picture as the composer would hand it over."""
    planes = np.asarray(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2YUV_I420), np.uint8)
    return Picture(seq, t_ns, planes, image_rgb)


class ProducerStream:
    """A Stream with the sources "demo" (the pattern) and "browser" (what is pushed, with a known patch)."""

    def __init__(self, name: str = "main", size_wh: tuple[int, int] = (640, 480), fps: float = 30.0) -> None:
        self.name = name
        self.pictures: Fanout[Picture] = Fanout()
        self.events: Fanout[dict[str, Any]] = Fanout()
        self.size_wh = size_wh
        self.driver: Driver | None = None
        self.views: Any = None
        self.consents: Any = None
        self.inspector: Any = None
        self.profile = "expression"
        self.source = "demo"
        self.pushed: Slot[ImageU8] = Slot()
        self.quiet = False
        self.keeps_up = True
        self._period_ns = round(NS_PER_S / fps)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"producer-{name}", daemon=True)

    @property
    def accepts_push(self) -> bool:
        return self.source == "browser"

    def status(self) -> dict[str, Any]:
        return {
            "source": {"source": self.source, "name": self.source, "state": "live"},
            "profile": self.profile,
            "model": {"name": "pattern", "device": "cpu", "trained": False, "labels": list(LABELS)}
            if self.profile == "expression"
            else None,
            "keeps_up": self.keeps_up,
            "rates": {"capture_fps": 30.0, "picture_fps": 30.0, "prediction_hz": 7.5},
            "drops": {},
            "latency_ms": {},
        }

    def sources(self) -> list[dict[str, Any]]:
        return [
            {"source": "demo", "name": "Demo clip"},
            {"source": "browser", "name": "This browser's camera"},
        ]

    def set_source(self, text: str) -> None:
        if text not in ("demo", "browser"):
            raise SourceError(f"source: expected 'demo' or 'browser', got {text!r}")
        self.source = text
        self.pushed.clear()

    def push(self, image_rgb: ImageU8, t_ns: int) -> None:
        self.pushed.put(image_rgb)

    def start(self) -> ProducerStream:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        seq, due_ns = 0, now_ns()
        while not self._stop.wait(max(0.0, (due_ns - now_ns()) / NS_PER_S)):
            t_ns = now_ns()
            self.pictures.publish(to_picture(seq, t_ns, self._image(seq)))
            if seq % EVENTS_EACH == 0 and not self.quiet:
                self.events.publish(result(seq, t_ns))
            seq, due_ns = seq + 1, due_ns + self._period_ns

    def _image(self, seq: int) -> ImageU8:
        pushed = self.pushed.peek() if self.source == "browser" else None
        if pushed is None:
            return pattern(seq, self.size_wh)
        image = np.asarray(cv2.resize(pushed, self.size_wh), np.uint8)
        image[-PATCH_SIDE:, :PATCH_SIDE] = PUSHED_RGB
        return image


class ProducerServed:
    """A process with the given streams."""

    def __init__(self, *streams: ProducerStream) -> None:
        self._streams = {each.name: each for each in streams}
        self.problems: list[str] = []
        self.is_ready = True

    @property
    def streams(self) -> Mapping[str, Stream]:
        return self._streams

    def health(self) -> dict[str, Any]:
        return {"ok": not self.problems, "problems": self.problems}

    def ready(self) -> bool:
        return self.is_ready

    def status(self) -> dict[str, Any]:
        return {"version": "test"}
