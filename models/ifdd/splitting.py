"""ISSM, the inter-frame static/dynamic splitting module (arXiv 2412.13168).

From the similarity of the time steps it predicts an offset for each even position (static group) and
each odd position (dynamic group), and samples the features there by linear interpolation in time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Split(NamedTuple):
    """What the splitter answers: see `Splitter.forward`."""

    static: Tensor
    dynamic: Tensor
    static_index: Tensor
    dynamic_index: Tensor
    correlation: Tensor


@dataclass(frozen=True)
class SplitterReading:
    """Which reading of the published splitter's quirks is in force.

    Attributes:
        correlation_scale: "tokens" divides the similarities by the root of the descriptor's length;
            "width" by the feature width, which leaves the softmaxes almost flat at first.
        sampling: "aligned" samples at the position; "stretched" at p*T/(T-1) - 1/2, the published
            mixture of two conventions, which clamps the first and the last anchor.
        adaptive: False fixes the offsets at 0 (the even and the odd steps).
    """

    correlation_scale: Literal["tokens", "width"] = "tokens"
    sampling: Literal["aligned", "stretched"] = "aligned"
    adaptive: bool = True


def interpolation_weights(positions: Tensor, steps: int) -> Tensor:
    """Weights that sample a sequence at real positions by linear interpolation, clamped at both ends.

    The derivative by a position is the step to the next frame, also at whole positions, and 0 outside.

    Args:
        positions: (B,M) float32, in steps.
        steps: length of the sequence, at least 2.

    Returns:
        (B,M,steps), at most two weights of a row differ from 0, their sum is 1.
    """
    clamped = positions.clamp(0, steps - 1)
    left = clamped.detach().floor().clamp(max=steps - 2)
    right_share = (clamped - left).unsqueeze(-1)
    step = torch.arange(steps, device=positions.device, dtype=positions.dtype)
    is_left = (step == left.unsqueeze(-1)).to(positions.dtype)
    is_right = (step == left.unsqueeze(-1) + 1).to(positions.dtype)
    return is_left * (1 - right_share) + is_right * right_share


class Splitter(nn.Module):
    """Splits T steps of features into T/2 static and T/2 dynamic ones.

    Args:
        width: feature channels C.
        steps: T, even.
        reading: see SplitterReading.
        grid: side to which a step's features are pooled before they are described.
        channels: channels of the description; its length is channels * grid * grid.
    """

    REACH = 2.0  # largest offset in steps: time is halved, so each anchor may reach its neighbours

    def __init__(
        self, width: int, steps: int, reading: SplitterReading | None = None, grid: int = 7, channels: int = 7
    ) -> None:
        super().__init__()
        reading = reading or SplitterReading()
        self.steps = steps
        self.grid = grid
        self.reading = reading
        length = channels * grid * grid
        self.scale = 1 / width if reading.correlation_scale == "width" else 1 / math.sqrt(length)
        self.describe = nn.Conv2d(width, channels, 1)
        self.static_offset = nn.Linear(steps * steps, steps // 2, bias=False)
        self.dynamic_offset = nn.Linear(steps * steps, steps // 2, bias=False)
        for layer in (self.static_offset, self.dynamic_offset):
            nn.init.trunc_normal_(layer.weight, std=0.03)

    def correlate(self, features: Tensor) -> Tensor:
        """Similarity of the steps.

        Args:
            features: (B,T,C,h,w).

        Returns:
            (B,T,T) float32.
        """
        batch, steps = features.shape[:2]
        frames = features.flatten(0, 1)  # B*T C h w
        # the paper pools, then describes; both are linear and a 1x1 convolution acts on places alone, so the
        # order does not matter, and 7 channels are pooled faster than C
        described = self.describe(frames)
        if described.shape[2:] != (self.grid, self.grid):
            described = F.adaptive_avg_pool2d(described, self.grid)
        tokens = F.gelu(described).reshape(batch, steps, -1).float()
        # In float32 under autocast too: with 8 bits of mantissa an index near 8 would err by 0.03.
        with torch.autocast(features.device.type, enabled=False):
            return tokens @ tokens.transpose(1, 2) * self.scale

    def indexes(self, correlation: Tensor) -> tuple[Tensor, Tensor]:
        """Where the two groups are sampled.

        Args:
            correlation: (B,T,T) float32.

        Returns:
            static and dynamic index, (B,T/2) float32 each: base position plus offset, in steps.
        """
        step = torch.arange(self.steps, device=correlation.device, dtype=correlation.dtype)
        even, odd = step[0::2], step[1::2]
        if not self.reading.adaptive:
            batch = correlation.shape[0]
            return even.expand(batch, -1), odd.expand(batch, -1)
        with torch.autocast(correlation.device.type, enabled=False):
            alike = correlation.softmax(-1).flatten(1)
            unlike = (-correlation).softmax(-1).flatten(1)
            static = F.linear(alike, self.static_offset.weight.float())
            dynamic = F.linear(unlike, self.dynamic_offset.weight.float())
        return even + self.REACH * torch.tanh(static), odd + self.REACH * torch.tanh(dynamic)

    def forward(self, features: Tensor) -> Split:
        """Samples both groups.

        Args:
            features: (B,T,C,h,w) with T the number of steps given at construction.

        Returns:
            static, dynamic: (B,T/2,C,h,w); static_index, dynamic_index: (B,T/2) float32, before any
            normalisation; correlation: (B,T,T) float32.
        """
        correlation = self.correlate(features)
        static_index, dynamic_index = self.indexes(correlation)
        positions = torch.cat((static_index, dynamic_index), 1)
        if self.reading.sampling == "stretched":
            positions = positions * (self.steps / (self.steps - 1)) - 0.5
        weights = interpolation_weights(positions, self.steps).to(features.dtype)
        # B T T times B T (C h w): both groups in one product
        sampled = torch.bmm(weights, features.flatten(2)).to(features.dtype)
        static, dynamic = sampled.view(features.shape).chunk(2, dim=1)
        return Split(static, dynamic, static_index, dynamic_index, correlation)
