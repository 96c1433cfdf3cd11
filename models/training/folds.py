"""Which clips a fold learns from, chooses by and is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.errors import ModelError
from models.training.clip_cache import ClipCache, Index
from models.training.recipe import Validation


@dataclass(frozen=True, eq=False)
class Fold:
    """Rising indices into the cache.

    Attributes:
        train: learnt from.
        validation: choose the epoch, and temperature and intensity; empty: nothing does.
        test: the fold's figures.
    """

    train: Index
    validation: Index
    test: Index


def hold_out(targets: Index, indices: Index, share: float, seed: int) -> tuple[Index, Index]:
    """Divides clips at random, each class alike.

    Args:
        targets: of the whole cache.
        indices: to divide.
        share: of each class that is held out, rounded; a class keeps at least one clip to learn from.
        seed: of the choice.

    Returns:
        kept and held-out indices, rising.

    Raises:
        ModelError: nothing would be held out.
    """
    random = np.random.default_rng(seed)
    held = []
    for label in np.unique(targets[indices]):
        mine = random.permutation(indices[targets[indices] == label])
        held.append(mine[: min(round(share * len(mine)), len(mine) - 1)])
    chosen = np.sort(np.concatenate(held))
    if not len(chosen):
        raise ModelError(
            f"validation share: expected enough to hold out a clip of {len(indices)}, got {share}"
        )
    return np.setdiff1d(indices, chosen), chosen


def divide(cache: ClipCache, fold: str, settings: Validation, seed: int) -> Fold:
    """The parts of a fold.

    Raises:
        ModelError: no such fold, or nothing to hold out.
    """
    train, test = cache.split(fold, "train"), cache.split(fold, "test")
    if settings.on == "test":
        return Fold(train, test, test)
    if settings.share == 0:
        return Fold(train, np.zeros(0, np.int64), test)
    kept, held = hold_out(cache.targets, train, settings.share, seed)
    return Fold(kept, held, test)
