"""The local-global ViT of MAE-DFER (arXiv 2307.02227): regions of tokens, each with a region token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.errors import ModelError
from models.layers.attention import attend
from models.layers.drop_path import DropPath
from models.layers.mlp import Mlp

REGIONS = (4, 2, 1)  # along time, rows and columns
TUBELET = (2, 16, 16)


class BiasedAttention(nn.Module):
    """Attention whose queries and values have a bias and whose keys have none.

    Args:
        width: channels.
        heads: attention heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.project = nn.Linear(width, width)

    def forward(self, reader: Tensor, source: Tensor) -> Tensor:
        """(B,N,C) and (B,M,C) to (B,N,C)."""
        mixed = attend(self.query(reader), self.key(source), self.value(source), self.heads)
        out: Tensor = self.project(mixed)
        return out


class RegionBlock(nn.Module):
    """Attention inside each region, among the region tokens, from all places to them; then an MLP.

    Args:
        width: channels.
        heads: attention heads.
        drop_path: stochastic depth of each branch.
    """

    def __init__(self, width: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.inside_norm = nn.LayerNorm(width, eps=1e-6)
        self.inside = BiasedAttention(width, heads)
        self.among_norm = nn.LayerNorm(width, eps=1e-6)
        self.among = BiasedAttention(width, heads)
        self.place_norm = nn.LayerNorm(width, eps=1e-6)
        self.region_norm = nn.LayerNorm(width, eps=1e-6)
        self.across = BiasedAttention(width, heads)
        self.mlp_norm = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, 4 * width)
        self.drop_path = DropPath(drop_path)

    def _read(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The first two attentions: all tokens after the first, region tokens after the second."""
        shape = tokens.shape
        regions = tokens.flatten(0, 1)  # B*R 1+n C
        normalised = self.inside_norm(regions)
        tokens = tokens + self.drop_path(self.inside(normalised, normalised).view(shape))
        region = tokens[:, :, 0]  # B R C
        normalised = self.among_norm(region)
        return tokens, region + self.drop_path(self.among(normalised, normalised))

    def regions(self, tokens: Tensor) -> Tensor:
        """What `forward` makes of the region tokens (B,R,C), which is all that is read of a last block."""
        _, region = self._read(tokens)
        out: Tensor = region + self.drop_path(self.mlp(self.mlp_norm(region)))
        return out

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,R,1+n,C), the region token first in each region, to the same."""
        shape = tokens.shape
        tokens, region = self._read(tokens)
        place = tokens[:, :, 1:].flatten(1, 2)  # B R*n C
        place = place + self.drop_path(self.across(self.place_norm(place), self.region_norm(region)))
        tokens = torch.cat((region.unsqueeze(2), place.view(*shape[:2], -1, shape[-1])), 2)
        out: Tensor = tokens + self.drop_path(self.mlp(self.mlp_norm(tokens)))
        return out


def sine_positions(count: int, width: int) -> Tensor:
    """Fixed sine and cosine positions (count, width), as in the first transformer."""
    angle = torch.arange(count)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
    return torch.stack((angle.sin(), angle.cos()), 2).flatten(1)


class RegionVit(nn.Module):
    """Clip to region tokens.

    Args:
        frames: a multiple of 8.
        size: side in pixels, a multiple of 32.
        width, depth, heads: of the transformer.
        drop_path: stochastic depth of the last block; it rises evenly from 0.

    Raises:
        ModelError: a frame count or a side that the regions do not divide.
    """

    def __init__(
        self,
        frames: int,
        size: int,
        *,
        width: int = 512,
        depth: int = 16,
        heads: int = 8,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        if frames % (TUBELET[0] * REGIONS[0]):
            raise ModelError(f"frames: expected a multiple of {TUBELET[0] * REGIONS[0]}, got {frames}")
        if size % (TUBELET[1] * REGIONS[1]) or size <= 0:
            raise ModelError(f"size: expected a multiple of {TUBELET[1] * REGIONS[1]} pixels, got {size}")
        if depth < 1:
            raise ModelError(f"depth: expected at least 1 block, got {depth}")
        self.stem = nn.Conv3d(3, width, TUBELET, TUBELET)
        grid = (frames // TUBELET[0], size // TUBELET[1], size // TUBELET[2])
        self.region_token = nn.Parameter(torch.zeros(REGIONS[0] * REGIONS[1] * REGIONS[2], width))
        # fixed: recomputed, not stored
        self.register_buffer("position", sine_positions(grid[0] * grid[1] * grid[2], width), persistent=False)
        self.blocks = nn.ModuleList(
            RegionBlock(width, heads, drop_path * index / max(depth - 1, 1)) for index in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.width = width
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.region_token, std=0.02)

    def forward(self, clip: Tensor) -> Tensor:
        """(B,3,T,S,S) to the region tokens as a grid (B,4,2,1,C): time, rows, columns."""
        cells = self.stem(clip)  # B C t h w
        batch, width, time, rows, columns = cells.shape
        tokens = cells.flatten(2).transpose(1, 2) + self.get_buffer("position").to(cells.dtype)
        # B t h w C -> B (4 2 1) (t/4 h/2 w) C
        (over_t, over_h, over_w) = REGIONS
        tokens = tokens.reshape(
            batch, over_t, time // over_t, over_h, rows // over_h, over_w, columns // over_w, width
        )
        tokens = tokens.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4, 6).flatten(1, 3)
        region = self.region_token.expand(batch, -1, -1).unsqueeze(2)
        tokens = torch.cat((region, tokens), 2)
        *earlier, last = self.blocks
        for block in earlier:
            tokens = block(tokens)
        assert isinstance(last, RegionBlock)
        out: Tensor = self.norm(last.regions(tokens)).view(batch, *REGIONS, width)
        return out
