"""Pictures of an evaluation, as PNG: confusion matrix, map of the features, ISSM's positions."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from models.errors import ModelError
from models.training.clip_answers import Answers

Image = npt.NDArray[np.uint8]
Numbers = npt.NDArray[Any]

FONT = cv2.FONT_HERSHEY_SIMPLEX
BLACK, GREY, PALE = (0, 0, 0), (90, 90, 90), (225, 225, 225)
STATIC, DYNAMIC = (200, 110, 30), (0, 128, 240)  # BGR, the page's blue and orange
# BGR, told apart also with a weak sense of colour as far as eleven can be
COLOURS = (
    (180, 119, 31), (14, 127, 255), (44, 160, 44), (40, 39, 214), (189, 103, 148), (75, 86, 140),
    (194, 119, 227), (60, 60, 60), (34, 189, 188), (207, 190, 23), (150, 200, 120),
)  # fmt: skip
SEED = 20


def _write(image: Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), image):
        raise ModelError(f"{path}: expected a writable file, got none")


def _text(image: Image, text: str, x: int, y: int, size: float = 0.5, ink: Sequence[int] = BLACK) -> None:
    cv2.putText(image, text, (x, y), FONT, size, tuple(ink), 1, cv2.LINE_AA)


def _width(text: str, size: float = 0.5) -> int:
    return int(cv2.getTextSize(text, FONT, size, 1)[0][0])


def _upright(image: Image, text: str, x: int, y: int) -> None:
    """Text that is read from bottom to top, ending at y."""
    strip = np.full((18, _width(text) + 4, 3), 255, np.uint8)
    _text(strip, text, 2, 13)
    turned = np.rot90(strip)
    top = y - turned.shape[0]
    image[top:y, x : x + turned.shape[1]] = turned


def draw_confusion(confusion: Sequence[Sequence[int]], labels: Sequence[str], path: Path) -> None:
    """Writes the confusion matrix, rows in shares of the true class, as a PNG.

    Args:
        confusion: (K,K) counts; rows are true classes.
        labels: K names.
        path: of the picture.

    Raises:
        ModelError: another number of labels, or the file cannot be written.
    """
    size = len(confusion)
    if len(labels) != size:
        raise ModelError(f"labels: expected {size}, got {len(labels)}")
    cell, left = 72, max(map(_width, labels)) + 24
    top = left + 24
    image = np.full((top + cell * size + 8, left + cell * size + 8, 3), 255, np.uint8)
    for i, row in enumerate(confusion):
        for j, value in enumerate(row):
            share = value / max(1, sum(row))
            x, y = left + j * cell, top + i * cell
            shade = int(255 * (1 - share))
            cv2.rectangle(image, (x, y), (x + cell - 2, y + cell - 2), (255, shade // 2 + 127, shade), -1)
            ink = (255, 255, 255) if share > 0.55 else (40, 40, 40)
            percent = f"{100 * share:.0f} %"
            _text(image, percent, x + (cell - _width(percent, 0.55)) // 2, y + 34, 0.55, ink)
            _text(image, str(value), x + (cell - _width(str(value), 0.42)) // 2, y + 54, 0.42, ink)
    for i, name in enumerate(labels):
        _text(image, name, 10, top + i * cell + cell // 2 + 4)
        _upright(image, name, left + i * cell + cell // 2 - 10, top - 6)
    _text(image, "true: rows", 10, 20, 0.45, GREY)
    _text(image, "answered: columns", 10, 38, 0.45, GREY)
    _write(image, path)


def embed(features: Numbers) -> Numbers:
    """Features (N,C) as (N,2) by t-SNE, the same at each call.

    Raises:
        ModelError: fewer than 5 rows; or scikit-learn, of the extra `train`, is missing.
    """
    if len(features) < 5:
        raise ModelError(f"features: expected at least 5 rows, got {len(features)}")
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise ModelError("t-SNE: expected scikit-learn (pip install 'ifdd-live[train]'), got none") from None
    perplexity = min(30.0, (len(features) - 1) / 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        made = TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(features)
    return np.asarray(made)


def draw_features(
    features: Numbers, targets: npt.NDArray[np.int64], labels: Sequence[str], path: Path, limit: int = 3000
) -> None:
    """Writes a t-SNE map of features, coloured by true class, as a PNG.

    Args:
        features: (N,C).
        targets: (N,) true classes.
        labels: K names.
        path: of the picture.
        limit: so many clips at most, chosen at random: t-SNE takes long on more.

    Raises:
        ModelError: too few clips, scikit-learn is missing, or the file cannot be written.
    """
    if len(features) > limit:
        chosen = np.sort(np.random.default_rng(SEED).permutation(len(features))[:limit])
        features, targets = features[chosen], targets[chosen]
    place = embed(features)
    low, high = place.min(0), place.max(0)
    side, margin = 760, 20
    place = margin + (place - low) / np.maximum(high - low, 1e-9) * (side - 2 * margin)
    legend = max(map(_width, labels)) + 90
    image = np.full((side, side + legend, 3), 255, np.uint8)
    radius = 5 if len(place) <= 300 else 3
    for (x, y), target in zip(place.round().astype(int).tolist(), targets.tolist(), strict=True):
        cv2.circle(image, (x, y), radius, COLOURS[target % len(COLOURS)], -1, cv2.LINE_AA)
    cv2.line(image, (side, 0), (side, side), PALE, 1)
    for number, name in enumerate(labels):
        y = 40 + 26 * number
        cv2.circle(image, (side + 18, y), 6, COLOURS[number % len(COLOURS)], -1, cv2.LINE_AA)
        _text(image, f"{name} {int((targets == number).sum())}", side + 32, y + 5)
    _write(image, path)


def draw_positions(static: Numbers, dynamic: Numbers, steps: int, path: Path) -> None:
    """Writes how often ISSM samples where, as a PNG.

    Args:
        static, dynamic: (N,T'/2) positions in steps; out of range counts at the border.
        steps: T', the model's time steps.
        path: of the picture.
    """
    bins = 4 * steps
    left, top, width, height = 60, 46, 900, 260
    image = np.full((top + height + 60, left + width + 30, 3), 255, np.uint8)
    counts = [
        np.histogram(np.clip(each, 0, steps - 1), bins, (-0.5, steps - 0.5))[0] for each in (static, dynamic)
    ]
    highest = max(1, int(max(each.max() for each in counts)))
    bar = width / bins
    for number, (each, colour) in enumerate(zip(counts, (STATIC, DYNAMIC), strict=True)):
        for index, value in enumerate(each):
            x = left + index * bar + number * bar / 2
            y = top + height - round(height * int(value) / highest)
            cv2.rectangle(image, (round(x), y), (round(x + bar / 2 - 1), top + height), colour, -1)
    cv2.line(image, (left, top + height), (left + width, top + height), GREY, 1)
    for step in range(steps):
        x = left + (step + 0.5) * width / steps
        _text(image, str(step), round(x) - 5, top + height + 20, 0.45, GREY)
    _text(image, f"time step of {steps}", left + width // 2 - 50, top + height + 44, 0.45, GREY)
    _text(image, str(highest), 8, top + 8, 0.45, GREY)
    _text(image, "0", left - 18, top + height, 0.45, GREY)
    for number, (name, colour) in enumerate((("static", STATIC), ("dynamic", DYNAMIC))):
        x = left + 120 * number
        cv2.rectangle(image, (x, 14), (x + 14, 28), colour, -1)
        _text(image, name, x + 22, 26)
    _text(image, f"where ISSM samples, {len(static)} clips", left + 260, 26, 0.5, GREY)
    _write(image, path)


def draw_answers(answers: Answers, labels: Sequence[str], folder: Path) -> None:
    """Writes `confusion.png`, `features.png` and, for a model with ISSM, `issm.png` into a folder.

    Raises:
        ModelError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    classes = len(labels)
    pairs = answers.labels * classes + answers.logits.argmax(1)
    counts = torch.bincount(pairs, minlength=classes**2).view(classes, classes)
    draw_confusion(counts.tolist(), labels, folder / "confusion.png")
    if answers.static_index is not None and answers.dynamic_index is not None:
        static, dynamic = answers.static_index.numpy(), answers.dynamic_index.numpy()
        draw_positions(static, dynamic, answers.steps, folder / "issm.png")
    try:
        draw_features(answers.feature.numpy(), answers.labels.numpy(), labels, folder / "features.png")
    except ModelError as error:  # without scikit-learn, or too few clips: the figures still count
        print(f"no map of the features: {error}", file=sys.stderr)
