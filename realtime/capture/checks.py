"""Is what a source gives a picture at all, is it black, is it the same again and again? Pure."""

from __future__ import annotations

from typing import Any

import numpy as np

from realtime.clock import to_ns
from realtime.values import ImageU8

MIN_SIDE = 32
# a covered lens gives noise of a few grey levels; a dark room with one lamp is far above
BLACK_BELOW = 6.0


def unusable(image: Any) -> str:
    """What is wrong with what a driver or decoder gave as a picture; empty: nothing."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        got = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        return f"expected (H,W,3) uint8 pictures, got {got}"
    if min(image.shape[:2]) < MIN_SIDE:
        return (
            f"expected pictures of at least {MIN_SIDE} pixels a side, got {image.shape[1]}x{image.shape[0]}"
        )
    return ""


class PictureCheck:
    """Tells from a few hundred pixels of each picture whether it is black or has stood still for long.

    A sensor's noise makes every picture differ from the one before; the same bytes for seconds come from a
    driver that repeats its last buffer.
    """

    def __init__(self, *, black_s: float = 1.0, still_s: float = 5.0) -> None:
        """Makes it; black, or still, for so long counts."""
        self._black_ns, self._still_ns = to_ns(black_s), to_ns(still_s)
        self._sample: ImageU8 | None = None
        self._changed_ns = 0
        self._lit_ns: int | None = None
        self.black = self.still = False

    def look(self, image_rgb: ImageU8, t_ns: int) -> None:
        """Takes a usable picture and the time; sets `black` and `still`."""
        sample = image_rgb[::8, ::8]
        if self._sample is None or not np.array_equal(sample, self._sample):
            self._sample, self._changed_ns = sample.copy(), t_ns
        self.still = t_ns - self._changed_ns >= self._still_ns
        if self._lit_ns is None or sample.mean() >= BLACK_BELOW:
            self._lit_ns = t_ns
        self.black = t_ns - self._lit_ns >= self._black_ns
