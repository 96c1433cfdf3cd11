"""What training on clips minimises: both papers' losses on one forward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.errors import ModelError
from models.ifdd.network import IfddMvit
from models.ifdd.region_network import IfddVit
from models.losses import cross_entropy, intensity_aware_loss, lifting_loss
from models.model import Model
from models.training.recipe import Losses

PARTS = ("task", "lifting", "intensity", "auxiliary")  # what `forward` returns after the total, in order


class Objective(nn.Module):
    """A model with its losses, so that what several devices share is one module from clip to loss.

    Args:
        model: any of the registry.
        losses: weights.
        batch: clips of a whole step, over all devices: the published lifting loss is a sum over them.

    Raises:
        ModelError: weights for more auxiliary heads than the model has, or for a lifting loss without map.
    """

    def __init__(self, model: Model, losses: Losses, batch: int) -> None:
        super().__init__()
        self.model = model
        self.losses = losses
        summed = isinstance(model, (IfddMvit, IfddVit)) and model.reading.lifting_loss == "sum"
        # a mean over a device's clips times the batch: their mean over all devices is then the batch's sum
        self.lifting = losses.lifting * (batch if summed else 1)

    def forward(self, clip: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The loss of clips.

        Args:
            clip: (B,3,T,S,S).
            target: (B,K) float.

        Returns:
            total: scalar.
            parts: (4,) the weighted terms that `PARTS` names, detached.
            logits: (B,K), detached.
        """
        out = self.model(clip)
        weights = self.losses
        terms = {"task": cross_entropy(out.logits, target)}
        if self.lifting:
            if out.context_residual is None:
                raise ModelError(
                    f"losses lifting: expected 0 for {self.model.spec.name}, got {weights.lifting}"
                )
            terms["lifting"] = lifting_loss(out.context_residual, self.lifting)
        if weights.intensity:
            mixed: Any = weights.intensity_mixed
            terms["intensity"] = weights.intensity * intensity_aware_loss(out.logits, target, mixed=mixed)
        heads = out.auxiliary_logits or ()
        if weights.auxiliary:
            if len(heads) != len(weights.auxiliary):
                raise ModelError(
                    f"losses auxiliary: expected {len(heads)} weights for {self.model.spec.name}, "
                    f"got {len(weights.auxiliary)}"
                )
            used = [(w, head) for w, head in zip(weights.auxiliary, heads, strict=True) if w]
            if used:
                terms["auxiliary"] = torch.stack([w * cross_entropy(head, target) for w, head in used]).sum()
        total = torch.stack(list(terms.values())).sum()
        zero = torch.zeros_like(total)
        parts = torch.stack([terms.get(name, zero).detach() for name in PARTS])
        return total, parts, out.logits.detach()
