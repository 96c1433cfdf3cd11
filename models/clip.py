"""Checks on what goes into a model."""

from __future__ import annotations

import torch
from torch import Tensor

from models.errors import ModelError


def check_input(name: str, value: Tensor, shape: tuple[int | None, ...], dtype: torch.dtype) -> None:
    """Raises ModelError unless `value` has the shape, the weights' type and finite values.

    Whether values are finite is looked at on the CPU only: on a GPU the look would wait for the device
    and could not be captured in a graph.

    Args:
        name: what the message calls it, with its layout.
        value: any tensor.
        shape: expected sizes, None for any size above 0.
        dtype: the weights' type; under autocast any floating type will do.
    """
    if not isinstance(value, Tensor):
        raise ModelError(f"{name}: expected a tensor, got {type(value).__name__}")
    fits = value.dim() == len(shape) and all(
        want is None or got == want for got, want in zip(value.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise ModelError(f"{name}: expected shape ({wanted}), got {tuple(value.shape)}")
    mixed = value.is_floating_point() and torch.is_autocast_enabled(value.device.type)
    if value.dtype != dtype and not mixed:
        raise ModelError(f"{name}: expected {dtype}, got {value.dtype}")
    if torch.compiler.is_compiling() or value.device.type != "cpu":
        return
    if value.numel() == 0:
        raise ModelError(f"{name}: expected values, got an empty tensor of shape {tuple(value.shape)}")
    if not bool(torch.isfinite(value).all()):
        raise ModelError(f"{name}: expected finite values, got NaN or infinity")
