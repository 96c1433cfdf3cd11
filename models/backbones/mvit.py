"""MViTv2 without absolute positions (arXiv 2112.01526): 16 blocks ("s"), or IFDD's cut to 10 ("xs")."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.errors import ModelError
from models.layers.drop_path import DropPath
from models.layers.mlp import Mlp
from models.layers.pooling_attention import Grid, PoolingAttention

Depth = Literal["xs", "s"]
BLOCKS: dict[str, tuple[int, int, int, int]] = {"xs": (1, 2, 5, 2), "s": (1, 2, 11, 2)}  # a stage
HEAD = 96  # width of a head, and of stage 1
STEPS = 8  # time steps behind the stem


class Block(nn.Module):
    """Pooling attention and perceptron, both with a residual.

    Args:
        wide_in: channels in.
        width: channels out.
        grid: token grid in.
        query_stride, key_stride: of the attention's poolers.
        drop_path: stochastic depth.
    """

    def __init__(
        self, wide_in: int, width: int, *, grid: Grid, query_stride: Grid, key_stride: Grid, drop_path: float
    ) -> None:
        super().__init__()
        self.grid = grid
        self.stride = query_stride
        self.norm1 = nn.LayerNorm(wide_in, eps=1e-6)
        self.attention = PoolingAttention(
            wide_in, width, width // HEAD, grid=grid, query_stride=query_stride, key_stride=key_stride
        )
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, 4 * width)
        self.widen = nn.Identity() if wide_in == width else nn.Linear(wide_in, width)
        self.drop_path = DropPath(drop_path)

    def skip(self, tokens: Tensor, normalised: Tensor) -> Tensor:
        """The residual path: widened from the normalised input, pooled where the queries are."""
        if isinstance(self.widen, nn.Linear):
            tokens = self.widen(normalised)
        if max(self.stride) == 1:
            return tokens
        batch, _, width = tokens.shape
        # B 1+t*h*w C -> B*t C h w, channels last in memory: the pool runs in each step alone
        cells = tokens[:, 1:].reshape(-1, *self.grid[1:], width).permute(0, 3, 1, 2)
        cells = F.max_pool2d(cells, 3, self.stride[1:], 1).permute(0, 2, 3, 1)
        return torch.cat((tokens[:, :1], cells.reshape(batch, -1, width)), 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,1+N,wide_in) to (B,1+N',width)."""
        normalised = self.norm1(tokens)
        tokens = self.skip(tokens, normalised) + self.drop_path(self.attention(normalised))
        out: Tensor = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        return out


class Mvit(nn.Module):
    """Clip to the token lists at the end of stage 3 (raw) and stage 4 (normalised).

    Args:
        depth: "xs" (10 blocks) or "s" (16).
        frames: 8, 16 or 32; all give 8 time steps.
        size: side in pixels, a multiple of 16; of 32 for clean halvings.
        drop_path: stochastic depth of the last block; it rises evenly from 0.

    Raises:
        ModelError: another frame count or side.
    """

    def __init__(self, depth: Depth, frames: int, size: int, drop_path: float = 0.2) -> None:
        super().__init__()
        if frames not in (8, 16, 32):
            raise ModelError(f"frames: expected 8, 16 or 32, got {frames}")
        if size % 16 or size < 32:
            raise ModelError(f"size: expected a multiple of 16 pixels from 32 on, got {size}")
        self.stem = nn.Conv3d(3, HEAD, (3, 7, 7), (1 if frames == 8 else 2, 4, 4), padding=(1, 3, 3))
        self.halve = nn.AvgPool3d((2, 1, 1)) if frames == 32 else nn.Identity()
        self.class_token = nn.Parameter(torch.zeros(HEAD))
        grid: Grid = (STEPS, size // 4, size // 4)
        wide_in, total = HEAD, sum(BLOCKS[depth])
        blocks: list[nn.Module] = []
        for stage, count in enumerate(BLOCKS[depth]):
            width, reduction = HEAD * 2**stage, 8 // 2**stage
            self.fine_side = grid[1]  # in the end that of stage 3
            for index in range(count):
                first = stage > 0 and index == 0
                block = Block(
                    wide_in,
                    width,
                    grid=grid,
                    query_stride=(1, 2, 2) if first else (1, 1, 1),
                    key_stride=(1, reduction, reduction),
                    drop_path=drop_path * len(blocks) / (total - 1),
                )
                blocks.append(block)
                wide_in, grid = width, block.attention.query_grid
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(wide_in, eps=1e-6)
        self.stage3_last = sum(BLOCKS[depth][:3]) - 1
        self.side = grid[1]
        self.width = wide_in
        self.apply(_init)
        nn.init.trunc_normal_(self.class_token, std=0.02)

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """(B,3,T,S,S) to stage 3 (B,1+8*(S/16)^2,384) and stage 4 (B,1+8*(S/32)^2,768)."""
        cells = self.halve(self.stem(clip))  # B 96 8 S/4 S/4
        tokens = torch.cat(
            (self.class_token.expand(clip.shape[0], 1, -1), cells.flatten(2).transpose(1, 2)), 1
        )
        stage3 = tokens
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index == self.stage3_last:
                stage3 = tokens
        return stage3, self.norm(tokens)


def _init(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
