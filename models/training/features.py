"""Clips as encoded by a frozen encoder: made once, so that the window part trains in minutes on a CPU."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from models.ifdd.streaming import IfddStream
from models.preprocess import to_tensor
from models.training import clips
from models.training.augment import Random
from models.training.prepared import Prepared

STILL_FRAMES = 2  # different pictures of a still, of which its clip is put together


@dataclass(frozen=True, eq=False)
class Encoded:
    """Encoded clips.

    Attributes:
        features: (N,F,C,h,w) float16; F may be below a window's frames, then frames repeat.
        labels: (N,) int64.
        targets: (N,K) probabilities to learn; None: those of the labels.
        shown: (N,F) how much of its expression each frame shows (`clips.Made`); None: unknown.
    """

    features: Tensor
    labels: Tensor
    targets: Tensor | None = None
    shown: Tensor | None = None

    def places(self, count: int, frames: int, random: Random | None = None) -> Tensor:
        """Which of a clip's frames stands in each place of `count` windows, (count,frames) int64, rising.

        Without `random` frames repeat evenly, with it as it happens.
        """
        have = self.features.shape[1]
        if have == frames or random is None:
            return (torch.arange(frames) * have // frames).expand(count, frames)
        return random.uniform(0, have, count, frames).long().clamp(max=have - 1).sort(1).values

    def window(self, rows: Tensor, places: Tensor) -> Tensor:
        """Windows (B,frames,C,h,w) float32 of the clips in `rows` (B,), as `places` says."""
        return self.features[rows[:, None], places].float()


@torch.inference_mode()
def encode(model: IfddStream, frames: Tensor, batch: int = 512) -> Tensor:
    """Features (N,C,h,w) float16 of normalised frames (N,3,S,S), on the CPU; bfloat16 inside."""
    device = next(model.parameters()).device
    parts = []
    for part in torch.split(frames, batch):
        with torch.autocast(device.type, dtype=torch.bfloat16):
            parts.append(model.encode(part.to(device)).half().cpu())
    return torch.cat(parts)


def encode_stills(model: IfddStream, prepared: Prepared, batch: int = 512) -> Encoded:
    """Each picture unchanged, as a clip of one frame."""
    spec = model.spec
    device = next(model.parameters()).device
    parts = []
    with torch.inference_mode():
        for crops in torch.split(torch.from_numpy(prepared.crops), batch):
            rgb = crops.to(device)[..., None].expand(-1, -1, -1, 3)
            parts.append(model.encode(to_tensor(rgb, spec)).half().cpu())
    return Encoded(torch.cat(parts)[:, None], torch.from_numpy(prepared.labels))


def encode_clips(
    model: IfddStream,
    levels: Tensor,
    inside: Tensor | None,
    labels: Tensor,
    known: tuple[float, ...],
    frames: int,
    random: Random,
    name: str,
    batch: int = 64,
    strength: float = 0.8,
    hardness: float | None = None,
    mirrored: bool = True,
) -> Encoded:
    """Random clips, one for each row of `levels` (see `clips.make`), encoded."""
    spec = model.spec
    parts, shown = [], []
    for rows in tqdm(torch.split(torch.arange(len(levels)), batch), name, file=sys.stderr, mininterval=5):
        around = None if inside is None else inside[rows].to(random.device)
        made = clips.make(
            random, levels[rows].to(random.device), around, known, spec, frames, strength, hardness, mirrored
        )
        parts.append(
            encode(model, made.frames.flatten(0, 1)).view(
                len(rows), frames, model.width, model.side, model.side
            )
        )
        shown.append(made.shown.cpu())
    return Encoded(torch.cat(parts), labels, shown=torch.cat(shown))


def encode_measured(
    model: IfddStream,
    levels: Tensor,
    labels: Tensor,
    known: tuple[float, ...],
    hardness: float = clips.LIVE,
    seed: int = clips.CLIP_SEED,
) -> Encoded:
    """Clips that measure, encoded: the pose that the live alignment leaves over, not mirrored."""
    random = Random(seed, next(model.parameters()).device)
    return encode_clips(model, levels, None, labels, known, model.spec.frames, random, "encoding",
                        strength=clips.LEFT_OVER, hardness=hardness, mirrored=False)  # fmt: skip
