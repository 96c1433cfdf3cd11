"""`ifdd-vit`: the paper's second network, ISSM and LADM on the region tokens of a ViT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from models.backbones.region_vit import REGIONS, RegionVit
from models.clip import check_input
from models.ifdd.lifting import Lifting, LiftingReading
from models.ifdd.reading import to_reading
from models.ifdd.splitting import Splitter
from models.model import Model
from models.output import Output
from models.spec import ModelSpec

HEADS = 4


class IfddVit(Model):
    """Region ViT, ISSM over its 4 time steps, LADM inside each step, mean, head.

    Args:
        spec: frames (a multiple of 8), size (a multiple of 32) and labels are read.
        depth: blocks of the ViT.
        reading: names and values of `models.ifdd.reading.IfddReading`, of which the splitter's and the
            order of lifting apply; None for the defaults.
    """

    def __init__(self, spec: ModelSpec, depth: int = 16, reading: Mapping[str, Any] | None = None) -> None:
        super().__init__(spec)
        self.reading = to_reading(reading)
        self.backbone = RegionVit(spec.frames, spec.size, depth=depth)
        width = self.backbone.width
        self.splitter = Splitter(width, REGIONS[0], self.reading.splitter)
        self.lifting = Lifting(
            width,
            HEADS,
            LiftingReading(
                order=self.reading.order,
                joint=False,
                value_residual=False,
                branch_norms=False,
                activation=True,
                dropout=0.2,
            ),
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(spec.labels))
        nn.init.trunc_normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, clip: Tensor) -> Output:
        """Reads clips (B,3,T,S,S).

        Raises:
            ModelError: another shape or type, or values that are not finite.
        """
        spec = self.spec
        shape = (None, 3, spec.frames, spec.size, spec.size)
        check_input("clip (B,3,T,S,S)", clip, shape, self.head.weight.dtype)
        features = self.backbone(clip).permute(0, 1, 4, 2, 3)  # B 4 C 2 1
        split = self.splitter(features)
        # B 2 C 2 1 -> B 2 2 C
        static, dynamic = (each.flatten(3).transpose(2, 3) for each in (split.static, split.dynamic))
        static, dynamic = self.lifting(static, dynamic)
        feature = self.norm(dynamic.mean((1, 2)))
        pairs = features.flatten(3).transpose(2, 3)  # B 4 2 C
        pairs = (pairs[:, 0::2] + pairs[:, 1::2]) / 2
        return Output(
            logits=self.head(feature),
            feature=feature,
            static_index=split.static_index,
            dynamic_index=split.dynamic_index,
            correlation=split.correlation,
            context_residual=(pairs - static).mean(-1),  # channels alone: B steps regions
        )
