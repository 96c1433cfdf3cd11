"""What ISSM did in one window, for people who want to look: correlations, positions, groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from realtime.values import FloatArray

STATIC, DYNAMIC, BOTH, NONE = "static", "dynamic", "both", "none"


@dataclass(frozen=True, slots=True, eq=False)
class Details:
    """ISSM's numbers for one window, as the network's forward pass gives them.

    Attributes:
        frames: T, the window's crops.
        correlation: (T',T') float32, similarity of the model's time steps before the softmax; T' is T, or
            less for a network that shortens time first.
        static_index, dynamic_index: (T'/2,) float32, positions in the window, 0 to T-1.
    """

    frames: int
    correlation: FloatArray
    static_index: FloatArray
    dynamic_index: FloatArray

    def __post_init__(self) -> None:
        steps = len(self.correlation)
        if self.correlation.shape != (steps, steps):
            raise ValueError(f"Details.correlation: expected (T',T'), got {self.correlation.shape}")

    def to_json(self, face_id: int, t_s: float) -> dict[str, Any]:
        """The object for `GET /api/issm`.

        Args:
            face_id: whose window it is.
            t_s: the time of its newest crop, seconds.
        """
        return {
            "face_id": face_id,
            "t": round(t_s, 4),
            "frames": self.frames,
            "correlation": [[round(float(each), 5) for each in row] for row in self.correlation],
            "static": [round(float(each), 4) for each in self.static_index],
            "dynamic": [round(float(each), 4) for each in self.dynamic_index],
            "groups": groups(self.frames, self.static_index, self.dynamic_index),
        }


def groups(frames: int, static_index: FloatArray, dynamic_index: FloatArray) -> list[str]:
    """For each crop the group that it gives most to: a position counts for the crop nearest to it.

    Args:
        frames: T.
        static_index, dynamic_index: positions, 0 to T-1.
    """
    static, dynamic = _nearest(frames, static_index), _nearest(frames, dynamic_index)
    return [
        BOTH if in_static and in_dynamic else STATIC if in_static else DYNAMIC if in_dynamic else NONE
        for in_static, in_dynamic in zip(static, dynamic, strict=True)
    ]


def _nearest(frames: int, index: FloatArray) -> npt.NDArray[np.bool_]:
    hit = np.zeros(frames, bool)
    hit[np.clip(np.floor(index + 0.5).astype(int), 0, frames - 1)] = True
    return hit
