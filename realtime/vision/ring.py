"""The only history of a face: a preallocated ring of its aligned crops, from which windows are read."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from realtime.clock import to_ns
from realtime.values import CROP_SIDE, Face, FloatArray, ImageU8
from realtime.vision.window import choose_window, newest_index

THUMBNAIL_SIDE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A clip of one face, chosen by time.

    Attributes:
        serials: (T,) int64, the crops' numbers within their ring, rising; equal neighbours where the
            source is slower than the window's grid.
        t_ns: (T,) int64, the crops' times.
        grid_ns: the time of the window's last grid point.
        face: the face at the newest crop.
        seq: the frame of the newest crop.
    """

    serials: npt.NDArray[np.int64]
    t_ns: npt.NDArray[np.int64]
    grid_ns: int
    face: Face
    seq: int


class CropRing:
    """Crops of one face with their times. The vision thread pushes, the inference thread reads.

    A gap longer than `gap_s` starts the history anew, so that no window spans it.
    """

    def __init__(self, face_id: int, *, frames: int, span_s: float, gap_s: float) -> None:
        """Allocates the ring.

        Args:
            face_id: whose crops these are.
            frames: T, the number of crops in a window.
            span_s: time from a window's first to its last grid point, seconds.
            gap_s: a longer time between two crops clears the history, seconds.
        """
        self.face_id = face_id
        self._frames, self._span_ns, self._gap_ns = frames, to_ns(span_s), to_ns(gap_s)
        # crops closer together than a third of the grid's step add nothing but memory
        self._thin_ns = self._span_ns // (3 * (frames - 1))
        capacity = math.ceil((self._span_ns + to_ns(1.0)) / self._thin_ns)  # a second for slow readers
        self._crops = np.zeros((capacity, CROP_SIDE, CROP_SIDE, 3), np.uint8)
        self._thumbnails = np.zeros((capacity, THUMBNAIL_SIDE, THUMBNAIL_SIDE, 3), np.uint8)
        self._t_ns = np.zeros(capacity, np.int64)
        self._faces: list[tuple[Face, int] | None] = [None] * capacity
        self._pushed = 0  # the next serial
        self._start = 0  # serial of the first crop since the last gap
        self._anchor_ns = 0  # its time: the origin of the windows' grid
        self._lock = threading.Lock()

    def push(self, t_ns: int, crop_rgb: ImageU8, face: Face, seq: int) -> bool:
        """Copies a crop in; False if it came too soon after the one before to be worth a slot."""
        with self._lock:
            if self._pushed > self._start:
                elapsed_ns = t_ns - self._t_ns[(self._pushed - 1) % len(self._t_ns)]
                if elapsed_ns < self._thin_ns:
                    return False
                if elapsed_ns > self._gap_ns:
                    self._start = self._pushed
            if self._pushed == self._start:
                self._anchor_ns = t_ns
            slot = self._pushed % len(self._t_ns)
            self._crops[slot] = crop_rgb
            cv2.resize(
                crop_rgb,
                (THUMBNAIL_SIDE, THUMBNAIL_SIDE),
                dst=self._thumbnails[slot],
                interpolation=cv2.INTER_AREA,
            )
            self._t_ns[slot] = t_ns
            self._faces[slot] = (face, seq)
            self._pushed += 1
            return True

    def clear(self) -> None:
        """Starts the history anew, for instance because the source changed."""
        with self._lock:
            self._start = self._pushed

    def window(self, after_ns: int | None = None) -> Window | None:
        """The newest window, or None while the history is shorter than a window.

        Args:
            after_ns: only a window whose last grid point is later than this.
        """
        with self._lock:
            oldest = max(self._start, self._pushed - len(self._t_ns))
            if oldest >= self._pushed:
                return None
            serials = np.arange(oldest, self._pushed)
            times = self._t_ns[serials % len(self._t_ns)]
            chosen = choose_window(times, self._anchor_ns, self._frames, self._span_ns)
            if chosen is None or (after_ns is not None and chosen.grid_ns <= after_ns):
                return None
            picked = serials[chosen.index]
            newest = self._faces[picked[-1] % len(self._t_ns)]
            assert newest is not None  # every slot up to `_pushed` was filled by push
            return Window(picked, times[chosen.index], chosen.grid_ns, *newest)

    def newest_choice(self) -> int | None:
        """The serial of the newest crop that windows choose, before there is a whole window, too.

        None while there is no crop.
        """
        with self._lock:
            oldest = max(self._start, self._pushed - len(self._t_ns))
            if oldest >= self._pushed:
                return None
            serials = np.arange(oldest, self._pushed)
            times = self._t_ns[serials % len(self._t_ns)]
            return int(serials[newest_index(times, self._anchor_ns, self._frames, self._span_ns)])

    @property
    def capacity(self) -> int:
        """How many crops are held at most."""
        return len(self._t_ns)

    def holds(self, serials: Sequence[int]) -> bool:
        """True while none of the crops was overwritten."""
        with self._lock:
            return not serials or min(serials) >= self._pushed - len(self._t_ns)

    def read(self, serials: npt.NDArray[np.int64]) -> ImageU8 | None:
        """Copies (n,224,224,3) crops by their serials; None if one of them was overwritten meanwhile."""
        return self._read(self._crops, serials)

    def read_thumbnails(self, serials: npt.NDArray[np.int64]) -> ImageU8 | None:
        """Copies (n,64,64,3) thumbnails by their serials; None if one of them was overwritten meanwhile."""
        return self._read(self._thumbnails, serials)

    def read_landmarks(self, serials: npt.NDArray[np.int64]) -> FloatArray | None:
        """(n,478,3) landmarks of crops by their serials; None if one of them was overwritten meanwhile."""
        with self._lock:
            if serials.size and int(serials.min()) < self._pushed - len(self._t_ns):
                return None
            held = [self._faces[each % len(self._t_ns)] for each in serials.tolist()]
        landmarks: FloatArray = np.stack([each[0].landmarks for each in held if each is not None])
        return landmarks

    def _read(self, store: ImageU8, serials: npt.NDArray[np.int64]) -> ImageU8 | None:
        with self._lock:
            if serials.size and int(serials.min()) < self._pushed - len(self._t_ns):
                return None
            copies: ImageU8 = store[serials % len(self._t_ns)]
            return copies

    def __len__(self) -> int:
        """Crops since the last gap that are still held."""
        with self._lock:
            return self._pushed - max(self._start, self._pushed - len(self._t_ns))
