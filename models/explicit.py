"""The published formulation of the same networks, step by step: the yardstick of `models.bench`.

Inside `explicit()` all models compute what they always compute, in the way the published code does:
logits, relative positions and softmax as separate full-size tensors, the poolers with each head as a
sample of its own and channels first, GCA's template as a convolution, the skip path's pooling in three
dimensions, the last block of the region ViT in full, and each sub-layer of the IAL transformers twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.backbones.mvit import Block
from models.backbones.region_vit import RegionBlock
from models.ial.global_attention import GlobalConvolutionAttention
from models.ial.network import TransformerLayer
from models.layers.pooling_attention import Grid, Pooler, PoolingAttention


def _attention(query: Tensor, key: Tensor, value: Tensor, scale: float | None = None) -> Tensor:
    logits = query @ key.transpose(-2, -1) * (scale or 1 / math.sqrt(query.shape[-1]))
    return logits.softmax(-1) @ value


def _pooling_attention(self: PoolingAttention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    logits = (query * self.scale) @ key.transpose(-2, -1)
    time, rows, columns = self.relative(query[:, :, 1:]).split(self.key_grid, -1)  # type: ignore[no-untyped-call]
    relative = time[..., :, None, None] + rows[..., None, :, None] + columns[..., None, None, :]
    logits = logits + F.pad(relative.flatten(3), (1, 0, 1, 0))  # B heads 1+Q 1+K
    return logits.softmax(-1) @ value


def _pool(self: Pooler, tokens: Tensor, grid: Grid) -> Tensor:
    tokens = tokens.transpose(1, 2)  # B heads 1+N d
    batch, heads, _, width = tokens.shape
    cells = tokens[:, :, 1:].transpose(2, 3).reshape(batch * heads, width, *grid)
    cells = self.convolution(cells).flatten(2).transpose(1, 2).view(batch, heads, -1, width)
    pooled: Tensor = self.norm(torch.cat((tokens[:, :, :1], cells), 2))
    return pooled


def _regions(self: RegionBlock, tokens: Tensor) -> Tensor:
    out: Tensor = self(tokens)  # the whole block, of which the region tokens are read
    return out[:, :, 0]


def _skip(self: Block, tokens: Tensor, normalised: Tensor) -> Tensor:
    if isinstance(self.widen, nn.Linear):
        tokens = self.widen(normalised)
    if max(self.stride) == 1:
        return tokens
    cells = tokens[:, 1:].transpose(1, 2).reshape(tokens.shape[0], -1, *self.grid)
    cells = F.max_pool3d(cells, (1, 3, 3), self.stride, (0, 1, 1))
    return torch.cat((tokens[:, :1], cells.flatten(2).transpose(1, 2)), 1)


def _gate(self: GlobalConvolutionAttention, features: Tensor) -> tuple[Tensor, Tensor]:
    batch, steps, width = features.shape[:3]
    response = F.conv2d(features.flatten(0, 1), self.template, groups=width).view(batch, steps, width)
    own = 2 * torch.sigmoid(self.rise(torch.relu(self.fall(response))))
    return torch.sqrt(own * own.mean(1, keepdim=True) + self.EPSILON), response


def _transformer_layer(self: TransformerLayer, tokens: Tensor) -> Tensor:
    for norm, branch in ((self.norm1, self.attention), (self.norm2, self.mlp)):
        branch(norm(tokens))  # the published wrapper evaluates a sub-layer, then evaluates it again
        tokens = tokens + branch(norm(tokens))
    return tokens


@contextmanager
def explicit() -> Iterator[None]:
    """Runs all models in the published formulation while it is open. Not for several threads at once."""
    replaced: tuple[tuple[Any, str, Any], ...] = (
        (F, "scaled_dot_product_attention", _attention),
        (PoolingAttention, "attend", _pooling_attention),
        (Pooler, "forward", _pool),
        (Block, "skip", _skip),
        (RegionBlock, "regions", _regions),
        (GlobalConvolutionAttention, "forward", _gate),
        (TransformerLayer, "forward", _transformer_layer),
    )
    kept = [getattr(owner, name) for owner, name, _ in replaced]
    try:
        for owner, name, replacement in replaced:
            setattr(owner, name, replacement)
        yield
    finally:
        for (owner, name, _), original in zip(replaced, kept, strict=True):
            setattr(owner, name, original)
