"""What a window costs with cached features and without."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import models
from realtime.build import build_engine, limit_threads
from realtime.clock import to_ns
from realtime.config import Config
from realtime.errors import IfddLiveError
from realtime.inference.engine import Engine, Request
from realtime.values import CROP_SIDE, LANDMARK_COUNT, Face, Quality
from realtime.vision.ring import CropRing

FPS = 30


class Whole(models.Model):
    """A streaming model seen as one that wants whole clips, so that nothing is cached."""

    def __init__(self, inner: models.Model) -> None:
        super().__init__(inner.spec)
        self.inner = inner

    def forward(self, clip: torch.Tensor) -> models.Output:
        """As the model's."""
        output: models.Output = self.inner(clip)
        return output


class _Stream:
    """Crops of noise, one a frame, as vision would push them."""

    def __init__(self, engine: Engine, config: Config) -> None:
        spec = engine.spec
        self._ring = CropRing(1, frames=spec.frames, span_s=config.window_seconds, gap_s=config.gap_seconds)
        self._face = Face(
            1, (0, 0, 100, 100), np.zeros((LANDMARK_COUNT, 3), np.float32), Quality(100, 0, 0, 0, 50, 0.5)
        )
        self._random = np.random.default_rng(0)
        self._hop = round(config.hop_seconds * FPS)
        self._count = 0
        self._push(round(config.window_seconds * FPS) + 2)

    def next(self) -> Request:
        """The window one hop later."""
        self._push(self._hop)
        window = self._ring.window()
        assert window is not None
        return Request("bench", window, self._ring)

    def _push(self, count: int) -> None:
        for _ in range(count):
            crop = self._random.integers(0, 256, (CROP_SIDE, CROP_SIDE, 3), np.uint8)
            self._ring.push(to_ns(self._count / FPS), crop, self._face, self._count)
            self._count += 1


def _median_ms(engine: Engine, next_request: Callable[[], Request], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        request = next_request()
        began = time.perf_counter()
        engine.read([request])
        times.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(times), 2)


def cached(config: Config, seconds: float) -> dict[str, Any]:
    """Milliseconds for a window: with all features cached, with the hop's new crops, and all recomputed.

    All three go through the Engine, from crops in a ring to probabilities.

    Raises:
        IfddLiveError: the model does not cache features.
    """
    limit_threads(config)
    engine = build_engine(config)
    if not isinstance(engine.model, models.StreamingModel):
        raise IfddLiveError(f"model: expected one that caches features, got {engine.spec.name}")
    whole = Engine(Whole(engine.model), config.device, config.precision)
    stream, rounds = _Stream(engine, config), max(5, round(seconds * 3))

    first = stream.next()
    before, after = engine.read([first])[0], whole.read([first])[0]
    assert before is not None
    assert after is not None
    gap = float(np.abs(before.probabilities - after.probabilities).max())
    whole_ms = _median_ms(whole, lambda: first, rounds)
    same_ms = _median_ms(engine, lambda: first, rounds)
    encoded, windows = engine.encoded, engine.windows
    hop_ms = _median_ms(engine, stream.next, rounds)
    new = (engine.encoded - encoded) / (engine.windows - windows)
    return {
        "model": engine.spec.name,
        "device": engine.device_name,
        "window_ms": {"all_cached": same_ms, "with_new_crops": hop_ms, "recomputed": whole_ms},
        "new_crops_a_window": round(new, 2),
        "recomputed_against_all_cached": round(whole_ms / same_ms, 1),
        "recomputed_against_with_new_crops": round(whole_ms / hop_ms, 1),
        "largest_difference": float(f"{gap:.1e}"),
    }
