"""What a classifier reached: accuracy, recalls, confusion, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.errors import ModelError
from models.spec import BASIC_LABELS

BINS = 15  # of the calibration error, as is usual


@dataclass(frozen=True)
class Scores:
    """Figures of one evaluation; shares are 0 to 1.

    Attributes:
        war: share of correct answers (weighted average recall).
        uar: mean of the classes' recalls, over the classes that occur.
        recall: by class; None where the class does not occur.
        confusion: rows are true classes, columns answers, counts.
        count: pictures or clips.
    """

    war: float
    uar: float
    recall: tuple[float | None, ...]
    confusion: tuple[tuple[int, ...], ...]
    count: int


def score(logits: Tensor, labels: Tensor) -> Scores:
    """Scores of logits (N,K) against labels (N,) int64.

    Raises:
        ModelError: shapes that do not fit, or nothing to score.
    """
    if logits.dim() != 2 or labels.shape != logits.shape[:1] or len(labels) == 0:
        raise ModelError(
            f"score: expected (N,K) and (N,), got {tuple(logits.shape)} and {tuple(labels.shape)}"
        )
    classes = logits.shape[1]
    confusion = torch.bincount(labels * classes + logits.argmax(1), minlength=classes**2).view(
        classes, classes
    )
    counts, hits = confusion.sum(1), confusion.diagonal()
    recall = tuple(int(hit) / int(count) if count else None for hit, count in zip(hits, counts, strict=True))
    known = [each for each in recall if each is not None]
    return Scores(
        war=int(hits.sum()) / len(labels),
        uar=sum(known) / len(known),
        recall=recall,
        confusion=tuple(tuple(int(each) for each in row) for row in confusion),
        count=len(labels),
    )


def summarise(
    logits: Tensor,
    labels: Tensor,
    temperature: float,
    classes: Sequence[str] | None = None,
    names: Sequence[str] = BASIC_LABELS,
) -> dict[str, Any]:
    """Scores as JSON values.

    Args:
        logits: (N,K).
        labels: (N,) int64.
        temperature: of the calibration error "after".
        classes: whose recalls make up `uar`; answers count among all. None: all.
        names: K class names.

    Raises:
        ModelError: none of `classes` occurs.
    """
    scores = score(logits, labels)
    recall = dict(zip(names, scores.recall, strict=True))
    chosen = [value for name, value in recall.items() if name in (classes or names) and value is not None]
    if not chosen:
        raise ModelError(f"classes: expected some that occur, got {', '.join(classes or names)}")
    return {
        "war": scores.war,
        "uar": sum(chosen) / len(chosen),
        "recall": recall,
        "confusion": [list(row) for row in scores.confusion],
        "ece_before": calibration_error(logits, labels),
        "ece_after": calibration_error(logits, labels, temperature),
        "count": scores.count,
    }


def calibration_error(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> float:
    """Expected calibration error: the weighted gap of confidence and accuracy over 15 equal bins."""
    confidence, answer = torch.softmax(logits.double() / temperature, 1).max(1)
    right = (answer == labels).double()
    number = (confidence * BINS).long().clamp(max=BINS - 1)
    gaps = torch.zeros(BINS, dtype=torch.double).index_add(0, number, confidence - right)
    return float(gaps.abs().sum() / len(labels))


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature of least cross entropy, 0.05 to 20, by golden-section search over its logarithm."""
    logits = logits.double()

    def cost(log_temperature: float) -> float:
        scaled = logits / torch.tensor(log_temperature, dtype=torch.double).exp()
        return float(torch.nn.functional.cross_entropy(scaled, labels))

    low, high = -3.0, 3.0
    ratio = (5**0.5 - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    for _ in range(60):
        if cost(a) < cost(b):
            high = b
        else:
            low = a
        a, b = high - ratio * (high - low), low + ratio * (high - low)
    return float(torch.tensor((low + high) / 2).exp())


def margins(logits: Tensor) -> Tensor:
    """By how much the strongest logit exceeds its strongest rival: (N,K) to (N,)."""
    top = logits.topk(2, dim=1).values
    return top[:, 0] - top[:, 1]
