"""Runs a function at a few fixed batch sizes only, so that each can be one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
Capture = Callable[[Callable[[], Any]], Callable[[], Any]]

SIZES = (1, 2, 4, 8, 16, 32)


def fixed_size(count: int) -> int:
    """The smallest of the fixed sizes that holds so many rows; beyond the largest, a multiple of it."""
    for size in SIZES:
        if count <= size:
            return size
    return -(-count // SIZES[-1]) * SIZES[-1]


class FixedBatches(Generic[T]):
    """A function of one batch, captured once for each batch size, with an input that stays where it is.

    What a replay returns is overwritten by the next one of that size: use it before. One thread calls it.
    """

    def __init__(self, function: Callable[[Tensor], T], capture: Capture) -> None:
        """Makes it without capturing anything.

        Args:
            function: from (N,...) to something with N rows; launches work and does not wait for it.
            capture: makes a call replayable, as `models.bench.graphed` does.
        """
        self._function, self._capture = function, capture
        self._graphs: dict[int, tuple[Tensor, Callable[[], T]]] = {}

    def __call__(self, rows: Tensor) -> T:
        """The function of the rows and, after them, of zeros up to `fixed_size(len(rows))`."""
        size = fixed_size(len(rows))
        if size not in self._graphs:
            static = torch.zeros((size, *rows.shape[1:]), dtype=rows.dtype, device=rows.device)
            static[: len(rows)].copy_(rows)
            self._graphs[size] = (static, self._capture(lambda: self._function(static)))
        static, replay = self._graphs[size]
        static[: len(rows)].copy_(rows, non_blocking=True)
        static[len(rows) :].zero_()
        return replay()

    @property
    def sizes(self) -> tuple[int, ...]:
        """The batch sizes captured so far."""
        return tuple(sorted(self._graphs))
