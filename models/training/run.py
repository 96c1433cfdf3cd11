"""What both stages share: the moving average of weights, the schedule, the log and resumable state."""

from __future__ import annotations

import copy
import csv
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class Average:
    """A moving average of a module's weights, which generalises better than the last step's."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self._decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Takes in the weights after a step; early steps count more, so that the start is forgotten."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        own = self.module.state_dict()
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                own[name].lerp_(value, 1 - decay)
            else:
                own[name].copy_(value)


def rate(progress: float, warm_up: float) -> float:
    """Share of the peak learning rate at a progress of 0..1: a linear rise, then a cosine to 0.1 %."""
    if progress < warm_up:
        return max(0.01, progress / warm_up)
    fall = (progress - warm_up) / max(1e-9, 1 - warm_up)
    return 0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * min(1.0, fall)))


# How far from the weights that a stage began with to those that it ended with: between the two lie weights
# that read unseen pictures better than both (Wortsman et al. 2022, arXiv 2109.01903).
SHARES = (0.25, 0.5, 0.75, 1.0)


def between(began: dict[str, Tensor], ended: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """A state some share of the way between two; what is not floating point is the end's."""
    return {
        name: torch.lerp(began[name].to(value), value, share) if value.is_floating_point() else value
        for name, value in ended.items()
    }


def groups(modules: Iterable[nn.Module], weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: decay for weights, none for biases and norms."""
    parameters = [each for module in modules for each in module.parameters() if each.requires_grad]
    return [
        {"params": [each for each in parameters if each.dim() >= 2], "weight_decay": weight_decay},
        {"params": [each for each in parameters if each.dim() < 2], "weight_decay": 0.0},
    ]


def as_often(labels: Tensor, others: Tensor, drawn: Tensor) -> Tensor:
    """Weights, (N,) float64 of mean 1, that draw each class as often as others are drawn.

    Args:
        labels: (N,) int64.
        others: (M,) int64, the others' classes.
        drawn: (M,) how often each of the others is drawn.
    """
    classes = int(torch.cat([labels, others]).max()) + 1
    wanted = torch.zeros(classes, dtype=torch.double).index_add_(0, others, drawn.double())
    weights = (wanted / torch.bincount(labels, minlength=classes).clamp(min=1))[labels]
    return weights / weights.mean()


class Log:
    """A CSV file with one row an epoch; a resumed run goes on where it stopped."""

    def __init__(self, path: Path, columns: tuple[str, ...], keep: int) -> None:
        """Opens the log.

        Args:
            path: file.
            columns: names; the first is the epoch.
            keep: epochs already done, whose rows stay.
        """
        self._path, self._columns = path, columns
        rows: list[list[str]] = []
        if path.is_file() and keep:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in list(csv.reader(file))[1:] if int(row[0]) <= keep]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([list(columns), *rows])

    def add(self, **values: float) -> None:
        """Appends a row."""
        row = [f"{values[name]:.5g}" for name in self._columns]
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(row)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes tensors and numbers; an existing file is replaced only when all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    torch.save(state, temporary)
    os.replace(temporary, path)


def load_state(path: Path) -> dict[str, Any] | None:
    """What `save_state` wrote, or None where there is nothing; runs no code from the file."""
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
