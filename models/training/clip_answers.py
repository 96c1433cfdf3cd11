"""A model's answers on cached clips: deterministic, averaged over views, shared by all devices."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from models.errors import ModelError
from models.model import Model
from models.training.clip_augment import evaluation
from models.training.clip_cache import ClipCache, Index
from models.training.clip_loader import clip_loader
from models.training.sampling import Sampling

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # an extra that only training needs


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of N clips, on the CPU; each row is the mean over the clip's views.

    Attributes:
        logits: (N,K) float32.
        labels: (N,) int64, the clips' own.
        feature: (N,C) float32, what the head reads.
        static_index, dynamic_index: (N,T'/2) float32, None without ISSM.
        steps: T', 0 without ISSM.
    """

    logits: Tensor
    labels: Tensor
    feature: Tensor
    static_index: Tensor | None
    dynamic_index: Tensor | None
    steps: int


@torch.no_grad()
def read_clips(
    model: Model,
    cache: ClipCache,
    indices: Index,
    sampling: Sampling,
    *,
    batch: int = 16,
    workers: int = 0,
    fabric: Fabric | None = None,
    title: str = "reading",
) -> Answers:
    """Reads clips in all views of a sampling.

    With `fabric` each process reads its share and all return all answers; every process must call.

    Args:
        model: on its device; is put into evaluation mode for the while.
        cache: prepared clips.
        indices: which of them, rising.
        sampling: see Sampling; its views are the deterministic ones.
        batch: views read at once by a process.
        workers: processes that decode.
        fabric: launched, or None.
        title: of the progress bar.

    Raises:
        ModelError: no clips.
    """
    if not len(indices):
        raise ModelError("clips: expected some to read, got none")
    rank, world = (fabric.global_rank, fabric.world_size) if fabric is not None else (0, 1)
    device = next(model.parameters()).device
    sums: dict[str, Tensor] = {}
    steps = 0
    counts = torch.zeros(len(indices), 1, device=device)
    was_training = model.training
    model.eval()
    mine = indices[rank::world]
    if len(mine):
        loader = clip_loader(cache, mine, frames=model.spec.frames, sampling=sampling, batch=batch,
                             workers=workers, train=False)  # fmt: skip
        for clips, _, numbers in tqdm(loader, title, file=sys.stderr, mininterval=5, disable=rank > 0,
                                      leave=False):  # fmt: skip
            with fabric.autocast() if fabric is not None else contextlib.nullcontext():
                out = model(evaluation(clips.to(device, non_blocking=True), model.spec))
            rows = torch.from_numpy(np.searchsorted(indices, numbers.numpy())).to(device)
            counts.index_add_(0, rows, torch.ones(len(rows), 1, device=device))
            values = {"logits": out.logits, "feature": out.feature}
            if out.static_index is not None and out.dynamic_index is not None:
                assert out.correlation is not None
                steps = out.correlation.shape[-1]
                values |= {"static": out.static_index, "dynamic": out.dynamic_index}
            for name, value in values.items():
                if name not in sums:
                    sums[name] = torch.zeros(len(indices), value.shape[1], device=device)
                sums[name].index_add_(0, rows, value.float())
    model.train(was_training)
    if fabric is not None and world > 1:
        if len(indices) < world:  # a process without clips knows no shapes
            raise ModelError(f"clips: expected at least one a process ({world}), got {len(indices)}")
        counts = _summed(fabric, counts)
        sums = {name: _summed(fabric, value) for name, value in sums.items()}
    means = {name: (value / counts).cpu() for name, value in sums.items()}
    labels = torch.from_numpy(np.asarray(cache.targets[indices], np.int64))
    return Answers(
        means["logits"], labels, means["feature"], means.get("static"), means.get("dynamic"), steps
    )


def _summed(fabric: Fabric, value: Tensor) -> Tensor:
    total = fabric.all_reduce(value, reduce_op="sum")
    assert isinstance(total, Tensor)
    return total
