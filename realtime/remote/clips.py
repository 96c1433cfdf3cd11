"""What travels to a replica and back for one window. Needs numpy alone, so that any process can hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from realtime.values import FloatArray

LATE, DONE, FAILED = "late", "done", "failed"


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One window as a replica reads it: new crops as pixels, the others as features that came back before.

    A replica keeps nothing between two clips, so any of them can take the next one.

    Attributes:
        pixels: (n,c,S,S) float32, the model's input for new crops, c = 1 where its channels are equal; or
            (n,H,W,3) uint8, crops as vision keeps them, where those are smaller.
        features: (m,C,h,w) float32, features of crops that were encoded before; None: there are none.
        rows: (T,) the window's crops in order: below n an index into `pixels`, from n on into `features`.
    """

    pixels: npt.NDArray[Any]
    features: FloatArray | None
    rows: npt.NDArray[np.int64]
