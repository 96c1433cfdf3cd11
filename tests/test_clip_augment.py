from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from models.errors import ModelError
from models.losses import soft_targets
from models.preprocess import to_tensor
from models.spec import ModelSpec
from models.training.augment import Random
from models.training.clip_augment import (
    ClipChanges,
    _beta,
    changed,
    cutmix,
    evaluation,
    mix,
    mixup,
)

NONE = ClipChanges((1, 1), (1, 1), 0, 0, 0, 0, 0, 0)
SPEC = ModelSpec("m", 8, 48, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
GREY = dataclasses.replace(SPEC, size=36, mean=(0.5,) * 3, std=(0.25,) * 3, grey=True, view=0.75)


def random(seed: int = 1) -> Random:
    return Random(seed, torch.device("cpu"))


def smooth_clips(count: int = 3, frames: int = 8, side: int = 96) -> Tensor:
    """Clips of one still picture each, with soft colours: (B,T,side,side,3)."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(7))
    pictures = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1)
    return (pictures * 255).round().byte().permute(0, 2, 3, 1)[:, None].repeat(1, frames, 1, 1, 1)


@pytest.mark.parametrize("spec", [SPEC, GREY], ids=["colour", "luma"])
def test_without_changes_training_sees_what_the_test_sees(spec: ModelSpec) -> None:
    clips = smooth_clips()
    plain = evaluation(clips, spec)
    assert plain.shape == (3, 3, 8, spec.size, spec.size)
    assert torch.equal(plain[1, :, 2], to_tensor(clips[1, 2:3], spec)[0])
    assert float((changed(random(), clips, spec, NONE) - plain).abs().max()) < 0.02


@pytest.mark.parametrize(
    "changes",
    [ClipChanges(), ClipChanges(grey=0.5, erase=0.9, turn_deg=10), dataclasses.replace(NONE, erase=1.0)],
    ids=["ifdd", "all", "erase"],
)
@pytest.mark.parametrize("spec", [SPEC, GREY], ids=["colour", "luma"])
def test_a_clip_changes_as_one_and_clips_differ(spec: ModelSpec, changes: ClipChanges) -> None:
    clips = smooth_clips()
    out = changed(random(), clips, spec, changes)
    assert torch.isfinite(out).all()
    assert float((out - out[:, :, :1]).abs().max()) < 1e-5  # all frames of a still clip stay equal
    moved = out - evaluation(clips, spec)
    assert all(float(each.abs().mean()) > 0.01 for each in moved)
    same = changed(random(), clips[:1].repeat(3, 1, 1, 1, 1), spec, changes)
    assert float((same[0] - same[1]).abs().mean()) > 0.01  # each clip draws for itself


def test_a_seed_gives_the_same_batch_again() -> None:
    clips = smooth_clips()
    first, again, other = (changed(random(seed), clips, SPEC, ClipChanges(erase=0.5)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_mirror_crop_and_turn_do_what_they_say() -> None:
    clips = smooth_clips(1)
    plain = evaluation(clips, SPEC)
    mirrored = changed(random(), clips, SPEC, dataclasses.replace(NONE, flip=1))
    assert float((mirrored - plain.flip(-1)).abs().max()) < 0.02
    cut = changed(random(), clips, SPEC, dataclasses.replace(NONE, area=(0.25, 0.25)))
    side = 48  # half of 96 in each direction, wherever
    parts = clips[0, 0].permute(2, 0, 1).float().unfold(1, side, 1).unfold(2, side, 1) / 255
    std, mean = (torch.tensor(each).view(3, 1, 1) for each in (SPEC.std, SPEC.mean))
    shown = cut[0, :, 0] * std + mean
    away = (parts.permute(1, 2, 0, 3, 4) - shown).abs().mean((2, 3, 4))
    assert float(away.min()) < 0.01  # it is one of the quarter crops, at pixel accuracy
    around = changed(random(), clips, SPEC, dataclasses.replace(NONE, turn_deg=180))
    middle = (slice(None), slice(None), slice(None), slice(23, 25), slice(23, 25))
    assert float((around[middle].mean((3, 4)) - plain[middle].mean((3, 4))).abs().max()) < 0.05
    assert float((around - plain).abs().mean()) > 0.05


def test_changes_check_themselves() -> None:
    assert ClipChanges(area=[0.8, 1.0]).area == (0.8, 1.0)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"area: expected two rising numbers .* got \(0.5, 1.5\)"):
        ClipChanges(area=(0.5, 1.5))
    with pytest.raises(ModelError, match=r"hue: expected 0\.\.0\.5, got 0\.7"):
        ClipChanges(hue=0.7)
    with pytest.raises(ModelError, match=r"clips: expected \(B,T,H,W,3\) torch.uint8"):
        evaluation(torch.zeros(1, 3, 4, 8, 8), SPEC)


def test_mixup_blends_with_the_reversed_batch() -> None:
    clips = torch.arange(4.0).view(4, 1, 1, 1, 1).expand(4, 3, 8, 6, 6).contiguous()
    targets = soft_targets(torch.arange(4), 4)
    mixed, soft = mixup(random(), clips, targets)
    share = float(soft[0, 0])
    assert 0 < share < 1
    torch.testing.assert_close(mixed[0], torch.full_like(mixed[0], (1 - share) * 3))
    torch.testing.assert_close(soft.sum(1), torch.ones(4))


def test_cutmix_puts_one_box_in_all_frames_and_shares_by_its_area() -> None:
    clips = torch.arange(4.0).view(4, 1, 1, 1, 1).expand(4, 3, 8, 20, 30).contiguous()
    targets = soft_targets(torch.arange(4), 4)
    boxes = 0
    for seed in range(20):
        mixed, soft = cutmix(random(seed), clips, targets)
        foreign = mixed[0] == 3
        assert bool((foreign == foreign[:1, :1]).all())
        torch.testing.assert_close(float(soft[0, 3]), float(foreign.float().mean()), atol=1e-6, rtol=0)
        boxes += 0 < float(soft[0, 3]) < 1
    assert boxes > 10
    assert float(clips[0].max()) == 0  # the batch given stays as it is


def test_mixing_is_drawn_by_its_probability() -> None:
    clips, targets = torch.rand(4, 3, 2, 8, 8), soft_targets(torch.arange(4), 4)
    draw = random()
    assert sum(mix(draw, clips, targets, probability=0.3)[1] is not targets for _ in range(200)) in range(
        35, 90
    )
    torch.testing.assert_close(mix(draw, clips, targets, probability=0)[0], clips)


@pytest.mark.parametrize("alpha", [0.3, 0.8, 1.0, 2.0])
def test_shares_have_the_beta_distributions_mean_and_spread(alpha: float) -> None:
    draw = random()
    shares = np.array([_beta(draw, alpha) for _ in range(1500)])
    assert abs(shares.mean() - 0.5) < 0.04
    assert abs(shares.std() - np.sqrt(1 / (4 * (2 * alpha + 1)))) < 0.03
