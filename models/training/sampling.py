"""Which frames of a clip a model reads: the papers' segments, consecutive windows, or the live window's grid.

All functions return rising int64 indices, one for each frame that the model takes. A clip with fewer frames
repeats them in place, in order. With a `random` generator they draw, without one they answer the same
always. Pure numpy; any thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import ModelError

Index = npt.NDArray[np.int64]
Times = npt.NDArray[np.float64]
KINDS = ("segments", "consecutive", "timed")


def _need(count: int, frames: int) -> None:
    if count < 1 or frames < 1:
        raise ModelError(
            f"sampling: expected at least 1 frame to choose from and to choose, got {count}, {frames}"
        )


def segments(count: int, frames: int, random: np.random.Generator | None = None, place: float = 0.5) -> Index:
    """One frame of each of `frames` equal segments of the whole clip, as both papers train.

    Args:
        count: frames of the clip.
        frames: frames wanted.
        random: draws a frame of each segment; None takes the one at `place`.
        place: 0..1 within each segment.

    Returns:
        (frames,) indices in 0..count-1.
    """
    _need(count, frames)
    within = np.full(frames, place) if random is None else random.random(frames)
    index = np.floor((np.arange(frames) + within) * count / frames).astype(np.int64)
    return np.asarray(np.minimum(index, count - 1), np.int64)


def consecutive(
    count: int, frames: int, stride: int = 1, random: np.random.Generator | None = None, place: float = 0.5
) -> Index:
    """Every `stride`-th frame from a start: drawn, or at `place` (0..1) of where a window fits.

    A clip shorter than the window is first tried with its longest stride that fits; one shorter than
    `frames` repeats each frame in place, the first ones once more: 3 frames for 16 give 0 x6, 1 x5, 2 x5.
    """
    _need(count, frames)
    if stride < 1:
        raise ModelError(f"stride: expected a whole number of at least 1, got {stride}")
    if count < frames:
        times = np.full(count, frames // count)
        times[: frames % count] += 1
        return np.repeat(np.arange(count), times).astype(np.int64)
    step = min(stride, (count - 1) // max(1, frames - 1))
    last = count - 1 - (frames - 1) * step
    start = round(last * place) if random is None else int(random.integers(0, last + 1))
    return start + step * np.arange(frames, dtype=np.int64)


def timed(
    times_s: Times,
    frames: int,
    span_s: float,
    random: np.random.Generator | None = None,
    place: float = 0.5,
) -> Index:
    """The frames nearest to an even grid of `span_s` seconds, as the live window chooses its crops.

    Args:
        times_s: (N,) rising times of the clip's frames, seconds.
        frames: points of the grid.
        span_s: from the first to the last of them.
        random: draws where the grid begins; None puts it at `place` (0..1) of where it fits. A clip that is
            shorter than the span has its ends repeated at both sides, so that its speed stays true.
        place: see `random`.
    """
    _need(len(times_s), frames)
    if not span_s > 0:
        raise ModelError(f"span_s: expected a number above 0, got {span_s}")
    room = float(times_s[-1] - times_s[0]) - span_s
    share = place if random is None else float(random.random())
    start = float(times_s[0]) + room * (share if room > 0 else 0.5)
    return _nearest(times_s, start + np.linspace(0, span_s, frames))


def _nearest(times_s: Times, grid: Times) -> Index:
    after = np.minimum(np.searchsorted(times_s, grid), len(times_s) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(grid - times_s[before] <= times_s[after] - grid, before, after).astype(np.int64)


@dataclass(frozen=True)
class Sampling:
    """How clips are read.

    Attributes:
        kind: "segments", "consecutive" or "timed".
        stride: of "consecutive".
        span_s: of "timed", seconds.
        views: how often a test reads each clip; 0: as many consecutive windows as lie in it side by side.

    Raises:
        ModelError: a value out of range.
    """

    kind: str = "segments"
    stride: int = 1
    span_s: float = 1.0
    views: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ModelError(f"sampling: expected one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.stride < 1 or not self.span_s > 0 or self.views < (0 if self.kind == "consecutive" else 1):
            raise ModelError(
                f"sampling {self.kind}: expected stride >= 1, span_s > 0 and views >= 1, got "
                f"{self.stride}, {self.span_s}, {self.views}"
            )

    def choose(self, times_s: Times, frames: int, random: np.random.Generator | None = None) -> Index:
        """(frames,) indices for one reading of a clip: drawn, or its middle view."""
        return self._at(times_s, frames, random, 0.5)

    def view_count(self, count: int, frames: int) -> int:
        """How many views a test takes of a clip of `count` frames."""
        return self.views or max(1, count // (frames * self.stride))

    def _at(self, times_s: Times, frames: int, random: np.random.Generator | None, place: float) -> Index:
        if self.kind == "segments":
            return segments(len(times_s), frames, random, place)
        if self.kind == "consecutive":
            return consecutive(len(times_s), frames, self.stride, random, place)
        return timed(times_s, frames, self.span_s, random, place)


def views(times_s: Times, frames: int, sampling: Sampling) -> Index:
    """(V,frames) indices of a clip's test-time views, evenly spread; one view is the middle one.

    With segments a view takes the same place of every segment; otherwise it is a window, the first at the
    clip's start and the last at its end.
    """
    number = sampling.view_count(len(times_s), frames)
    if number == 1:
        places = np.array([0.5])
    elif sampling.kind == "segments":
        places = (np.arange(number) + 0.5) / number
    else:
        places = np.linspace(0, 1, number)
    return np.stack([sampling._at(times_s, frames, None, float(place)) for place in places])
