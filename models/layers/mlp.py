"""The two-layer perceptron of a transformer block."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn


class Mlp(nn.Module):
    """Linear, GELU, linear.

    Args:
        width: channels in and out.
        hidden: channels between.
        approximate: "tanh" for the tanh form of GELU.
    """

    def __init__(self, width: int, hidden: int, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__()
        self.rise = nn.Linear(width, hidden)
        self.activation = nn.GELU(approximate=approximate)
        self.fall = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(...,width) to (...,width)."""
        out: Tensor = self.fall(self.activation(self.rise(tokens)))
        return out
