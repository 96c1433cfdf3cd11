"""Losses of both papers. All take float logits of any precision and compute in float32."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.errors import ModelError


def _check(logits: Tensor, target: Tensor) -> None:
    if logits.dim() != 2 or logits.shape[1] < 2 or not logits.is_floating_point():
        raise ModelError(
            f"logits: expected (B,K) float with K >= 2, got {tuple(logits.shape)} {logits.dtype}"
        )
    soft = target.shape == logits.shape and target.is_floating_point()
    hard = target.shape == logits.shape[:1] and target.dtype == torch.int64
    if not soft and not hard:
        raise ModelError(
            f"target: expected ({logits.shape[0]},) int64 or {tuple(logits.shape)} float, "
            f"got {tuple(target.shape)} {target.dtype}"
        )


def soft_targets(labels: Tensor, classes: int, smoothing: float = 0.0) -> Tensor:
    """One-hot targets, smoothed: smoothing/K off the label and 1 - smoothing + smoothing/K on it.

    Args:
        labels: (B,) int64.
        classes: K.
        smoothing: 0 to 1.

    Returns:
        (B,K) float32.
    """
    return F.one_hot(labels, classes).float() * (1 - smoothing) + smoothing / classes


def mixed_targets(targets: Tensor, share: float) -> Tensor:
    """Targets of a batch that was mixed with itself in reverse order.

    Args:
        targets: (B,K) float.
        share: what is left of each sample, 0 to 1; the rest comes from its partner.
    """
    return share * targets + (1 - share) * targets.flip(0)


def cross_entropy(logits: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross entropy, mean over the batch.

    Args:
        logits: (B,K).
        target: (B,) int64, or (B,K) float soft targets.
        smoothing: label smoothing of int64 targets; soft targets are taken as they are.

    Raises:
        ModelError: shapes or types that do not fit.
    """
    _check(logits, target)
    if target.dim() == 1:
        target = soft_targets(target, logits.shape[1], smoothing)
    return -(target * logits.float().log_softmax(1)).sum(1).mean()


def intensity_aware_loss(
    logits: Tensor, target: Tensor, smoothing: float = 0.0, mixed: Literal["dominant", "off"] = "dominant"
) -> Tensor:
    """Cross entropy between the target and its strongest rival alone (arXiv 2208.10335).

    Samples whose strongest rival is close, i.e. weak expressions, weigh more.

    Args:
        logits: (B,K).
        target: (B,) int64, or (B,K) float soft targets, of which the largest counts as the target.
        smoothing: smooths the two-way target, smoothing/2 on the rival.
        mixed: with soft targets: "dominant" takes their largest class; "off" leaves out samples without
            a class of more than half, which mixing makes (0 when none is left).

    Returns:
        mean over the batch: softplus(m - x_target) with m the largest other logit, when not smoothed.

    Raises:
        ModelError: shapes or types that do not fit.
    """
    _check(logits, target)
    logits = logits.float()
    label = target if target.dim() == 1 else target.argmax(1)
    own = logits.gather(1, label[:, None]).squeeze(1)
    rival = logits.scatter(1, label[:, None], -torch.inf).amax(1)
    gap = rival - own
    # -(1-s/2) log sigma(-gap) - s/2 log sigma(gap)
    loss = F.softplus(gap) - smoothing / 2 * gap
    if target.dim() == 1 or mixed == "dominant":
        return loss.mean()
    clear = (target.amax(1) > 0.5).to(loss.dtype)
    return (loss * clear).sum() / clear.sum().clamp(min=1)


def lifting_loss(residual: Tensor, weight: float = 0.1, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
    """Keeps the static branch's local average at that of the features (arXiv 2412.13168).

    Args:
        residual: (B,h,w), `Output.context_residual`.
        weight: factor.
        reduction: over the batch; the published code sums.
    """
    if residual.dim() < 2:
        raise ModelError(f"residual: expected (B,h,w), got {tuple(residual.shape)}")
    residual = residual.float()
    each = F.smooth_l1_loss(residual, torch.zeros_like(residual), reduction="none").flatten(1).mean(1)
    return weight * (each.mean() if reduction == "mean" else each.sum())


def ial_total(
    logits: Tensor,
    auxiliary: tuple[Tensor, ...],
    target: Tensor,
    *,
    intensity_weight: float = 0.1,
    auxiliary_weights: tuple[float, ...] = (0.05, 0.0),
    smoothing: float = 0.0,
) -> Tensor:
    """The IAL paper's total: cross entropy, intensity-aware term and auxiliary heads.

    Args:
        logits: (B,K).
        auxiliary: (B,K) of each auxiliary head, first stage first.
        target: (B,) int64 or (B,K) float.
        intensity_weight, auxiliary_weights: as released.
        smoothing: of the cross entropies, for int64 targets.

    Raises:
        ModelError: shapes or types that do not fit.
    """
    if len(auxiliary) != len(auxiliary_weights):
        raise ModelError(f"auxiliary: expected {len(auxiliary_weights)} heads, got {len(auxiliary)}")
    total = cross_entropy(logits, target, smoothing)
    total = total + intensity_weight * intensity_aware_loss(logits, target)
    for weight, each in zip(auxiliary_weights, auxiliary, strict=True):
        if weight:
            total = total + weight * cross_entropy(each, target, smoothing)
    return total
