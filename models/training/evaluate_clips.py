"""Measures weights on prepared clips, for `models.training.evaluate --data clips:CACHE`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.checkpoint import load_checkpoint
from models.errors import ModelError
from models.spec import ModelSpec
from models.training.clip_answers import Answers, read_clips
from models.training.clip_cache import PARTS, ClipCache, Index
from models.training.figures import draw_answers
from models.training.metrics import summarise
from models.training.sampling import Sampling
from models.training.settings import fill


@dataclass(frozen=True)
class Reading:
    """How clips are read to be measured.

    Attributes:
        kind: of `Sampling`; "": as the weights were chosen by, else "segments".
        views: windows a clip; -1: as the weights were chosen by, else 1.
        workers: processes that decode.
        device: "auto", "cpu" or "cuda".
        batch: views read at once.
    """

    kind: str = ""
    views: int = -1
    workers: int = 0
    device: str = "auto"
    batch: int = 16


def sampling_for(spec: ModelSpec, reading: Reading) -> Sampling:
    """The sampling that a specification was measured with, changed as asked.

    Raises:
        ModelError: a value out of range.
    """
    kept = spec.metrics.get("test_sampling")
    values: dict[str, Any] = dict(kept) if isinstance(kept, dict) else {"span_s": spec.window_seconds}
    if reading.kind:
        values["kind"] = reading.kind
    if reading.views >= 0:
        values["views"] = reading.views
    sampling: Sampling = fill(Sampling, values, "sampling")
    return sampling


def known_clips(cache: ClipCache, indices: Index, labels: tuple[str, ...]) -> tuple[Index, Index]:
    """The clips whose class the model knows, and the model's numbers of their classes.

    Raises:
        ModelError: none.
    """
    number = np.array([labels.index(name) if name in labels else -1 for name in cache.labels], np.int64)
    targets = number[cache.targets[indices]]
    if not (targets >= 0).any():
        raise ModelError(f"classes: expected some of {', '.join(labels)}, got {', '.join(cache.labels)}")
    return indices[targets >= 0], targets[targets >= 0]


def evaluate_clips(
    weights: Path, folder: str, fold: str, split: str, reading: Reading, pictures: Path | None = None
) -> dict[str, Any]:
    """Figures of weights on one part of one fold, as JSON values.

    Classes go by name: clips of a class that the model does not know are left out and counted.

    Args:
        weights: safetensors of this project.
        folder: of the cache.
        fold: "" for the first.
        split: "train" or "test".
        reading: see Reading.
        pictures: folder for confusion matrix, map of the features and ISSM's positions; None: none.

    Raises:
        ModelError: weights, clips, fold or split that do not fit.
    """
    if split not in PARTS:
        raise ModelError(f"split: expected one of {', '.join(PARTS)} for clips, got {split!r}")
    cache = ClipCache.open(folder)
    fold = fold or cache.folds[0]
    model = load_checkpoint(weights)
    spec = model.spec
    device = reading.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    indices = cache.split(fold, split)
    chosen, targets = known_clips(cache, indices, spec.labels)
    sampling = sampling_for(spec, reading)
    read = read_clips(model.to(device), cache, chosen, sampling, batch=reading.batch, workers=reading.workers)
    answers = Answers(
        read.logits,
        torch.from_numpy(targets),
        read.feature,
        read.static_index,
        read.dynamic_index,
        read.steps,
    )
    if pictures is not None:
        draw_answers(answers, spec.labels, pictures)
    return {
        **summarise(answers.logits, answers.labels, spec.temperature, None, spec.labels),
        "unknown_class": len(indices) - len(chosen),
        "temperature": spec.temperature,
        "weights": weights.name,
        "data": "clips",
        "dataset": cache.dataset,
        "fold": fold,
        "split": split,
        "sampling": vars(sampling),
    }
