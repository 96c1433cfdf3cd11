from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from realtime.inference.batches import FixedBatches, fixed_size


@pytest.mark.parametrize(("count", "size"), [(1, 1), (3, 4), (16, 16), (17, 32), (33, 64), (70, 96)])
def test_sizes_are_few(count: int, size: int) -> None:
    assert fixed_size(count) == size


class Recorder:
    """Stands for CUDA graphs: a replay computes into what the capture returned, from where it read."""

    def __init__(self) -> None:
        self.captures = 0

    def __call__(self, call: Callable[[], Any]) -> Callable[[], Any]:
        self.captures += 1
        kept = call()

        def replay() -> Any:
            kept.copy_(call())
            return kept

        return replay


def test_each_size_is_captured_once_and_answers_are_of_the_given_rows() -> None:
    recorder, seen = Recorder(), []

    def double(rows: torch.Tensor) -> torch.Tensor:
        seen.append(rows.data_ptr())
        return rows * 2

    fixed = FixedBatches(double, recorder)
    for count in (3, 4, 3, 1, 3):
        rows = torch.rand(count, 5)
        answer = fixed(rows)
        assert len(answer) == fixed_size(count)
        torch.testing.assert_close(answer[:count], rows * 2)
        assert answer[count:].abs().sum() == 0, "padding is zeros, not an older batch"
    assert fixed.sizes == (1, 4)
    assert recorder.captures == 2
    assert len(set(seen)) == 2, "the input stays where it is"
