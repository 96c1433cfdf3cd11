"""Pixels to a model's input: one function for training and for serving, on any device."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.errors import ModelError
from models.spec import ModelSpec

# ITU-R BT.601, as cv2.COLOR_RGB2GRAY
LUMA = (0.299, 0.587, 0.114)


def to_tensor(crops: Tensor, spec: ModelSpec) -> Tensor:
    """A crop's middle as a model takes it: resized with antialiasing, 0..1, greyed where asked, normalised.

    Args:
        crops: (N,H,W,3) uint8, RGB.
        spec: names the part read, side, mean, std and whether the model reads luma.

    Returns:
        (N,3,size,size) float32 on the crops' device.

    Raises:
        ModelError: another type or layout.
    """
    if crops.dtype != torch.uint8 or crops.dim() != 4 or crops.shape[3] != 3 or 0 in crops.shape[1:3]:
        raise ModelError(f"crops: expected (N,H,W,3) torch.uint8, got {tuple(crops.shape)} {crops.dtype}")
    if spec.view < 1:
        top, left = (round(each * (1 - spec.view) / 2) for each in crops.shape[1:3])
        crops = crops[:, top : crops.shape[1] - top, left : crops.shape[2] - left]
    pixels = crops.permute(0, 3, 1, 2).to(torch.float32)  # N 3 H W, strided as N H W 3
    if spec.grey:  # before the resize: a third of its work
        pixels = (pixels * pixels.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    side = (spec.size, spec.size)
    if pixels.shape[2:] != side:
        pixels = F.interpolate(pixels, side, mode="bilinear", align_corners=False, antialias=True)
    mean = pixels.new_tensor(spec.mean).view(1, 3, 1, 1) * 255
    std = pixels.new_tensor(spec.std).view(1, 3, 1, 1) * 255
    return ((pixels - mean) / std).contiguous()
