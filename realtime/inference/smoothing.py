"""Stable labels: probabilities averaged over time, a label that does not flicker, and an honest "unsure"."""

from __future__ import annotations

import math

import numpy as np

from realtime.clock import to_ns
from realtime.values import FloatArray

UNSURE = "unsure"


class Smoother:
    """Smooths one face's readings. Times are arguments, so the prediction rate does not matter.

    Two thresholds each keep the label still: another class must lead the shown one by `switch_margin`, and
    "unsure" is left only when the confidence is `hysteresis` above where it was entered.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        *,
        time_constant_s: float,
        unsure_below: float,
        switch_margin: float,
        hysteresis: float = 0.05,
    ) -> None:
        self._labels = labels
        self._time_constant_ns = to_ns(time_constant_s)
        self._unsure_below = unsure_below
        self._switch_margin = switch_margin
        self._hysteresis = hysteresis
        self._t_ns: int | None = None
        self._probabilities: FloatArray = np.zeros(len(labels), np.float32)
        self._intensity = 0.0
        self._shown: int | None = None  # None while unsure

    def update(
        self, t_ns: int, probabilities: FloatArray, intensity: float
    ) -> tuple[FloatArray, str, float, float]:
        """Takes one reading in.

        Args:
            t_ns: time of the window's newest crop.
            probabilities: (K,) float32, sum 1.
            intensity: 0 to 1.

        Returns:
            Smoothed probabilities, the label to show, its confidence, smoothed intensity.
        """
        if self._t_ns is None or self._time_constant_ns == 0:
            weight = 1.0
        else:
            weight = 1 - math.exp(-max(0, t_ns - self._t_ns) / self._time_constant_ns)
        self._t_ns = t_ns
        self._probabilities = self._probabilities + np.float32(weight) * (probabilities - self._probabilities)
        self._intensity += weight * (intensity - self._intensity)
        smooth = self._probabilities
        best = int(smooth.argmax())
        confidence = float(smooth[best])
        if self._shown is None:
            if confidence >= self._unsure_below + self._hysteresis:
                self._shown = best
        elif confidence < self._unsure_below:
            self._shown = None
        elif smooth[best] - smooth[self._shown] > self._switch_margin:
            self._shown = best
        label = UNSURE if self._shown is None else self._labels[self._shown]
        return smooth.copy(), label, confidence, self._intensity
