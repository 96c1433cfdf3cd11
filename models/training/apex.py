"""The apex loss: where it is known how much of an expression each frame shows, the window part looks there.

It is not in the papers. Labels alone hardly say which frames matter: on made clips weak frames counted nearly
as much as strong ones without it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.ifdd.splitting import interpolation_weights

POWER = 4  # of what is shown: three quarters of an expression get a third of the share of all of it
LEAST = 1e-3


def apex_loss(index: Tensor, share: Tensor, shown: Tensor) -> Tensor:
    """Small where the dynamic group is sampled at strong frames and these have most of the feature.

    Args:
        index: (B,M) float32, ISSM's dynamic positions in frames.
        share: (B,M) of each dynamic step in the feature, sum 1.
        shown: (B,T) how much of the expression each frame shows, 0 to 1.

    Returns:
        A scalar: how far what is shown at the positions is from the most that a frame shows, plus the
        Kullback-Leibler divergence of the shares from those in proportion to its fourth power.
    """
    sampled = (interpolation_weights(index, shown.shape[1]) @ shown.float().unsqueeze(-1)).squeeze(-1)
    wanted = sampled.detach().clamp(min=LEAST) ** POWER
    wanted = wanted / wanted.sum(1, keepdim=True)
    divergence = (wanted * (wanted.log() - share.float().clamp(min=1e-6).log())).sum(1)
    missed = shown.amax(1) - sampled.mean(1)
    return torch.mean(missed + divergence)
