"""`ifdd-mvit-xs` and `ifdd-mvit-s`: the paper's network (arXiv 2412.13168)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from models.backbones.mvit import STEPS, Mvit
from models.clip import check_input
from models.ifdd.dynamics import Compression, Refinement
from models.ifdd.lifting import Lifting, context_residual
from models.ifdd.pyramid import Pyramid
from models.ifdd.reading import to_reading
from models.ifdd.splitting import Splitter
from models.model import Model
from models.output import Output
from models.spec import ModelSpec

HEADS = 8


class IfddMvit(Model):
    """MViTv2 backbone, pyramid aggregation, ISSM, LADM, refinement, compression, head.

    Args:
        spec: frames (8, 16 or 32), size (a multiple of 16; of 32 for clean halvings) and labels are
            read.
        depth: "xs" (10 blocks, the paper's) or "s" (16).
        reading: names and values of `models.ifdd.reading.IfddReading`; None for its defaults.
    """

    def __init__(
        self, spec: ModelSpec, depth: Literal["xs", "s"] = "xs", reading: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(spec)
        self.reading = to_reading(reading)
        self.backbone = Mvit(depth, spec.frames, spec.size)
        width, side = self.backbone.width, self.backbone.side
        self.pyramid = Pyramid(width // 2, width, self.reading.pyramid)
        self.splitter = Splitter(width, STEPS, self.reading.splitter)
        self.lifting = Lifting(width, HEADS, self.reading.lifting)
        self.refinement = Refinement(width, HEADS, mlp_residual=self.reading.mlp_residual)
        self.compression = Compression(self.reading.compression, width, STEPS // 2 * side * side)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(width, len(spec.labels))
        nn.init.trunc_normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def features(self, clip: Tensor) -> Tensor:
        """The aggregated backbone features (B,8,C,S/32,S/32) of clips (B,3,T,S,S)."""
        stage3, stage4 = self.backbone(clip)
        sides = (self.backbone.fine_side, self.backbone.side)
        # B 1+T*h*w C -> B*T C h w
        fine, coarse = (
            tokens[:, 1:].reshape(-1, side, side, tokens.shape[-1]).permute(0, 3, 1, 2)
            for tokens, side in zip((stage3, stage4), sides, strict=True)
        )
        mixed: Tensor = self.pyramid(fine, coarse)
        return mixed.reshape(-1, STEPS, *mixed.shape[1:])

    def forward(self, clip: Tensor) -> Output:
        """Reads clips (B,3,T,S,S).

        Raises:
            ModelError: another shape or type, or values that are not finite.
        """
        spec = self.spec
        shape = (None, 3, spec.frames, spec.size, spec.size)
        check_input("clip (B,3,T,S,S)", clip, shape, self.head.weight.dtype)
        features = self.features(clip)
        split = self.splitter(features)
        # B T/2 C h w -> B T/2 h*w C
        static, dynamic = (each.flatten(3).transpose(2, 3) for each in (split.static, split.dynamic))
        static, dynamic = self.lifting(static, dynamic)
        feature = self.compression(self.refinement(dynamic.flatten(1, 2)))
        return Output(
            logits=self.head(self.dropout(feature)),
            feature=feature,
            static_index=split.static_index,
            dynamic_index=split.dynamic_index,
            correlation=split.correlation,
            context_residual=self.residual(features, static),
        )

    def residual(self, features: Tensor, lifted_static: Tensor) -> Tensor:
        """The lifting loss's map (B,h,w): see `context_residual`."""
        if self.reading.context == "normalised":
            normalised = self.lifting.static_norm(features.movedim(2, -1))  # B T h w C
            features = normalised.movedim(-1, 2)
        return context_residual(features, lifted_static)
