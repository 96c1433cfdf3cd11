"""Deterministic weights and clips for parity checks, the same numbers wherever they are made.

The expected answers in `tests/data/parity_*.json` were recorded from the published models with these.
"""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

DATA = Path(__file__).parent / "data"


def load(name: str) -> dict[str, Any]:
    """The recorded case file `parity_<name>.json`."""
    parsed: dict[str, Any] = json.loads((DATA / f"parity_{name}.json").read_text())
    return parsed


def _draw(key: str, seed: int, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Float32 from [-1, 1), by a generator that the key and the seed start."""
    bits = np.random.PCG64([seed, zlib.crc32(key.encode())])
    return (2 * np.random.Generator(bits).random(shape) - 1).astype(np.float32)


def fill(key: str, shape: tuple[int, ...], seed: int, gain: float) -> Tensor:
    """One entry: kernels scaled by fan-in, norm scales near 1, biases near 0, indexes counted."""
    last = key.rpartition(".")[2]
    if last == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    if last in ("index_even", "index_odd"):
        return torch.arange(last == "index_odd", 2 * shape[0], 2)
    drawn = _draw(key, seed, shape)
    if last == "running_var":
        return torch.from_numpy(np.float32(1) + np.float32(0.3) * drawn)
    if len(shape) < 2:
        centre = 1.0 if last.endswith("weight") else 0.0
        return torch.from_numpy((centre + 0.2 * drawn).astype(np.float32))
    return torch.from_numpy(
        (gain * drawn * np.float32(math.sqrt(3 / math.prod(shape[1:])))).astype(np.float32)
    )


def state_dict(case: dict[str, Any]) -> dict[str, Tensor]:
    """The published model's whole state dict, filled."""
    return {
        key: fill(key, tuple(shape), case["state_dict_seed"], case["gain"])
        for key, shape in case["state_dict_shapes"].items()
    }


def clip(shape: tuple[int, ...], seed: int) -> Tensor:
    """Moving Gaussian blobs (B,C,T,H,W) float32 in [0,1]."""
    batch, channels, steps, rows, columns = shape
    y, x = np.linspace(0, 1, rows), np.linspace(0, 1, columns)
    out = np.zeros(shape)
    for b in range(batch):
        for c in range(channels):
            for blob in _draw(f"blob.{b}.{c}", seed, (6, 5)).astype(np.float64):
                y0, x0, dy, dx, spread = blob
                width = 0.01 + 0.02 * (spread + 1)
                for t in range(steps):
                    down = (y - (0.5 + 0.4 * y0 + 0.3 * dy * t / steps)) ** 2
                    across = (x - (0.5 + 0.4 * x0 + 0.3 * dx * t / steps)) ** 2
                    # a Gaussian is the product of its rows and columns
                    out[b, c, t] += np.outer(np.exp(-down / width), np.exp(-across / width))
    out -= out.min()
    return torch.from_numpy((out / out.max()).astype(np.float32))
