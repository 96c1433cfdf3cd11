"""From logits to what is shown: probabilities and intensity, for the model's logits and adjusted ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.spec import ModelSpec
from realtime.values import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What one window is shown as, before smoothing.

    Attributes:
        probabilities: (K,) float32, sum 1.
        intensity: 0 to 1, see `intensity_of`.
        calibrated: the person's own rest was taken into account.
        taught: a head that was taught on the person's own expressions was used.
    """

    probabilities: FloatArray
    intensity: float
    calibrated: bool = False
    taught: bool = False


def probabilities_of(logits: FloatArray, spec: ModelSpec) -> FloatArray:
    """softmax(logits / temperature), (...,K) float32."""
    scaled = logits.astype(np.float64) / spec.temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    found: FloatArray = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return found


def intensity_of(logits: FloatArray, spec: ModelSpec) -> float:
    """0 to 1: sigmoid(scale * margin + offset) of the strongest logit's margin over its strongest rival.

    Args:
        logits: (K,).
        spec: gives scale and offset.
    """
    second, first = np.partition(logits, -2)[-2:]
    return 1 / (1 + math.exp(-(spec.intensity_scale * float(first - second) + spec.intensity_offset)))
