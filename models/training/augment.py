"""Random changes to batches of prepared crops, on any device: what webcams and photographers do to a face."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.spec import ModelSpec
from models.training.prepared import SIDE


class Random:
    """Seeded random tensors on one device."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.device = device
        self._generator = torch.Generator(device=device)
        self._generator.manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform in [low, high)."""
        return low + (high - low) * torch.rand(shape, generator=self._generator, device=self.device)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""
        return torch.randn(shape, generator=self._generator, device=self.device)

    def chance(self, probability: float, *shape: int) -> Tensor:
        """True with the probability."""
        return self.uniform(0, 1, *shape) < probability

    def number(self, low: float, high: float) -> float:
        """One uniform number."""
        return float(self.uniform(low, high, 1))

    def order(self, count: int) -> Tensor:
        """A permutation of 0..count-1."""
        return torch.randperm(count, generator=self._generator, device=self.device)


def geometry(random: Random, count: int, strength: float = 1.0, mirrored: bool = True) -> Tensor:
    """(count,2,3) maps from output to input in grid_sample's units, about the identity.

    At strength 1: turns by up to 14 degrees, sizes from 0.85 to 1.18, sides that differ by up to 8 %,
    shifts by up to 8 % of the view. With `mirrored`, half of them mirror.
    """
    angle = random.uniform(-1, 1, count) * math.radians(14) * strength
    size = torch.exp(random.uniform(-1, 1, count) * 0.165 * strength)
    aspect = torch.exp(random.uniform(-1, 1, count) * 0.04 * strength)
    mirror = 1 - 2 * (random.chance(0.5, count) & mirrored).float()
    shift = random.uniform(-1, 1, count, 2) * 0.16 * strength
    cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
    rows = torch.stack(
        [
            torch.stack([cos * aspect * mirror, -sin / aspect, shift[:, 0]], 1),
            torch.stack([sin * aspect * mirror, cos / aspect, shift[:, 1]], 1),
        ],
        1,
    )
    return rows


def sample(crops: Tensor, maps: Tensor, spec: ModelSpec) -> Tensor:
    """(N,1,112,112) crops through maps of `geometry`: (N,1,size,size), the spec's view of the crop."""
    grid = F.affine_grid(maps * spec.view, [len(crops), 1, spec.size, spec.size], align_corners=False)
    return F.grid_sample(crops, grid, mode="bilinear", padding_mode="border", align_corners=False)


def surroundings(random: Random, crops: Tensor, inside: Tensor, probability: float = 0.5) -> Tensor:
    """Puts parts of other pictures where a crop shows only the repeated border of its picture.

    A model could else learn that streaks mean FER2013, whose faces are cut tight.

    Args:
        random: where numbers come from.
        crops: (N,1,112,112) float.
        inside: (N,2,3), crop pixels to the picture's unit square.
        probability: of doing so, for each crop.
    """
    steps = torch.arange(SIDE, device=crops.device, dtype=crops.dtype)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    place = torch.einsum("nij,jhw->nihw", inside, torch.stack([x, y, torch.ones_like(x)]))
    shown = ((place > 0) & (place < 1)).all(1, keepdim=True)
    replaced = ~shown & random.chance(probability, len(crops), 1, 1, 1)
    other = crops[random.order(len(crops))].flip(2)
    return torch.where(replaced, other, crops)


def coarsen(random: Random, crops: Tensor, probability: float | Tensor = 0.25) -> Tensor:
    """Some of the batch at a lower resolution, so that sharp and coarse pictures look alike.

    Args:
        random: where numbers come from.
        crops: (N,C,112,112) float.
        probability: of doing so, for all or (N,) for each crop.
    """
    side = int(random.number(36, 84))
    chosen = random.uniform(0, 1, len(crops)) < probability
    if not bool(chosen.any()):
        return crops
    small = F.interpolate(crops[chosen], (side, side), mode="area")
    coarse = crops.clone()
    coarse[chosen] = F.interpolate(small, (SIDE, SIDE), mode="bilinear", align_corners=False)
    return coarse


