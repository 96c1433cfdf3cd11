from typing import Any

import pytest
import torch

from models import ModelError, create_model
from models.backbones.mvit import Block, Mvit


@pytest.mark.parametrize("frames", [8, 16, 32])
@torch.no_grad()
def test_every_frame_count_gives_8_steps(frames: int) -> None:
    stage3, stage4 = Mvit("xs", frames, 64)(torch.rand(1, 3, frames, 64, 64))
    assert stage3.shape == (1, 1 + 8 * 16, 384)
    assert stage4.shape == (1, 1 + 8 * 4, 768)


@pytest.mark.parametrize("size", [96, 112, 128])
@torch.no_grad()
def test_other_sides(size: int) -> None:
    model: Any = create_model("ifdd-mvit-xs", size=size)
    out = model(torch.rand(1, 3, 16, size, size))
    side = -(-size // 32)
    assert out.context_residual.shape == (1, side, side)
    assert model.compression.weight.in_features == 4 * side * side


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"frames": 12}, "frames: expected 8, 16 or 32, got 12"),
        ({"size": 100}, "size: expected a multiple of 16 pixels from 32 on, got 100"),
        ({"depth": "m"}, "option depth: expected one of 'xs', 's', got 'm'"),
    ],
)
def test_what_does_not_fit_is_named(overrides: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        create_model("ifdd-mvit-xs", **overrides)


def test_the_plan_of_the_10_blocks() -> None:
    blocks: list[Any] = list(Mvit("xs", 16, 224).blocks)
    assert [block.attention.heads for block in blocks] == [1, 2, 2, 4, 4, 4, 4, 4, 8, 8]
    sides = [(block.attention.query_grid[1], block.attention.key_grid[1]) for block in blocks]
    assert sides == [(56, 7), (28, 14), (28, 7), (14, 14), *[(14, 7)] * 4, (7, 14), (7, 7)]
    assert [round(block.drop_path.rate, 3) for block in blocks[::3]] == [0, 0.067, 0.133, 0.2]
    assert all(block.attention.query_grid[0] == block.attention.key_grid[0] == 8 for block in blocks)


@torch.no_grad()
def test_the_16_blocks_keep_the_ends_of_both_last_stages() -> None:
    model: Any = create_model("ifdd-mvit-s", size=64)
    assert [len(model.backbone.blocks), model.backbone.stage3_last] == [16, 13]
    assert model(torch.rand(1, 3, 16, 64, 64)).logits.shape == (1, 7)


def test_the_skip_path_widens_the_normalised_input_and_pools_each_step() -> None:
    torch.manual_seed(2)
    options: dict[str, Any] = {"grid": (8, 4, 4), "query_stride": (1, 2, 2), "key_stride": (1, 1, 1)}
    block = Block(96, 192, drop_path=0, **options)
    tokens, normalised = torch.randn(2, 1 + 8 * 16, 96), torch.randn(2, 1 + 8 * 16, 96)
    widened = block.widen(normalised)
    cells = widened[:, 1:].transpose(1, 2).reshape(2, 192, 8, 4, 4)
    pooled = torch.nn.functional.max_pool3d(cells, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    skip = block.skip(tokens, normalised)
    torch.testing.assert_close(skip[:, 1:], pooled.flatten(2).transpose(1, 2))
    torch.testing.assert_close(skip[:, 0], widened[:, 0])
