"""Pyramid aggregation: stages 3 and 4 of the backbone in one feature map a time step."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn


class Pyramid(nn.Module):
    """Brings stage 3 to stage 4's side and mixes both.

    Args:
        fine: channels of stage 3, whose side is twice stage 4's.
        width: channels of stage 4 and of the result.
        reading: "plain", or "dilated" as published: dilation 2 with stride 2 reads a quarter of stage 3.
    """

    def __init__(self, fine: int, width: int, reading: Literal["plain", "dilated"] = "plain") -> None:
        super().__init__()
        spread = 2 if reading == "dilated" else 1
        self.reduce = nn.Conv2d(fine, fine, 3, stride=2, padding=spread, dilation=spread, bias=False)
        self.mix = nn.Conv2d(fine + width, width, 1, bias=False)

    def forward(self, stage3: Tensor, stage4: Tensor) -> Tensor:
        """(N,C3,2h,2w) and (N,C4,h,w) to (N,C4,h,w), N being batch times time steps."""
        out: Tensor = self.mix(torch.cat((self.reduce(stage3), stage4), 1))
        return out