def light(random: Random, pixels: Tensor, strength: float = 1.0) -> Tensor:
    """Exposure, contrast, gamma, a slope of light and noise; pixels (N,1,h,w) in 0..1."""
    count, _, height, width = pixels.shape
    mean = pixels.mean((2, 3), keepdim=True)
    contrast = torch.exp(strength * random.uniform(-0.5, 0.4, count, 1, 1, 1))
    pixels = (pixels - mean) * contrast + mean + strength * random.uniform(-0.15, 0.15, count, 1, 1, 1)
    pixels = pixels.clamp(0.001, 1) ** torch.exp(strength * random.uniform(-0.35, 0.35, count, 1, 1, 1))
    across = torch.linspace(-1, 1, width, device=pixels.device).view(1, 1, 1, width)
    down = torch.linspace(-1, 1, height, device=pixels.device).view(1, 1, height, 1)
    slope = random.normal(count, 2, 1, 1) * 0.12 * strength
    pixels = pixels * (1 + slope[:, :1] * across + slope[:, 1:] * down)
    noise = random.chance(0.3 * strength, count, 1, 1, 1) * random.uniform(0, 0.06, count, 1, 1, 1)
    return (pixels + noise * random.normal(*pixels.shape)).clamp(0, 1)


def erase(random: Random, pixels: Tensor, probability: float = 0.35) -> Tensor:
    """A rectangle of up to a third of the side and of any grey over some pictures."""
    count, _, height, width = pixels.shape
    half = random.uniform(0.05, 0.19, count, 2) * torch.tensor([height, width], device=pixels.device)
    middle = random.uniform(0, 1, count, 2) * torch.tensor([height, width], device=pixels.device)
    y = torch.arange(height, device=pixels.device).view(1, height, 1)
    x = torch.arange(width, device=pixels.device).view(1, 1, width)
    covered = ((y - middle[:, :1, None]).abs() < half[:, :1, None]) & (
        (x - middle[:, 1:, None]).abs() < half[:, 1:, None]
    )
    covered &= random.chance(probability, count, 1, 1)
    return torch.where(covered[:, None], random.uniform(0, 1, count, 1, 1, 1), pixels)


def normalise(pixels: Tensor, spec: ModelSpec) -> Tensor:
    """(N,1,S,S) in 0..1 to the model's (N,3,S,S), as `models.preprocess.to_tensor` ends."""
    mean, std = (pixels.new_tensor(each).view(1, 3, 1, 1) for each in (spec.mean, spec.std))
    return (pixels - mean) / std


def stills(random: Random, crops: Tensor, inside: Tensor, spec: ModelSpec, strength: float = 1.0) -> Tensor:
    """Training pictures from prepared crops.

    Args:
        random: where numbers come from.
        crops: (N,112,112) uint8.
        inside: (N,2,3) float, as in Prepared.
        spec: the model's.
        strength: of all but the change of resolution and surroundings.

    Returns:
        (N,3,size,size) float32, normalised.
    """
    pixels = crops[:, None].float() / 255
    pixels = coarsen(random, surroundings(random, pixels, inside))
    pixels = sample(pixels, geometry(random, len(pixels), strength), spec)
    return normalise(erase(random, light(random, pixels, strength), 0.35 * strength), spec)


def mixed(
    random: Random, frames: Tensor, targets: Tensor, probability: float, alpha: float
) -> tuple[Tensor, Tensor]:
    """Mixup with the batch in another order, for the whole batch or not at all."""
    if random.number(0, 1) >= probability:
        return frames, targets
    share = float(torch.distributions.Beta(alpha, alpha).sample()) if alpha > 0 else 1.0
    order = random.order(len(frames))
    return share * frames + (1 - share) * frames[order], share * targets + (1 - share) * targets[order]
