"""Recipes at a small size and a tiny data set, quick enough to train in a test.

Size, depth and numbers of clips and epochs shrink; a published batch, rate and schedule are made for many
thousand clips and would take hours here, so that the rate is raised and the warm-up cut. Loss, reading,
sampling, optimiser and what chooses the epoch stay the recipe's own.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.convert import DATASET_LABELS
from models.training.clip_cache import CachedClip, ClipCache, ClipWriter
from tests.tiny_datasets import FPS, clip_frames, clip_labels, in_test

SMALL_MODEL: dict[str, tuple[str, ...]] = {
    "ial-gca": ("model.overrides.size=32", "model.overrides.frames=4"),
    "ifdd-mvit-xs": ("model.overrides.size=32", "model.overrides.frames=8", "model.drop_path=0.0"),
    "ifdd-vit": (
        *("model.overrides.size=32", "model.overrides.frames=8", "model.overrides.depth=1"),
        *("model.drop_path=0.0", "optimisation.layer_decay=1.0"),
    ),
    "ifdd-stream": (
        *("model.overrides.size=32", "model.overrides.frames=8", "model.overrides.width=32"),
        *("model.overrides.encoder=resnet-narrow", "model.overrides.view=1.0"),
    ),
}
QUICK = (
    *("accelerator=cpu", "precision=32-true", "workers=0", "optimisation.batch=4", "validation.share=0.25"),
    *("optimisation.warm_up=0", "optimisation.average=0.0", "model.dropout=0.0", "test_sampling.views=1"),
    *("augment.area=[0.95, 1.0]", "augment.hue=0.0", "augment.turn_deg=0.0"),
    *("augment.brightness=0.1", "augment.contrast=0.1", "augment.saturation=0.1"),
)
FRAMES, SIDE = 8, 32


def small(model: str, *changes: str) -> list[str]:
    """What `--set` takes to make a model's recipes small, then `changes`, as command line arguments."""
    return [word for change in (*SMALL_MODEL[model], *QUICK, *changes) for word in ("--set", change)]


def face_cache(folder: Path, clips: int = 40, dataset: str = "dfew", folds: int = 5) -> ClipCache:
    """A finished cache of tiny clips cut tight about the face, so that 32 pixels show the mouth."""
    labels = DATASET_LABELS[dataset]
    writer = ClipWriter(folder, dataset=dataset, labels=labels, side=SIDE, coding="raw")
    named = []
    for number, label in enumerate(clip_labels(clips)):
        wide = clip_frames(label, number, FRAMES)[:, 50:170, 40:160]
        frames = np.stack([cv2.resize(each, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for each in wide])
        writer.add(f"{number:05d}", frames.astype(np.uint8), np.arange(FRAMES) / FPS)
        parts = {str(k + 1): "test" if in_test(number, k, folds) else "train" for k in range(folds)}
        named.append(CachedClip(f"{number:05d}", labels.index(label), parts))
    return writer.finish(named, [str(k + 1) for k in range(folds)])
