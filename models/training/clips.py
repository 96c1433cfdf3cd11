"""Clips from stills, on any device: onset, apex and offset, and what cameras do to them over time."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.spec import ModelSpec
from models.training import augment
from models.training.augment import Random
from models.training.prepared import SIDE

CLIP_SEED = 20  # of the clips that measure
# Strength of the pose in clips that measure: what the live alignment leaves over. Of 392 PublicTest faces,
# turned by up to 5.6 degrees, scaled by up to 6.6 %, shifted by up to 6.4 % of half the view and lit anew, it
# left 0.4 degrees, 0.8 % and 0.4 % (median; 90th percentile: 1.6 degrees, 4.1 %, 1.5 %). Training sees more.
LEFT_OVER = 0.1
# What changes between the frames of the hardest clips, in shares of the range of grey: noise at most, flicker
# and half of a drift as standard deviations.
NOISE, FLICKER, DRIFT = 0.05, 0.008, 0.04
# Hardness of clips that measure: what `models.training.filmed` says of a well lit face at rest (0.09). It was
# the only one at hand, so `evaluate --hardness` measures harder ones too.
LIVE = 0.1


class Made(NamedTuple):
    """Clips and what is known of their frames.

    Attributes:
        frames: (N,F,3,size,size) float32, normalised.
        shown: (N,F) float32, 0 to 1: how much of the face's own expression a frame shows; a stranger none.
    """

    frames: Tensor
    shown: Tensor


def strengths(random: Random, hardness: Tensor, frames: int) -> Tensor:
    """How strong the expression is in each frame: (count,frames), 0..1, for (count,) hardness.

    A third of the clips hold it; the others rise, fall or do both. At least a third of the frames show
    more than half of it, because else the label would be wrong. A hard clip may reach only four fifths of it.
    """
    count = len(hardness)
    time = torch.linspace(0, 1, frames, device=random.device)
    start = random.uniform(-0.6, 0.5, count, 1)
    rise = random.uniform(0.15, 0.6, count, 1)
    end = start + rise + random.uniform(0.3, 1.5, count, 1)
    fall = random.uniform(0.15, 0.6, count, 1)
    curve = ((time - start) / rise).clamp(0, 1) * (1 - (time - end) / fall).clamp(0, 1)
    peak = 1 - random.uniform(0, 0.2, count, 1) * hardness[:, None]
    hold = random.chance(1 / 3, count, 1) | ((curve > 0.5).float().mean(1, keepdim=True) < 1 / 3)
    return torch.where(hold, torch.ones_like(curve), curve) * peak


def at_strengths(levels: Tensor, known: tuple[float, ...], wanted: Tensor) -> Tensor:
    """Pictures at given strengths, blended of the nearest two drawn: (N,L,h,w), (N,F) to (N,F,h,w)."""
    if len(known) == 1:
        return levels.expand(-1, wanted.shape[1], -1, -1)
    steps = wanted.new_tensor(known)
    upper = torch.bucketize(wanted.contiguous(), steps).clamp(1, len(known) - 1)
    share = ((wanted - steps[upper - 1]) / (steps[upper] - steps[upper - 1])).clamp(0, 1)[..., None, None]
    rows = torch.arange(len(levels), device=levels.device)[:, None]
    return levels[rows, upper - 1] * (1 - share) + levels[rows, upper] * share


def motion(random: Random, count: int, frames: int, strength: float, mirrored: bool = True) -> Tensor:
    """Maps for `augment.sample`, (count*frames,2,3): one pose a clip, a slow drift, shake in each frame.

    The shake is a landmarker's and does not hang on `strength`.
    """
    base = augment.geometry(random, count, strength, mirrored)
    time = torch.linspace(-1, 1, frames, device=random.device)
    drift = random.normal(count, 4) * torch.tensor([0.04, 0.04, math.radians(4), 0.03], device=random.device)
    shake = random.normal(count, frames, 4) * torch.tensor(
        [0.012, 0.012, math.radians(0.7), 0.007], device=random.device
    )
    change = strength * drift[:, None] * time[:, None] + shake * random.uniform(0, 1.5, count, 1, 1)
    x, y, angle, size = change.unbind(-1)  # N F each
    cos, sin = torch.cos(angle) * torch.exp(size), torch.sin(angle) * torch.exp(size)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    small = torch.stack(
        [torch.stack([cos, -sin, x], -1), torch.stack([sin, cos, y], -1), torch.stack([zero, zero, one], -1)],
        -2,
    )  # N F 3 3
    whole = F.pad(base, (0, 0, 0, 1))
    whole[:, 2, 2] = 1
    return (whole[:, None] @ small)[:, :, :2].flatten(0, 1)


def compress(pixels: Tensor, step: Tensor) -> Tensor:
    """Block coding as JPEG and video codecs do it: 8x8 cosine transform, coarser for finer detail.

    Args:
        pixels: (N,1,h,w) in 0..1, sides that 8 divides.
        step: (N,) quantiser step of the lowest frequency; 0 leaves a picture as it is.
    """
    index = torch.arange(8, device=pixels.device, dtype=pixels.dtype)
    basis = torch.cos(math.pi / 8 * (index[None] + 0.5) * index[:, None]) * 0.5
    basis[0] *= 0.5**0.5
    count, _, height, width = pixels.shape
    blocks = pixels.view(count, height // 8, 8, width // 8, 8).transpose(2, 3)  # N h/8 w/8 8 8
    quantum = step.view(-1, 1, 1, 1, 1).clamp(min=1e-6) * (1 + index[:, None] + index)
    coded = torch.round(basis @ blocks @ basis.T / quantum) * quantum
    decoded = (basis.T @ coded @ basis).transpose(2, 3).reshape(pixels.shape)
    return torch.where(step.view(-1, 1, 1, 1) > 0, decoded, pixels)


def light(random: Random, clips: Tensor, hardness: Tensor) -> Tensor:
    """One exposure, contrast and gamma a clip with a slow drift, a little flicker and noise.

    Args:
        random: where numbers come from.
        clips: (N,F,S,S) in 0..1.
        hardness: (N,).
    """
    count, frames = clips.shape[:2]
    hardness = hardness.view(count, 1, 1, 1)
    time = torch.linspace(-1, 1, frames, device=clips.device).view(1, frames, 1, 1)
    mean = clips.mean((1, 2, 3), keepdim=True)
    contrast = torch.exp(
        hardness * (random.uniform(-0.4, 0.35, count, 1, 1, 1) + random.normal(count, 1, 1, 1) * 0.06 * time)
    )
    offset = random.uniform(-0.12, 0.12, count, 1, 1, 1) + random.normal(count, 1, 1, 1) * DRIFT * time
    offset = hardness * (offset + random.normal(count, frames, 1, 1) * FLICKER)
    clips = ((clips - mean) * contrast + mean + offset).clamp(0.001, 1)
    clips = clips ** torch.exp(hardness * random.uniform(-0.3, 0.3, count, 1, 1, 1))
    noise = hardness * random.chance(0.4, count, 1, 1, 1) * random.uniform(0, NOISE, count, 1, 1, 1)
    return (clips + noise * random.normal(*clips.shape)).clamp(0, 1)


def hide(random: Random, clips: Tensor, probability: Tensor) -> Tensor:
    """A grey bar, such as a hand or a cup, that moves across some clips for part of the time.

    Args:
        random: where numbers come from.
        clips: (N,F,h,w) in 0..1.
        probability: (N,) of it.
    """
    count, frames, height, width = clips.shape
    time = torch.arange(frames, device=clips.device)
    first = random.uniform(0, frames, count, 1)
    shown = (time >= first) & (time < first + random.uniform(1, frames * 0.6, count, 1))
    shown &= random.uniform(0, 1, count, 1) < probability[:, None]
    place = random.uniform(0, 1, count, 2, 1) + random.normal(count, 2, 1) * 0.02 * time  # N 2 F
    half = random.uniform(0.05, 0.2, count, 2)
    y = torch.linspace(0, 1, height, device=clips.device).view(1, 1, height, 1)
    x = torch.linspace(0, 1, width, device=clips.device).view(1, 1, 1, width)
    covered = ((y - place[:, 0, :, None, None]).abs() < half[:, :1, None, None]) & (
        (x - place[:, 1, :, None, None]).abs() < half[:, 1:, None, None]
    )
    return torch.where(covered & shown[..., None, None], random.uniform(0, 0.8, count, 1, 1, 1), clips)


def stumble(random: Random, clips: Tensor, shown: Tensor, strange: Tensor) -> tuple[Tensor, Tensor]:
    """Repeats frames for dropped ones in a third of the clips; puts a stranger's two frames in some.

    Args:
        random: where numbers come from.
        clips: (N,F,h,w).
        shown: (N,F), see Made.
        strange: (N,) probability of a stranger.

    Returns:
        Clips and what is shown.
    """
    count, frames = clips.shape[:2]
    index = torch.arange(frames, device=clips.device).expand(count, frames)
    late = random.chance(0.25, count, frames) & random.chance(1 / 3, count, 1)
    index = torch.where(late, (index - 1).clamp(min=0), index)
    rows = torch.arange(count, device=clips.device)[:, None]
    clips, shown = clips[rows, index], shown[rows, index]
    first = random.uniform(0, frames, count, 1)
    time = torch.arange(frames, device=clips.device)
    wrong = (time >= first) & (time < first + 2)
    wrong &= random.uniform(0, 1, count, 1) < strange[:, None]
    clips = torch.where(wrong[..., None, None], clips[random.order(count)], clips)
    return clips, torch.where(wrong, torch.zeros_like(shown), shown)


def make(
    random: Random,
    levels: Tensor,
    inside: Tensor | None,
    known: tuple[float, ...],
    spec: ModelSpec,
    frames: int,
    strength: float = 0.8,
    hardness: float | None = None,
    mirrored: bool = True,
) -> Made:
    """Clips to learn from, or to measure with.

    Args:
        random: where numbers come from.
        levels: (N,L,112,112) uint8, a face at L strengths of its expression (`shapes`), or L=1 for a still.
        inside: (N,2,3) as in Prepared, or None where the surroundings stay.
        known: the L strengths, rising.
        spec: the model's.
        frames: F.
        strength: of the geometric changes.
        hardness: 0 to 1, of all that a camera does besides and of what comes between it and the face; None:
            another for each clip, as training wants it.
        mirrored: half of the clips are mirrored, as training wants it; no camera does that on its way to the
            model.
    """
    count = len(levels)
    hard = (
        random.uniform(0, 1, count)
        if hardness is None
        else levels.new_full((count,), hardness, dtype=torch.float32)
    )
    pixels = levels.float() / 255
    if inside is not None:
        repeated = inside.repeat_interleave(levels.shape[1], 0)
        pixels = augment.surroundings(random, pixels.flatten(0, 1)[:, None], repeated).view(pixels.shape)
    pixels = augment.coarsen(random, pixels, 0.25 * hard)
    coded = (random.uniform(0, 1, count) < 0.3 * hard) * random.uniform(0.01, 0.08, count)
    coded = coded.repeat_interleave(levels.shape[1], 0)
    pixels = compress(pixels.reshape(-1, 1, SIDE, SIDE), coded).view(count, -1, SIDE, SIDE)
    shown = strengths(random, hard, frames)
    pixels = at_strengths(pixels, known, shown)
    pixels = pixels.reshape(-1, 1, SIDE, SIDE)
    pixels = augment.sample(pixels, motion(random, count, frames, strength, mirrored), spec)
    clips = pixels.view(count, frames, spec.size, spec.size)
    clips = hide(random, light(random, clips, hard), 0.25 * hard)
    clips, shown = stumble(random, clips, shown, 0.05 * hard)
    made = augment.normalise(clips.reshape(-1, 1, spec.size, spec.size), spec)
    return Made(made.view(count, frames, 3, spec.size, spec.size), shown)
