"""What every model answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Output:
    """One forward pass; what a model has not is None.

    T' is the model's own number of time steps: T for a model that reads frame by frame, T/2 for the
    networks whose first layer halves time (then an index of 3.5 lies at frame 7).

    Attributes:
        logits: (B,K) float.
        feature: (B,C) float, what the head reads.
        static_index, dynamic_index: (B,T'/2) float32, where ISSM samples the two groups: base position
            plus offset, in steps; may lie a little outside 0..T'-1 (sampling clamps).
        correlation: (B,T',T') float32, similarity of the steps, before the softmax.
        context_residual: (B,h,w) float, the lifting loss's map; (B,steps,n) for the region variant.
        dynamic_share: (B,T'/2) float, the share of each dynamic step in the feature, sum 1; only in training,
            of models that weigh steps by what they show.
        auxiliary_logits: (B,K) each, from the auxiliary heads, first stage first.
    """

    logits: Tensor
    feature: Tensor
    static_index: Tensor | None = None
    dynamic_index: Tensor | None = None
    correlation: Tensor | None = None
    context_residual: Tensor | None = None
    dynamic_share: Tensor | None = None
    auxiliary_logits: tuple[Tensor, ...] | None = None


torch.export.register_dataclass(Output, serialized_type_name="models.Output")
