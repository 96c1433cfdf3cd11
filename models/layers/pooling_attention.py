"""MViTv2's attention: pooled queries, keys and values, decomposed relative positions (arXiv 2112.01526)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

Grid = tuple[int, int, int]  # time, rows, columns


def pooled_grid(grid: Grid, stride: Grid) -> Grid:
    """The grid after a kernel of 3 with padding 1 and this stride."""
    rows = tuple((side - 1) // step + 1 for side, step in zip(grid, stride, strict=True))
    return rows[0], rows[1], rows[2]


def relative_index(queries: int, keys: int) -> Tensor:
    """Rows of a relative position table for each pair on one axis.

    Returns:
        (queries, keys) int64, from 0 to 2*max(queries, keys) - 2.
    """
    query = torch.arange(queries)[:, None] * max(keys / queries, 1.0)
    key = (keys - 1 - torch.arange(keys))[None, :] * max(queries / keys, 1.0)
    return (query + key).long()


class Pooler(nn.Module):
    """Depthwise 3x3x3 convolution over the grid, the same kernels for every head, then LayerNorm.

    The class token passes by the convolution.

    Args:
        width: channels of a head.
        stride: of the convolution.
    """

    def __init__(self, width: int, stride: Grid) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(width, width, 3, stride, padding=1, groups=width, bias=False)
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """(B,heads,1+t*h*w,d) to (B,heads,1+t'*h'*w',d)."""
        batch, heads, _, width = tokens.shape
        cells = tokens[:, :, 1:].transpose(2, 3).reshape(batch * heads, width, *grid)
        cells = self.convolution(cells).flatten(2).transpose(1, 2).view(batch, heads, -1, width)
        pooled: Tensor = self.norm(torch.cat((tokens[:, :, :1], cells), 2))
        return pooled


class PoolingAttention(nn.Module):
    """Attention of one block.

    Args:
        wide_in: channels in.
        width: channels out.
        heads: number of heads.
        grid: token grid in.
        query_stride, key_stride: of the poolers.
    """

    def __init__(
        self, wide_in: int, width: int, heads: int, *, grid: Grid, query_stride: Grid, key_stride: Grid
    ) -> None:
        super().__init__()
        self.heads = heads
        self.grid = grid
        self.query_grid = pooled_grid(grid, query_stride)
        self.key_grid = pooled_grid(grid, key_stride)
        head = width // heads
        self.scale = 1 / math.sqrt(head)
        self.qkv = nn.Linear(wide_in, 3 * width)
        self.pool_query = Pooler(head, query_stride)
        self.pool_key = Pooler(head, key_stride)
        self.pool_value = Pooler(head, key_stride)
        self.project = nn.Linear(width, width)
        for axis, queries, keys in zip("thw", self.query_grid, self.key_grid, strict=True):
            table = nn.Parameter(torch.empty(2 * max(queries, keys) - 1, head))
            nn.init.trunc_normal_(table, std=0.02)
            setattr(self, f"relative_{axis}", table)
            self.register_buffer(f"index_{axis}", relative_index(queries, keys), persistent=False)

    def relative(self, query: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What each grid query adds to the logits, for each time, row and column of the keys.

        Args:
            query: (B,heads,t*h*w,d), pooled, without the class token, not scaled.

        Returns:
            (B,heads,t,h,w,K) each, with K the keys' times, rows, columns.
        """
        query = query.view(*query.shape[:2], *self.query_grid, query.shape[-1])
        table_t = self.get_parameter("relative_t")[self.get_buffer("index_t")]  # t K d
        table_h = self.get_parameter("relative_h")[self.get_buffer("index_h")]
        table_w = self.get_parameter("relative_w")[self.get_buffer("index_w")]
        return (
            torch.einsum("bnthwd,tkd->bnthwk", query, table_t),
            torch.einsum("bnthwd,hkd->bnthwk", query, table_h),
            torch.einsum("bnthwd,wkd->bnthwk", query, table_w),
        )

    def bias(self, query: Tensor) -> Tensor:
        """The relative positions as a bias (B,heads,1+Q,1+K); row and column of the class token are 0."""
        by_time, by_row, by_column = self.relative(query[:, :, 1:])
        grid = by_time[..., :, None, None] + by_row[..., None, :, None] + by_column[..., None, None, :]
        return F.pad(grid.flatten(5).flatten(2, 4), (1, 0, 1, 0))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,1+N,wide_in), normalised, to (B,1+N',width)."""
        batch, count, _ = tokens.shape
        joint = self.qkv(tokens).view(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query = self.pool_query(joint[0], self.grid)
        key = self.pool_key(joint[1], self.grid)
        value = self.pool_value(joint[2], self.grid)
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=self.bias(query), scale=self.scale
        )
        mixed = torch.cat((mixed[:, :, :1], mixed[:, :, 1:] + query[:, :, 1:]), 2)  # residual pooling
        out: Tensor = self.project(mixed.transpose(1, 2).flatten(2))
        return out
