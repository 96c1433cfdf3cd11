"""Stochastic depth."""

from __future__ import annotations

from torch import Tensor, nn


class DropPath(nn.Module):
    """In training, drops a sample's whole branch with probability `rate`; kept ones grow by 1/(1-rate)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """(B,...) to (B,...)."""
        if not self.training or self.rate == 0:
            return branch
        keep = branch.new_empty((branch.shape[0],) + (1,) * (branch.dim() - 1)).bernoulli_(1 - self.rate)
        return branch * keep / (1 - self.rate)

    def extra_repr(self) -> str:
        """Shown by print."""
        return f"rate={self.rate}"
