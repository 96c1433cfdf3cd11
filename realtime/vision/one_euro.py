"""The One Euro filter (Casiez, Roussel and Vogel 2012): smooth when slow, quick when fast."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from realtime.clock import to_s

Vector = npt.NDArray[np.float64]


class OneEuro:
    """Filters a vector over time, each component with its own speed.

    Time is an argument, so the result does not depend on the frame rate being constant.
    """

    def __init__(self, min_cutoff_hz: float, beta: float, derivative_cutoff_hz: float = 1.0) -> None:
        """Makes the filter.

        Args:
            min_cutoff_hz: cut-off at rest; lower removes more jitter.
            beta: how much the cut-off rises with speed (Hz per unit/s); higher lags less.
            derivative_cutoff_hz: cut-off of the speed estimate.
        """
        self._min_cutoff_hz = min_cutoff_hz
        self._beta = beta
        self._derivative_cutoff_hz = derivative_cutoff_hz
        self._t_ns: int | None = None
        self._value: Vector = np.zeros(0)
        self._speed: Vector = np.zeros(0)

    def __call__(self, t_ns: int, value: Vector) -> Vector:
        """The filtered value at `t_ns`; a time that does not rise returns the last result."""
        if self._t_ns is None:
            self._t_ns, self._value, self._speed = t_ns, value.copy(), np.zeros_like(value)
            return value
        elapsed_s = to_s(t_ns - self._t_ns)
        if elapsed_s <= 0:
            return self._value
        speed = (value - self._value) / elapsed_s
        self._speed += _weight(self._derivative_cutoff_hz, elapsed_s) * (speed - self._speed)
        cutoff_hz = self._min_cutoff_hz + self._beta * np.abs(self._speed)
        weights = np.array([_weight(each, elapsed_s) for each in cutoff_hz])
        self._value = self._value + weights * (value - self._value)
        self._t_ns = t_ns
        return self._value


def _weight(cutoff_hz: float, elapsed_s: float) -> float:
    """First-order low-pass weight of the new value, in the form that is exact at any frame rate."""
    return 1 - math.exp(-2 * math.pi * cutoff_hz * elapsed_s)
