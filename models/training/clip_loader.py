"""Batches of clips from a cache, in an order that hangs on seed and epoch alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from models.errors import ModelError
from models.training.clip_cache import ClipCache
from models.training.sampling import Sampling, views
from models.training.workers import worker_context

Index = npt.NDArray[np.int64]
Batch = tuple[Tensor, Tensor, Tensor]  # (B,T,H,W,3) uint8, (B,) labels, (B,) indices into the cache


class ClipReadings(Dataset[tuple[npt.NDArray[np.uint8], int, int]]):
    """One reading of a clip at each position: drawn to train, else a clip's views in turn."""

    def __init__(
        self,
        cache: ClipCache,
        clips: Index,
        frames: int,
        sampling: Sampling,
        seed: tuple[int, int] | None,
        places: Index | None = None,
    ) -> None:
        """Plans the readings.

        Args:
            cache: where pictures come from.
            clips: indices into the cache, in order; with a seed each is read once, else once a view.
            frames: T.
            sampling: which frames.
            seed: (seed, epoch) of what is drawn; None for the deterministic views.
            places: of the clips in the whole epoch, so that what is drawn does not hang on how many share it.
        """
        self._cache, self._frames, self._sampling, self._seed = cache, frames, sampling, seed
        self._places = np.arange(len(clips)) if places is None else places
        self._plan: list[tuple[int, int]] = [
            (int(clip), view)
            for clip in clips
            for view in range(1 if seed is not None else sampling.view_count(cache.count(int(clip)), frames))
        ]

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, position: int) -> tuple[npt.NDArray[np.uint8], int, int]:
        clip, view = self._plan[position]
        times_s = self._cache.times_s(clip)
        if self._seed is None:
            chosen = views(times_s, self._frames, self._sampling)[view]
        else:
            random = np.random.default_rng((*self._seed, clip, int(self._places[position])))
            chosen = self._sampling.choose(times_s, self._frames, random)
        return self._cache.frames(clip, chosen), int(self._cache.targets[clip]), clip


def _collate(readings: Sequence[tuple[npt.NDArray[np.uint8], int, int]]) -> Batch:
    pictures, labels, clips = zip(*readings, strict=True)
    return torch.from_numpy(np.stack(pictures)), torch.tensor(labels), torch.tensor(clips)


def _one_thread(_: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def epoch_order(
    indices: Index, batch: int, seed: int, epoch: int, rank: int, world: int
) -> tuple[Index, Index]:
    """What one process of `world` reads in one epoch, a whole number of its batches, and its places there.

    Batch k of process r is batch `k * world + r` of one process that reads alone in batches of the same size,
    so that all together read, step by step, what it would. What is left at an epoch's end is dropped, as the
    papers do; a set smaller than one step is repeated.

    Returns:
        (n,) clips in order, and (n,) their places in the whole epoch.
    """
    order = np.random.default_rng((seed, epoch)).permutation(np.asarray(indices, np.int64))
    step = batch * world
    if len(order) < step:
        order = np.resize(order, step)
    places = np.arange(len(order) // step * step).reshape(-1, world, batch)[:, rank].reshape(-1)
    return order[places], places


def clip_loader(
    cache: ClipCache,
    indices: Index,
    *,
    frames: int,
    sampling: Sampling | str = "segments",
    batch: int,
    workers: int = 0,
    seed: int = 0,
    epoch: int = 0,
    rank: int = 0,
    world: int = 1,
    train: bool = True,
    first: int = 0,
) -> DataLoader[Any]:
    """Batches of clips; the same ones in the same order whatever the number of workers.

    Args:
        cache: prepared clips.
        indices: which of them, as `ClipCache.split` gives them.
        frames: T, frames of a reading.
        sampling: which frames of a clip, or the name of a kind.
        batch: clips in a batch of this process.
        workers: processes that decode; 0 decodes in the calling one.
        seed, epoch: of order and sampling.
        rank, world: this process's number of how many share the work.
        train: shuffled, drawn anew in each epoch, in whole batches; else in order, each clip in all views
            of `sampling`, so that an index can come more than once, and every clip comes.
        first: batches of the epoch to leave out because an earlier run did them.

    Returns:
        a loader of (pictures (B,T,H,W,3) uint8 RGB, labels (B,) int64, indices (B,) int64 into the cache).

    Raises:
        ModelError: no clips, or a number out of range.
    """
    sampling = Sampling(sampling) if isinstance(sampling, str) else sampling
    if not len(indices):
        raise ModelError("clips: expected some to read, got none")
    for name, value, low in (("frames", frames, 1), ("batch", batch, 1), ("workers", workers, 0),
                             ("world", world, 1), ("first", first, 0)):  # fmt: skip
        if value < low:
            raise ModelError(f"{name}: expected at least {low}, got {value}")
    if not 0 <= rank < world:
        raise ModelError(f"rank: expected 0..{world - 1}, got {rank}")
    if train:
        clips, places = epoch_order(indices, batch, seed, epoch, rank, world)
        readings = ClipReadings(cache, clips, frames, sampling, (seed, epoch), places)
    else:
        readings = ClipReadings(cache, np.asarray(indices, np.int64)[rank::world], frames, sampling, None)
    positions = range(min(first * batch, len(readings)), len(readings))
    return DataLoader(
        readings,
        batch_size=batch,
        sampler=positions,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_one_thread if workers else None,
        multiprocessing_context=worker_context(__name__) if workers else None,
    )
