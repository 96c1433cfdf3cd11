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


def key_places(grid: Grid) -> Tensor:
    """For each key a 1 at its time, at its row and at its column.

    Returns:
        (1+t*h*w, t+h+w) float32; the class token, first, has none.
    """
    time, rows, columns = (
        torch.eye(side).view(*(side if a == axis else 1 for a in range(3)), side)
        for axis, side in enumerate(grid)
    )
    parts = torch.cat([each.expand(*grid, -1) for each in (time, rows, columns)], -1)
    return F.pad(parts.flatten(0, 2), (0, 0, 1, 0))


class HeadConvolution(nn.Conv3d):
    """A depthwise convolution whose kernels are used again for each head."""

    def forward(self, cells: Tensor) -> Tensor:
        """(B,heads*d,t,h,w) to (B,heads*d,t',h',w')."""
        heads = cells.shape[1] // self.in_channels
        weight = self.weight.repeat(heads, 1, 1, 1, 1)
        return F.conv3d(cells, weight, None, self.stride, self.padding, self.dilation, cells.shape[1])


class Pooler(nn.Module):
    """Depthwise 3x3x3 convolution over the grid, the same kernels for every head, then LayerNorm.

    The class token passes by the convolution.

    Args:
        width: channels of a head.
        stride: of the convolution.
    """

    def __init__(self, width: int, stride: Grid) -> None:
        super().__init__()
        self.convolution = HeadConvolution(width, width, 3, stride, padding=1, groups=width, bias=False)
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """(B,1+t*h*w,heads,d) to (B,heads,1+t'*h'*w',d)."""
        batch, _, heads, width = tokens.shape
        # heads become channels of one convolution, channels last in memory as the tokens are: on a CPU 3 to
        # 10 times as fast as moving channels first. CUDA's depthwise kernel wants them first.
        cells = tokens[:, 1:].reshape(batch, *grid, heads * width).permute(0, 4, 1, 2, 3)
        if cells.is_cuda:
            cells = cells.contiguous()
        cells = self.convolution(cells).permute(0, 2, 3, 4, 1).reshape(batch, -1, heads, width)
        pooled: Tensor = self.norm(torch.cat((tokens[:, :1], cells), 1))
        return pooled.transpose(1, 2)


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
        self.register_buffer("place", key_places(self.key_grid), persistent=False)

    def relative(self, query: Tensor) -> Tensor:
        """What each grid query adds to the logits, for each time, row and column of the keys.

        Args:
            query: (B,heads,t*h*w,d), pooled, without the class token, not scaled.

        Returns:
            (B,heads,t*h*w,K): the keys' times, then their rows, then their columns.
        """
        query = query.view(*query.shape[:2], *self.query_grid, query.shape[-1])
        axes = []
        for axis in "thw":
            table = self.get_parameter(f"relative_{axis}")[self.get_buffer(f"index_{axis}")]  # axis K d
            axes.append(torch.einsum(f"bnthwd,{axis}kd->bnthwk", query, table))
        return torch.cat(axes, -1).flatten(2, 4)

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """softmax(q k^T / sqrt(d) + R) v, with R folded into the product.

        R(i,j) is the sum of three terms that depend on query i and on the time, the row and the column of
        key j. As further channels of the query, against channels of the key that say its place (1 at its
        time, its row and its column), it becomes part of q k^T: no (Q,K) bias is ever built, and a fused
        kernel without bias does the rest. The class token has zeros there, as published.

        Args:
            query: (B,heads,1+Q,d). key, value: (B,heads,1+K,d). All pooled.

        Returns:
            (B,heads,1+Q,d).
        """
        width = value.shape[-1]
        extra = sum(self.key_grid)
        spare = -(width + extra) % 8  # fused kernels want multiples of 8
        relative = F.pad(self.relative(query[:, :, 1:]), (0, spare, 1, 0))
        place = self.get_buffer("place").to(key.dtype).expand(*key.shape[:2], -1, -1)
        mixed = F.scaled_dot_product_attention(
            torch.cat((query * self.scale, relative), -1),
            torch.cat((key, F.pad(place, (0, spare))), -1),
            F.pad(value, (0, extra + spare)),  # they also want one width for all three
            scale=1.0,
        )
        return mixed[..., :width]

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,1+N,wide_in), normalised, to (B,1+N',width)."""
        batch, count, _ = tokens.shape
        joint = self.qkv(tokens).view(batch, count, 3, self.heads, -1)
        query = self.pool_query(joint[:, :, 0], self.grid)
        key = self.pool_key(joint[:, :, 1], self.grid)
        value = self.pool_value(joint[:, :, 2], self.grid)
        mixed = self.attend(query, key, value)
        mixed = torch.cat((mixed[:, :, :1], mixed[:, :, 1:] + query[:, :, 1:]), 2)  # residual pooling
        out: Tensor = self.project(mixed.transpose(1, 2).flatten(2))
        return out
