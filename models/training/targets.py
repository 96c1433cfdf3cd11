"""What is to be learnt of pictures whose labels are noisy, smoothed, or known to be wrong."""

from __future__ import annotations

from torch import Tensor, nn, where

LEAST = 1e-3  # probability of a class: none is ruled out


def unsmoothed(answers: Tensor, smoothing: float) -> Tensor:
    """Probabilities (N,K) as they would be if what was learnt had not been smoothed.

    Smoothed labels make a model answer 0.9 where it is right 99 times of 100; no temperature mends that.
    """
    sharp = (answers - smoothing / answers.shape[1]).clamp(min=LEAST)
    return sharp / sharp.sum(1, keepdim=True)


def without(targets: Tensor, labels: Tensor, denied: Tensor) -> Tensor:
    """Targets (N,K); those of the denied, (N,) bool, without their label, the rest scaled to a sum of 1."""
    others = 1 - nn.functional.one_hot(labels, targets.shape[1])
    left = (targets + 1e-6) * others
    return where(denied[:, None], left / left.sum(1, keepdim=True), targets)
