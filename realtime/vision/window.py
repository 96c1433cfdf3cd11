"""Which crops make a window: the nearest ones to a fixed grid in time, whatever the camera's rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A window: the positions of its crops in the history, and the time of its last grid point."""

    index: npt.NDArray[np.int64]
    grid_ns: int


def choose_window(
    times_ns: npt.NDArray[np.int64], anchor_ns: int, frames: int, span_ns: int
) -> Choice | None:
    """Chooses the newest window of a history without gaps, or None where the history is too short.

    The grid stands at `anchor_ns + k * span_ns / (frames - 1)` and does not move with the newest frame.
    So a 15 fps, a 30 fps and a jittering camera give the model the same spacing, a grid point's crop never
    changes once it is chosen, and overlapping windows share their crops, which makes cached features
    reusable.

    Args:
        times_ns: (n,) rising times of the held crops.
        anchor_ns: time of the first crop since the last gap; it may have left the history since.
        frames: T >= 2.
        span_ns: time from the window's first to its last grid point.
    """
    steps = frames - 1
    last = _last_point(times_ns, anchor_ns, steps, span_ns)
    if last < steps:
        return None
    grid = anchor_ns + np.arange(last - steps, last + 1) * span_ns // steps
    if grid[0] < times_ns[0]:
        return None  # the history no longer reaches back to the window's first point
    return Choice(_nearest(times_ns, grid), int(grid[-1]))


def newest_index(times_ns: npt.NDArray[np.int64], anchor_ns: int, frames: int, span_ns: int) -> int:
    """The position of the crop at the last grid point, with which the next windows end; any history.

    Args:
        times_ns, anchor_ns, frames, span_ns: as in `choose_window`; at least one crop.
    """
    steps = frames - 1
    last = max(0, _last_point(times_ns, anchor_ns, steps, span_ns))
    return int(_nearest(times_ns, np.array([anchor_ns + last * span_ns // steps]))[0])


def _last_point(times_ns: npt.NDArray[np.int64], anchor_ns: int, steps: int, span_ns: int) -> int:
    """The number of the last grid point whose nearest crop is known.

    That is one that the newest crop has passed, or missed by so little that no later crop can be nearer
    (rings keep crops a third of a step apart). Without that tolerance a camera in step with the grid would
    wait a whole frame whenever it is a microsecond early.
    """
    near_ns = span_ns // (10 * steps)
    return (int(times_ns[-1]) + near_ns - anchor_ns) * steps // span_ns


def _nearest(times_ns: npt.NDArray[np.int64], grid: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    after = np.minimum(np.searchsorted(times_ns, grid), len(times_ns) - 1)
    before = np.maximum(after - 1, 0)
    nearer_before = grid - times_ns[before] <= times_ns[after] - grid
    return np.where(nearer_before, before, after)
