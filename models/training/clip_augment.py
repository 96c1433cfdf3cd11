"""Random changes to clips, the same in all frames of one, through kornia; and mixing of whole clips.

All take uint8 clips as the loader yields them and end where `models.preprocess.to_tensor` does, on any
device. What is drawn comes from `augment.Random` alone, so that a seed gives the same batch again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from kornia import enhance
from kornia.geometry.transform import warp_affine
from torch import Tensor

from models.errors import ModelError
from models.preprocess import LUMA, to_tensor
from models.spec import ModelSpec
from models.training.augment import Random


@dataclass(frozen=True)
class ClipChanges:
    """How strongly clips are changed; the defaults are IFDD's for DFEW and MAFW.

    Attributes:
        area: least and greatest share of the picture that a crop shows.
        aspect: least and greatest width of a crop over its height.
        flip: probability of mirroring.
        turn_deg: greatest rotation either way.
        brightness, contrast, saturation: greatest change of the factor about 1.
        hue: greatest shift either way, in turns of the colour circle.
        grey: probability of no colours.
        erase: probability of a rectangle of one grey, up to a third of the area.
    """

    area: tuple[float, float] = (0.5, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    turn_deg: float = 0.0
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.4
    grey: float = 0.0
    erase: float = 0.0

    def __post_init__(self) -> None:
        for name in ("area", "aspect"):
            pair = tuple(getattr(self, name))
            object.__setattr__(self, name, pair)  # TOML has lists
            if len(pair) != 2 or not 0 < pair[0] <= pair[1] or (name == "area" and pair[1] > 1):
                raise ModelError(f"{name}: expected two rising numbers above 0 (area: up to 1), got {pair}")
        limits = {
            "flip": 1,
            "grey": 1,
            "erase": 1,
            "brightness": 1,
            "contrast": 1,
            "saturation": 1,
            "hue": 0.5,
        }
        for name, high in {**limits, "turn_deg": 180}.items():
            if not 0 <= getattr(self, name) <= high:
                raise ModelError(f"{name}: expected 0..{high}, got {getattr(self, name)}")


def _check(clips: Tensor) -> None:
    if clips.dtype != torch.uint8 or clips.dim() != 5 or clips.shape[4] != 3 or 0 in clips.shape:
        raise ModelError(f"clips: expected (B,T,H,W,3) torch.uint8, got {tuple(clips.shape)} {clips.dtype}")


def evaluation(clips: Tensor, spec: ModelSpec) -> Tensor:
    """Clips as the live path gives them to the model, without any change: (B,T,H,W,3) to (B,3,T,S,S)."""
    _check(clips)
    frames = to_tensor(clips.flatten(0, 1), spec)
    return frames.view(*clips.shape[:2], *frames.shape[1:]).transpose(1, 2).contiguous()


def changed(random: Random, clips: Tensor, spec: ModelSpec, changes: ClipChanges) -> Tensor:
    """Training clips.

    Args:
        random: where numbers come from; on the clips' device.
        clips: (B,T,H,W,3) uint8 RGB.
        spec: the model's: part of the picture read, side, luma, mean and std.
        changes: how strongly.

    Returns:
        (B,3,T,S,S) float32, normalised.
    """
    _check(clips)
    count = len(clips)
    pixels = _smaller(clips, spec, changes.area[0])
    pixels = _cut(random, pixels, spec.size, changes)  # B T C S S
    pixels = (_light if spec.grey else _colours)(random, pixels, changes)
    if changes.erase:
        pixels = _erased(random, pixels, changes.erase)
    mean, std = (pixels.new_tensor(each).view(1, 1, 3, 1, 1) for each in (spec.mean, spec.std))
    made = (pixels - mean) / std  # a luma's one channel becomes three here
    return made.transpose(1, 2).contiguous().view(count, 3, clips.shape[1], spec.size, spec.size)


def _smaller(clips: Tensor, spec: ModelSpec, least_area: float) -> Tensor:
    """(B,T,C,M,M) in 0..1: the part that the model reads, with antialiasing brought down to a side M at which
    the smallest crop still has a pixel for each of the model's.
    """
    side = min(int(clips.shape[2] * spec.view), math.ceil(spec.size / math.sqrt(least_area)))
    plain = ModelSpec("pixels", 2, max(side, 1), grey=spec.grey, view=spec.view)
    pixels = to_tensor(clips.flatten(0, 1), plain)[:, : 1 if spec.grey else 3]
    return pixels.reshape(*clips.shape[:2], *pixels.shape[1:])


def _cut(random: Random, pixels: Tensor, size: int, changes: ClipChanges) -> Tensor:
    """Crop, scale, aspect, mirror and rotation as one resampling: (B,T,C,M,M) to (B,T,C,size,size)."""
    count, side = len(pixels), pixels.shape[-1]
    area = random.uniform(changes.area[0], changes.area[1], count)
    aspect = torch.exp(random.uniform(math.log(changes.aspect[0]), math.log(changes.aspect[1]), count))
    width = torch.sqrt(area * aspect).clamp(max=1)
    height = torch.sqrt(area / aspect).clamp(max=1)
    # the crop's middle, so that all of it lies in the picture; shares of the side about the middle
    x = random.uniform(-0.5, 0.5, count) * (1 - width)
    y = random.uniform(-0.5, 0.5, count) * (1 - height)
    mirror = 1 - 2 * random.chance(changes.flip, count).float()
    angle = random.uniform(-1, 1, count) * math.radians(changes.turn_deg)
    # picture to crop, in pixels whose centres are whole numbers: out = size * R * D * (in / side - middle)
    cos, sin = torch.cos(angle), torch.sin(angle)
    to_x, to_y = mirror * size / (width * side), size / (height * side)
    rows = torch.stack(
        [torch.stack([cos * to_x, -sin * to_y], 1), torch.stack([sin * to_x, cos * to_y], 1)], 1
    )
    middle = torch.stack([x + 0.5, y + 0.5], 1) * side - 0.5
    shift = (size / 2 - 0.5) - (rows @ middle[..., None])[..., 0]
    matrix = torch.cat([rows, shift[..., None]], 2)
    flat = pixels.flatten(1, 2)  # B T*C M M: one map for all frames of a clip
    cut = warp_affine(flat, matrix, (size, size), padding_mode="border", align_corners=False)
    return cut.view(*pixels.shape[:3], size, size)


def _factor(random: Random, count: int, strength: float) -> Tensor:
    return random.uniform(1 - strength, 1 + strength, count)


def _colours(random: Random, pixels: Tensor, changes: ClipChanges) -> Tensor:
    """Brightness, contrast, saturation and hue of (B,T,3,S,S), one factor a clip."""
    count = len(pixels)
    if changes.brightness:
        factor = _factor(random, count, changes.brightness)
        pixels = enhance.adjust_brightness_accumulative(pixels, factor)
    if changes.contrast:
        factor = _factor(random, count, changes.contrast)
        pixels = enhance.adjust_contrast_with_mean_subtraction(pixels, factor)
    if changes.saturation:
        factor = _factor(random, count, changes.saturation)
        pixels = enhance.adjust_saturation_with_gray_subtraction(pixels, factor)
    if changes.hue:
        turn = random.uniform(-1, 1, count) * changes.hue * 2 * math.pi
        pixels = enhance.adjust_hue(pixels.clamp(0, 1), turn)
    if changes.grey:
        luma = (pixels * pixels.new_tensor(LUMA).view(3, 1, 1)).sum(2, keepdim=True)
        pixels = torch.where(random.chance(changes.grey, count, 1, 1, 1, 1), luma, pixels)
    return pixels.clamp(0, 1)


def _light(random: Random, pixels: Tensor, changes: ClipChanges) -> Tensor:
    """What `_colours` does to luma: (B,T,1,S,S)."""
    count = len(pixels)
    if changes.brightness:
        factor = _factor(random, count, changes.brightness)
        pixels = enhance.adjust_brightness_accumulative(pixels, factor)
    if changes.contrast:
        factor = _factor(random, count, changes.contrast).view(-1, 1, 1, 1, 1)
        mean = pixels.mean((3, 4), keepdim=True)
        pixels = (pixels - mean) * factor + mean
    return pixels.clamp(0, 1)


def _erased(random: Random, pixels: Tensor, probability: float) -> Tensor:
    """A rectangle of one grey at the same place of all frames of some clips."""
    count, side = len(pixels), pixels.shape[-1]
    area = random.uniform(0.02, 1 / 3, count)
    aspect = torch.exp(random.uniform(-1.2, 1.2, count))
    half = torch.stack([torch.sqrt(area / aspect), torch.sqrt(area * aspect)], 1) / 2
    place = random.uniform(0, 1, count, 2)
    line = (torch.arange(side, device=pixels.device) + 0.5) / side
    inside = (line - place[..., None]).abs() < half[..., None]  # B 2 S
    covered = inside[:, 0, :, None] & inside[:, 1, None, :] & random.chance(probability, count, 1, 1)
    return torch.where(covered[:, None, None], random.uniform(0, 1, count, 1, 1, 1, 1), pixels)


def _beta(random: Random, alpha: float) -> float:
    """One number of the Beta(alpha, alpha) distribution, as the ratio of two of Gamma(alpha)."""
    first, second = _gamma(random, alpha), _gamma(random, alpha)
    return first / (first + second)


def _gamma(random: Random, alpha: float) -> float:
    """One number of the Gamma(alpha, 1) distribution (Marsaglia and Tsang's method)."""
    d = (alpha if alpha >= 1 else alpha + 1) - 1 / 3
    while True:
        x = float(random.normal(1))
        v = (1 + x / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(random.number(1e-12, 1)) < 0.5 * x * x + d - d * v + d * math.log(v):
            break
    return d * v if alpha >= 1 else d * v * random.number(1e-12, 1) ** (1 / alpha)


def mixup(random: Random, clips: Tensor, targets: Tensor, alpha: float = 0.8) -> tuple[Tensor, Tensor]:
    """Blends each clip with its partner, the batch in reverse order, by one share for the batch.

    Args:
        random: where numbers come from.
        clips: (B,3,T,S,S) float.
        targets: (B,K) float, soft targets.
        alpha: of the Beta distribution of the share.
    """
    share = _beta(random, alpha)
    return share * clips + (1 - share) * clips.flip(0), share * targets + (1 - share) * targets.flip(0)


def cutmix(random: Random, clips: Tensor, targets: Tensor, alpha: float = 1.0) -> tuple[Tensor, Tensor]:
    """Puts one box of the partner (the batch in reverse order) into each clip, the same box in all frames.

    The share of the targets is that of the box as it lies within the picture. Arguments as in `mixup`.
    """
    height, width = clips.shape[-2:]
    cut = math.sqrt(1 - _beta(random, alpha))
    y, x = random.number(0, height), random.number(0, width)
    top, bottom = (min(max(round(y + sign * cut * height / 2), 0), height) for sign in (-1, 1))
    left, right = (min(max(round(x + sign * cut * width / 2), 0), width) for sign in (-1, 1))
    mixed = clips.clone()
    mixed[..., top:bottom, left:right] = clips.flip(0)[..., top:bottom, left:right]
    share = 1 - (bottom - top) * (right - left) / (height * width)
    return mixed, share * targets + (1 - share) * targets.flip(0)


def mix(
    random: Random,
    clips: Tensor,
    targets: Tensor,
    *,
    probability: float = 1.0,
    mixup_alpha: float = 0.8,
    cutmix_alpha: float = 1.0,
    cutmix_share: float = 0.5,
) -> tuple[Tensor, Tensor]:
    """With `probability` one of mixup and cutmix for the whole batch, as IFDD does with every batch.

    Args:
        random: where numbers come from.
        clips: (B,3,T,S,S) float.
        targets: (B,K) soft targets.
        probability: of mixing the batch at all.
        mixup_alpha, cutmix_alpha: of their Beta distributions.
        cutmix_share: probability of cutmix where the batch is mixed.
    """
    if random.number(0, 1) >= probability:
        return clips, targets
    if random.number(0, 1) < cutmix_share:
        return cutmix(random, clips, targets, cutmix_alpha)
    return mixup(random, clips, targets, mixup_alpha)
