"""`ifdd-stream`: IFDD for CPUs. Frames are encoded once and cached; a window runs ISSM, LADM and head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.backbones.frame_encoder import create_encoder, feature_side
from models.clip import check_input
from models.errors import ModelError
from models.ial.global_attention import GlobalConvolutionAttention
from models.ifdd.dynamics import Compression, Refinement
from models.ifdd.lifting import Lifting, context_residual
from models.ifdd.splitting import Splitter
from models.model import StreamingModel
from models.output import Output
from models.spec import ModelSpec


class IfddStream(StreamingModel):
    """A per-frame encoder, GCA's gate, ISSM, LADM, refinement and a head.

    The gate depends on the whole window, so it acts on the encoder's last map, in `read`: what `encode`
    gives for a frame does not depend on its neighbours and can be cached.

    Args:
        spec: frames, size and labels are read.
        encoder: name in `models.backbones.frame_encoder.ENCODERS`.
        width: feature channels C.
        heads: attention heads of LADM and refinement.
    """

    def __init__(
        self, spec: ModelSpec, encoder: str = "resnet-fine", width: int = 128, heads: int = 4
    ) -> None:
        super().__init__(spec)
        if width <= 0 or width % 16 or heads <= 0 or width % heads:
            raise ModelError(
                f"width, heads: expected a multiple of 16 and a divisor of it, got {width}, {heads}"
            )
        self.width = width
        self.side = feature_side(spec.size)
        self.encoder = create_encoder(encoder, width)
        self.gate = GlobalConvolutionAttention(width, self.side)
        self.splitter = Splitter(width, spec.frames, grid=min(7, self.side))  # a smaller map is not enlarged
        self.lifting = Lifting(width, heads)
        self.refinement = Refinement(width, heads)
        self.compression = Compression("attention", width, self.side**2 * spec.frames // 2)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(width, len(spec.labels))
        self.auxiliary = nn.Linear(width, len(spec.labels))
        for layer in (self.head, self.auxiliary):
            nn.init.trunc_normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def encode(self, frames: Tensor) -> Tensor:
        """Features of single frames; each row depends on its own frame alone (in evaluation mode).

        Args:
            frames: (N,3,S,S), as `models.preprocess.to_tensor` gives them.

        Returns:
            (N,C,S/16,S/16).

        Raises:
            ModelError: another shape or type, or values that are not finite.
        """
        size = self.spec.size
        check_input("frames (N,3,S,S)", frames, (None, 3, size, size), self.head.weight.dtype)
        features: Tensor = self.encoder(frames)
        return features

    def read(self, features: Tensor) -> Output:
        """The answer for windows of encoded frames.

        Args:
            features: (B,T,C,h,w), frames in order of time.

        Raises:
            ModelError: another shape or type, or values that are not finite.
        """
        shape = (None, self.spec.frames, self.width, self.side, self.side)
        check_input("features (B,T,C,h,w)", features, shape, self.head.weight.dtype)
        gate, response = self.gate(features)
        features = features * gate[..., None, None]
        split = self.splitter(features)
        # B T/2 C h w -> B T/2 h*w C
        static, dynamic = (each.flatten(3).transpose(2, 3) for each in (split.static, split.dynamic))
        static, dynamic = self.lifting(static, dynamic)
        tokens = self.refinement(dynamic.flatten(1, 2))
        feature = self.norm(self.compression(tokens))
        share = None
        if self.training:
            share = self.compression.shares(tokens).view(*dynamic.shape[:2], -1).sum(2)
        return Output(
            logits=self.head(self.dropout(feature)),
            feature=feature,
            static_index=split.static_index,
            dynamic_index=split.dynamic_index,
            correlation=split.correlation,
            context_residual=context_residual(features, static),
            dynamic_share=share,
            auxiliary_logits=(self.auxiliary(torch.mean(response, 1)),),
        )

    def forward(self, clip: Tensor) -> Output:
        """The answer for whole clips: `read` of `encode`.

        Args:
            clip: (B,3,T,S,S).
        """
        size = self.spec.size
        check_input("clip (B,3,T,S,S)", clip, (None, 3, self.spec.frames, size, size), self.head.weight.dtype)
        batch, _, steps = clip.shape[:3]
        features = self.encode(clip.transpose(1, 2).flatten(0, 1))  # B*T C h w
        return self.read(features.view(batch, steps, *features.shape[1:]))
