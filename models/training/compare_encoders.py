"""Accuracy against cost of the per-frame encoders: `python -m models.training.compare_encoders --data FILE`.

Each candidate gets the same short training on still faces (same seed, same pictures in the same order,
same schedule) and is scored on the part of the data that is meant for choosing. The cost is the time of
one frame at batch 1 on one CPU core. The printed table is Markdown.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.backbones.frame_encoder import ENCODERS, create_encoder
from models.errors import ModelError
from models.preprocess import to_tensor
from models.registry import default_spec
from models.spec import ModelSpec

TRAINING, CHOOSING = 0, 1  # values of `split` in the data file


@dataclass(frozen=True)
class Stills:
    """Labelled pictures in two parts: (N,H,W) uint8 grey and (N,) int64 each."""

    train_images: Tensor
    train_labels: Tensor
    choose_images: Tensor
    choose_labels: Tensor


def read_stills(path: Path) -> Stills:
    """Reads `images` (N,H,W) uint8, `labels` and `split` (0 training, 1 choosing) from an npz file.

    Raises:
        ModelError: no such file, or it holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            images, labels, split = data["images"], data["labels"], data["split"]
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(
            f"{path}: expected an npz file with images, labels and split, got: {error}"
        ) from None
    if images.dtype != np.uint8 or images.ndim != 3 or not len(images) == len(labels) == len(split):
        raise ModelError(f"{path}: expected (N,H,W) uint8 and N labels, got {images.shape} {images.dtype}")
    parts = []
    for which in (TRAINING, CHOOSING):
        chosen = split == which
        if not chosen.any():
            raise ModelError(f"{path}: expected pictures with split {which}, got none")
        parts += [torch.from_numpy(images[chosen]), torch.from_numpy(labels[chosen].astype(np.int64))]
    return Stills(*parts)


def _pixels(images: Tensor, spec: ModelSpec) -> Tensor:
    return to_tensor(images.unsqueeze(-1).expand(-1, -1, -1, 3), spec)


def augment(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Mirrors half of the pictures and turns, scales and shifts each a little.

    Args:
        pictures: (N,C,S,S).
        generator: source of all chance.
    """
    count = len(pictures)

    def draw(spread: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * spread

    angle, scale = draw(math.radians(12)), 1 + draw(0.12)
    mirror = torch.where(draw(1) > 0, 1.0, -1.0)
    rows = [torch.cos(angle) * scale * mirror, -torch.sin(angle) * scale, draw(0.12)]
    rows += [torch.sin(angle) * scale * mirror, torch.cos(angle) * scale, draw(0.12)]
    grid = F.affine_grid(torch.stack(rows, 1).view(count, 2, 3), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


class StillClassifier(nn.Module):
    """An encoder, the mean over its map, and a linear head."""

    def __init__(self, encoder: str, width: int, classes: int) -> None:
        super().__init__()
        self.encoder = create_encoder(encoder, width)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(width, classes))

    def forward(self, pictures: Tensor) -> Tensor:
        """(N,3,S,S) to (N,K)."""
        out: Tensor = self.head(self.encoder(pictures).mean((2, 3)))
        return out


@dataclass(frozen=True)
class Recipe:
    """How long and how each candidate is trained."""

    epochs: float = 3.0
    batch: int = 64
    seed: int = 1
    bfloat16: bool = False


def train(encoder: str, stills: Stills, spec: ModelSpec, recipe: Recipe) -> nn.Module:
    """A StillClassifier after `recipe.epochs` passes, with the rate rising and falling once."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    model: Any = StillClassifier(encoder, 128, int(stills.train_labels.max()) + 1)
    model.to(memory_format=torch.channels_last)
    count = len(stills.train_images)
    batch = min(recipe.batch, count)
    steps = max(2, int(recipe.epochs * (count // batch)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(order) < batch:
            order = torch.randperm(count, generator=generator)
        chosen, order = order[:batch], order[batch:]
        pictures = augment(_pixels(stills.train_images[chosen], spec), generator)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
            logits = model(pictures)
        loss = F.cross_entropy(logits.float(), stills.train_labels[chosen], label_smoothing=0.1)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    trained: nn.Module = model.eval().to(memory_format=torch.contiguous_format)
    return trained


@torch.inference_mode()
def accuracy(model: nn.Module, stills: Stills, spec: ModelSpec) -> float:
    """Share of the choosing part that is named rightly, 0 to 1."""
    right = 0
    parts = (torch.split(stills.choose_images, 256), torch.split(stills.choose_labels, 256))
    for images, labels in zip(*parts, strict=True):
        right += int((model(_pixels(images, spec)).argmax(1) == labels).sum())
    return right / len(stills.choose_labels)


@torch.inference_mode()
def milliseconds_a_frame(encoder: nn.Module, size: int, repeats: int = 100) -> float:
    """Median processor time of one frame at batch 1, on the thread that calls."""
    frame = torch.zeros(1, 3, size, size)
    times = []
    for _ in range(repeats + 10):
        start = time.thread_time()
        encoder(frame)
        times.append(time.thread_time() - start)
    return statistics.median(times[10:]) * 1000


def compare(stills: Stills, names: Sequence[str], size: int, recipe: Recipe) -> list[str]:
    """Trains and measures each candidate, printing a row as it is done.

    Returns:
        the rows of the Markdown table, without its head.
    """
    spec = default_spec("ifdd-stream").replace(size=size)
    rows = []
    for name in names:
        start = time.monotonic()
        model = train(name, stills, spec, recipe)
        minutes = (time.monotonic() - start) / 60
        encoder = model.get_submodule("encoder")
        parameters = sum(each.numel() for each in encoder.parameters()) / 1e6
        row = (
            f"| {name} | {accuracy(model, stills, spec):.1%} | {parameters:.2f} | "
            f"{milliseconds_a_frame(encoder, size):.1f} | {minutes:.1f} |"
        )
        print(row, flush=True)
        rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.training.compare_encoders", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="npz file with images, labels and split")
    parser.add_argument("--encoders", nargs="+", choices=sorted(ENCODERS), default=list(ENCODERS))
    parser.add_argument("--size", type=int, default=64, help="input side, pixels")
    parser.add_argument("--epochs", type=float, default=Recipe.epochs, help="passes over the training part")
    parser.add_argument("--batch", type=int, default=Recipe.batch)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--bfloat16", action="store_true", help="train in mixed precision")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        stills = read_stills(given.data)
        print("| encoder | accuracy | parameters, M | ms a frame | minutes of training |")
        print("| --- | --- | --- | --- | --- |", flush=True)
        compare(
            stills, given.encoders, given.size, Recipe(given.epochs, given.batch, given.seed, given.bfloat16)
        )
    except ModelError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
