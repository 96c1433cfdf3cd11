"""What follows LADM: refinement of the dynamic branch and compression of its tokens to one vector."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from models.layers.attention import SelfAttention
from models.layers.drop_path import DropPath
from models.layers.mlp import Mlp


class Refinement(nn.Module):
    """A transformer block over the tokens of the dynamic branch.

    Args:
        width: channels C.
        heads: attention heads.
        drop_path: stochastic depth of both branches, in training.
        mlp_residual: False reproduces the published code, which has no residual around the MLP and so
            zeroes a whole sample with the probability of stochastic depth.
    """

    def __init__(self, width: int, heads: int, drop_path: float = 0.2, mlp_residual: bool = True) -> None:
        super().__init__()
        self.mlp_residual = mlp_residual
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, 4 * width)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,N,C) to (B,N,C)."""
        tokens = tokens + self.drop_path(self.attention(self.norm1(tokens)))
        refined: Tensor = self.drop_path(self.mlp(self.norm2(tokens)))
        return tokens + refined if self.mlp_residual else refined


Pooling = Literal["weights", "mean", "attention"]


class Compression(nn.Module):
    """Tokens to one vector.

    Args:
        kind: "weights", as published: one learned weight a token, so their number is fixed; "mean"; or
            "attention": weights from the tokens themselves, the mean at the start.
        width: channels C.
        tokens: number of tokens, read by "weights" only.
    """

    def __init__(self, kind: Pooling, width: int, tokens: int) -> None:
        super().__init__()
        self.kind = kind
        if kind == "weights":
            self.weight: nn.Linear | None = nn.Linear(tokens, 1, bias=False)
        elif kind == "attention":
            self.score = nn.Linear(width, 1, bias=False)
            nn.init.zeros_(self.score.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,N,C) to (B,C)."""
        if self.kind == "mean":
            return tokens.mean(1)
        if self.kind == "attention":
            return (self.shares(tokens).unsqueeze(-1) * tokens).sum(1)
        assert self.weight is not None
        out: Tensor = self.weight(tokens.transpose(1, 2)).squeeze(-1)
        return out

    def shares(self, tokens: Tensor) -> Tensor:
        """The weights (B,N) of "attention", sum 1."""
        shares: Tensor = self.score(tokens).squeeze(-1).softmax(1)
        return shares
