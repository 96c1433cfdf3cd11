"""`ial-gca`: the IAL paper's network (arXiv 2208.10335)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.backbones.frame_encoder import BasicBlock, conv_norm
from models.clip import check_input
from models.errors import ModelError
from models.ial.global_attention import GlobalConvolutionAttention
from models.ial.reading import to_reading
from models.layers.attention import SelfAttention
from models.layers.mlp import Mlp
from models.model import Model
from models.output import Output
from models.spec import ModelSpec

WIDTH = 256
INNER = 128  # 4 heads of 32
HEADS = 4


class GatedBlock(BasicBlock):
    """A basic block with GCA on its residual branch, and an auxiliary head on the gate's response.

    Args:
        wide_in, wide_out: channels.
        side: side of the feature map that comes out.
        classes: K.
        relu: a ReLU between the auxiliary head's layers.
    """

    def __init__(self, wide_in: int, wide_out: int, side: int, classes: int, relu: bool) -> None:
        super().__init__(wide_in, wide_out, stride=2)
        self.gate = GlobalConvolutionAttention(wide_out, side)
        self.auxiliary = nn.ModuleDict(
            {
                "rise": nn.Linear(wide_out, 2 * wide_out, bias=False),
                "fall": nn.Linear(2 * wide_out, classes, bias=False),
            }
        )
        self.relu = relu

    def gated(self, frames: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """(B*T,C,h,w) to (B*T,C',h/2,w/2) and the auxiliary logits (B,K)."""
        features = self.second(torch.relu(self.first(frames)))
        gate, response = self.gate(features.view(-1, steps, *features.shape[1:]))
        out = torch.relu(features * gate.flatten(0, 1)[..., None, None] + self.skip(frames))
        hidden = self.auxiliary["rise"](response.mean(1))
        return out, self.auxiliary["fall"](torch.relu(hidden) if self.relu else hidden)


class TransformerLayer(nn.Module):
    """Pre-norm self-attention and perceptron.

    Args:
        width: channels.
        hidden: channels inside the perceptron.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, HEADS, inner=INNER, bias=False)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, hidden, approximate="tanh")

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,N,C) to (B,N,C); each branch is evaluated once."""
        tokens = tokens + self.attention(self.norm1(tokens))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class IalGca(Model):
    """Residual network with GCA, fusion of frame differences and frames, temporal transformer.

    Args:
        spec: frames, size (a multiple of 16) and labels are read.
        reading: names and values of `models.ial.reading.IalReading`; None for its defaults.
    """

    def __init__(self, spec: ModelSpec, reading: Mapping[str, Any] | None = None) -> None:
        super().__init__(spec)
        if spec.size % 16:
            raise ModelError(f"size: expected a multiple of 16 pixels, got {spec.size}")
        self.reading = to_reading(reading)
        classes, side = len(spec.labels), spec.size // 16
        self.stem = nn.Sequential(
            conv_norm(3, 64, 3, 2), nn.ReLU(), conv_norm(64, 64, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        self.layer1 = BasicBlock(64, 64, 1)
        self.layer2 = GatedBlock(64, 128, side * 2, classes, self.reading.auxiliary_relu)
        self.layer3 = GatedBlock(128, WIDTH, side, classes, self.reading.auxiliary_relu)
        self.dynamic = nn.Sequential(
            BasicBlock(WIDTH, WIDTH, 2), BasicBlock(WIDTH, WIDTH, 1), BasicBlock(WIDTH, WIDTH, 1)
        )
        self.static = conv_norm(WIDTH, WIDTH, 3, 2)
        places = ((side + 1) // 2) ** 2
        flat = WIDTH * places
        self.place = nn.Parameter(torch.randn(places, WIDTH) * self.reading.position_std)
        self.spatial = nn.Sequential(*(TransformerLayer(WIDTH, 256) for _ in range(2)))
        self.step = nn.Parameter(torch.randn(spec.frames - 1, flat) * self.reading.position_std)
        self.temporal = nn.Sequential(*(TransformerLayer(flat, 512) for _ in range(2)))
        self.head = nn.Linear(flat, classes)

    def fuse(self, features: Tensor) -> Tensor:
        """Frame differences plus frames.

        Args:
            features: (B,T,C,h,w).

        Returns:
            (B,T-1,C*h'*w'), channels first.
        """
        batch, steps = features.shape[0], features.shape[1] - 1
        dynamic = self.dynamic((features[:, 1:] - features[:, :-1]).flatten(0, 1))
        static = torch.relu(self.static(features[:, :-1].flatten(0, 1)))
        tokens = self.spatial(static.flatten(2).transpose(1, 2) + self.place)  # B*(T-1) h'*w' C
        fused: Tensor = dynamic.flatten(2) + tokens.transpose(1, 2)
        return fused.reshape(batch, steps, -1)

    def forward(self, clip: Tensor) -> Output:
        """Reads clips (B,3,T,S,S).

        Raises:
            ModelError: another shape or type, or values that are not finite.
        """
        spec = self.spec
        shape = (None, 3, spec.frames, spec.size, spec.size)
        check_input("clip (B,3,T,S,S)", clip, shape, self.head.weight.dtype)
        batch, _, steps = clip.shape[:3]
        frames = self.layer1(self.stem(clip.transpose(1, 2).flatten(0, 1)))  # B*T 64 S/4 S/4
        frames, second = self.layer2.gated(frames, steps)
        frames, third = self.layer3.gated(frames, steps)
        fused = self.fuse(frames.view(batch, steps, *frames.shape[1:]))
        feature = self.temporal(fused + self.step).mean(1)
        return Output(logits=self.head(feature), feature=feature, auxiliary_logits=(second, third))
