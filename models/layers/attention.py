"""Multi-head attention over token lists."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """(B,N,C) as (B,heads,N,C/heads)."""
    batch, count, width = tokens.shape
    return tokens.view(batch, count, heads, width // heads).transpose(1, 2)


def merge_heads(tokens: Tensor) -> Tensor:
    """(B,heads,N,d) as (B,N,heads*d)."""
    return tokens.transpose(1, 2).flatten(2)


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """softmax(q k^T / sqrt(d)) v for each head.

    Args:
        query: (B,N,C). key, value: (B,M,C).
        heads: number of heads; d = C / heads.

    Returns:
        (B,N,C).
    """
    query, key, value = (split_heads(each, heads) for each in (query, key, value))
    return merge_heads(F.scaled_dot_product_attention(query, key, value))


class SelfAttention(nn.Module):
    """Multi-head self-attention with one joint query/key/value map and an output map.

    Args:
        width: channels in and out.
        heads: number of heads.
        inner: channels of all heads together; by default the width.
        bias: whether the joint map has a bias; the output map always has one.
    """

    def __init__(self, width: int, heads: int, *, inner: int | None = None, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        inner = inner or width
        self.qkv = nn.Linear(width, 3 * inner, bias=bias)
        self.project = nn.Linear(inner, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,N,C) to (B,N,C)."""
        query, key, value = self.qkv(tokens).chunk(3, dim=-1)
        mixed: Tensor = self.project(attend(query, key, value, self.heads))
        return mixed
