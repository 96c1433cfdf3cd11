from typing import Any

import pytest
import torch
from torch import nn

from models import ModelError, create_model
from models.backbones.region_vit import RegionVit, sine_positions


def _vit() -> RegionVit:
    torch.manual_seed(1)
    return RegionVit(8, 32, width=16, depth=2, heads=2).eval()


def _silence(vit: RegionVit, *branches: str) -> None:
    for block in vit.blocks:
        for name in branches:
            nn.init.zeros_(block.get_submodule(name).get_parameter("project.weight"))


@torch.no_grad()
def test_a_region_token_reads_its_own_region_when_the_global_paths_are_silent() -> None:
    vit = _vit()
    _silence(vit, "among", "across")
    clip = torch.rand(1, 3, 8, 32, 32)
    changed = clip.clone()
    changed[:, :, 2:4, 16:] += 1  # the second quarter of time, the lower half
    moved = (vit(changed) - vit(clip)).abs().amax(-1)[0, :, :, 0] > 1e-6  # 4 2
    assert moved.tolist() == [[False, False], [False, True], [False, False], [False, False]]
    whole = _vit()
    assert bool(((whole(changed) - whole(clip)).abs().amax(-1) > 1e-7).all())


@torch.no_grad()
def test_the_first_published_size_gives_8_regions_of_100_tokens() -> None:
    vit = RegionVit(16, 160, width=16, depth=2, heads=2)
    seen: list[tuple[int, ...]] = []
    vit.blocks[0].register_forward_hook(lambda module, given, out: seen.append(tuple(out.shape)))
    assert vit(torch.rand(1, 3, 16, 160, 160)).shape == (1, 4, 2, 1, 16)
    assert seen == [(1, 8, 101, 16)]
    assert not any("position" in name for name in vit.state_dict())


def test_positions_are_those_of_the_first_transformer() -> None:
    positions = sine_positions(5, 4)
    torch.testing.assert_close(positions[:, 0], torch.arange(5.0).sin())
    torch.testing.assert_close(positions[:, 3], (torch.arange(5) / 100).cos())


@torch.no_grad()
def test_the_network_lifts_2_and_2_steps_of_2_regions() -> None:
    model: Any = create_model("ifdd-vit", size=64, depth=1)
    out = model(torch.rand(2, 3, 16, 64, 64))
    assert out.static_index.shape == out.dynamic_index.shape == (2, 2)
    assert out.correlation.shape == (2, 4, 4)
    assert out.context_residual.shape == (2, 2, 2)
    assert model.lifting.update.heads == 4
    assert not isinstance(model.lifting.static_norm, nn.LayerNorm)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"frames": 12}, "frames: expected a multiple of 8, got 12"),
        ({"size": 48}, "size: expected a multiple of 32 pixels, got 48"),
        ({"depth": 0}, "depth: expected at least 1 block, got 0"),
    ],
)
def test_what_does_not_fit_is_named(overrides: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        create_model("ifdd-vit", **overrides)
