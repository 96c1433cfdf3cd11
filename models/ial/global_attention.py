"""GCA, global convolution-attention (arXiv 2208.10335): a channel gate with a learned spatial template."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GlobalConvolutionAttention(nn.Module):
    """Gates each channel of each frame by its own response and by the clip's mean response.

    Args:
        width: channels C.
        side: side of the feature map; the template covers all of it.
        reduction: the bottleneck has C / reduction channels.
    """

    EPSILON = 1e-5

    def __init__(self, width: int, side: int, reduction: int = 16) -> None:
        super().__init__()
        self.template = nn.Parameter(torch.empty(width, 1, side, side))
        self.fall = nn.Linear(width, width // reduction, bias=False)
        self.rise = nn.Linear(width // reduction, width, bias=False)
        nn.init.kaiming_normal_(self.template, mode="fan_out", nonlinearity="relu")
        for layer in (self.fall, self.rise):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The gate and what it was made from.

        The mean runs over the frames given, so features cached frame by frame give the same gate.

        Args:
            features: (B,T,C,h,w).

        Returns:
            gate: (B,T,C), between 0 and 2; response: (B,T,C), the template's answer.
        """
        # a depthwise convolution whose kernel is the whole map is a product and a sum
        response = (features * self.template.squeeze(1)).sum((3, 4))
        own = 2 * torch.sigmoid(self.rise(torch.relu(self.fall(response))))
        gate = torch.sqrt(own * own.mean(1, keepdim=True) + self.EPSILON)
        return gate, response
