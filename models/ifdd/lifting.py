"""LADM, the lifting-aware dynamic module (arXiv 2412.13168): a wavelet lifting step made of attention.

The updater moves the static group by what it finds in the dynamic one; the predictor says what of the
dynamic group the static one explains, and what is left is the dynamic expression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from models.layers.attention import attend


@dataclass(frozen=True)
class LiftingReading:
    """Which form of the lifting step is in force.

    Attributes:
        order: "update_first" as shipped, or the classical "predict_first".
        joint: attention over all tokens; False keeps it inside each time step (region variant).
        value_residual: adds the other branch's value at the same token before the output map.
        branch_norms: a LayerNorm for each branch first.
        activation: GELU after the output map (region variant).
        dropout: after the output map.
    """

    order: Literal["update_first", "predict_first"] = "update_first"
    joint: bool = True
    value_residual: bool = True
    branch_norms: bool = True
    activation: bool = False
    dropout: float = 0.0


class CrossAttention(nn.Module):
    """What one branch reads from the other: attention, value residual, output map."""

    def __init__(self, width: int, heads: int, reading: LiftingReading) -> None:
        super().__init__()
        self.heads = heads
        self.value_residual = reading.value_residual
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, width)
        self.activation = nn.GELU() if reading.activation else nn.Identity()
        self.dropout = nn.Dropout(reading.dropout)

    def forward(self, reader: Tensor, source: Tensor) -> Tensor:
        """(B,N,C) and (B,N,C) to (B,N,C)."""
        key, value = self.key_value(source).chunk(2, dim=-1)
        mixed = attend(self.query(reader), key, value, self.heads)
        if self.value_residual:
            mixed = mixed + value
        out: Tensor = self.dropout(self.activation(self.project(mixed)))
        return out


class Lifting(nn.Module):
    """One lifting step between the static and the dynamic group.

    Args:
        width: channels C.
        heads: attention heads.
        reading: see LiftingReading.
    """

    def __init__(self, width: int, heads: int, reading: LiftingReading | None = None) -> None:
        super().__init__()
        self.reading = reading = reading or LiftingReading()
        self.static_norm = nn.LayerNorm(width) if reading.branch_norms else nn.Identity()
        self.dynamic_norm = nn.LayerNorm(width) if reading.branch_norms else nn.Identity()
        self.update = CrossAttention(width, heads, reading)
        self.predict = CrossAttention(width, heads, reading)

    def forward(self, static: Tensor, dynamic: Tensor) -> tuple[Tensor, Tensor]:
        """Lifts both groups.

        Args:
            static, dynamic: (B,M,N,C): time steps, tokens of a step, channels.

        Returns:
            (B,M,N,C) each: the updated static and what remains of the dynamic group.
        """
        shape = static.shape
        fold = (1, 2) if self.reading.joint else (0, 1)
        static = self.static_norm(static).flatten(*fold)
        dynamic = self.dynamic_norm(dynamic).flatten(*fold)
        if self.reading.order == "update_first":
            static = static + self.update(static, dynamic)
            dynamic = dynamic - self.predict(dynamic, static)
        else:
            dynamic = dynamic - self.predict(dynamic, static)
            static = static + self.update(static, dynamic)
        return static.view(shape), dynamic.view(shape)


def context_residual(features: Tensor, lifted_static: Tensor) -> Tensor:
    """The map that the lifting loss keeps small: local average of the features less that of Y_s.

    Args:
        features: (B,T,C,h,w), what went into ISSM, not normalised.
        lifted_static: (B,T/2,h*w,C), Y_s.

    Returns:
        (B,h,w): mean over channels and time. The pair-averaged features have the same mean over time as
        the features themselves.
    """
    context = features.mean((1, 2))  # B h w
    return context - lifted_static.mean((1, 3)).view_as(context)
