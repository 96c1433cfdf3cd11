"""What a forward pass costs: parameters and multiply-accumulates (MAC; 1 MAC is 2 FLOP)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.backbones.region_vit import BiasedAttention
from models.ifdd.lifting import CrossAttention
from models.layers.attention import SelfAttention
from models.layers.pooling_attention import PoolingAttention
from models.model import Model


@dataclass
class Cost:
    """Parameters, and multiply-accumulates of one clip.

    `layers` counts convolutions and linear maps, `attention` the products of queries, keys and values and
    of queries and position tables: the formulas' count, not what a fused kernel pads. Norms, activations,
    poolings, ISSM's small products and GCA's templates are left out (far below 1 %).
    """

    parameters: int
    layers: int = 0
    attention: int = 0

    @property
    def macs(self) -> int:
        """All multiply-accumulates that are counted."""
        return self.layers + self.attention


def _attention_macs(module: nn.Module, given: tuple[Tensor, ...]) -> int:
    if isinstance(module, PoolingAttention):
        batch, width = given[0].shape[0], module.project.in_features
        queries, keys = math.prod(module.query_grid), math.prod(module.key_grid)
        products = 2 * (1 + queries) * (1 + keys) + queries * sum(module.key_grid)
        return batch * width * products
    if isinstance(module, SelfAttention):
        batch, count, _ = given[0].shape
        return 2 * batch * count * count * module.project.in_features
    reader, source = given
    return 2 * reader.shape[0] * reader.shape[1] * source.shape[1] * reader.shape[2]


def clip_for(model: Model, batch: int = 1) -> Tensor:
    """Random clips (B,3,T,S,S) float32 that fit a model, the same on each call."""
    spec = model.spec
    shape = (batch, 3, spec.frames, spec.size, spec.size)
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def count(model: Model) -> Cost:
    """Runs one clip on the CPU and counts."""
    cost = Cost(parameters=sum(each.numel() for each in model.parameters()))

    def on_layer(module: Any, _: tuple[Tensor, ...], out: Tensor) -> None:
        cost.layers += out.numel() * math.prod(module.weight.shape[1:])

    def on_attention(module: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> None:
        cost.attention += _attention_macs(module, given)

    handles = []
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.Conv3d)):
            handles.append(module.register_forward_hook(on_layer))
        elif isinstance(module, (PoolingAttention, SelfAttention, CrossAttention, BiasedAttention)):
            handles.append(module.register_forward_hook(on_attention))
    try:
        model(clip_for(model))
    finally:
        for handle in handles:
            handle.remove()
    return cost
