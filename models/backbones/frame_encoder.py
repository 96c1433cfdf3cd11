"""Per-frame encoders: one picture to a small feature map that can be cached.

Each is a candidate of `models.training.compare_encoders`, which measures accuracy against cost.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.errors import ModelError

STRIDE = 16


def feature_side(size: int) -> int:
    """Side of the feature map for an input side in pixels: a sixteenth, rounded up.

    Raises:
        ModelError: the input side is below 16 pixels.
    """
    if size < STRIDE:
        raise ModelError(f"size: expected at least {STRIDE} pixels, got {size}")
    return -(-size // STRIDE)


def conv_norm(wide_in: int, wide_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution without bias and a batch norm."""
    convolution = nn.Conv2d(
        wide_in, wide_out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(wide_out))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a skip path (ResNet-18's block)."""

    def __init__(self, wide_in: int, wide_out: int, stride: int) -> None:
        super().__init__()
        self.first = conv_norm(wide_in, wide_out, 3, stride)
        self.second = conv_norm(wide_out, wide_out, 3)
        same = stride == 1 and wide_in == wide_out
        self.skip = nn.Identity() if same else conv_norm(wide_in, wide_out, 1, stride)

    def forward(self, features: Tensor) -> Tensor:
        """(N,C,h,w) to (N,C',h/stride,w/stride)."""
        out = self.second(torch.relu(self.first(features)))
        return torch.relu(out + self.skip(features))


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, depthwise 3x3, narrow."""

    def __init__(self, wide_in: int, wide_out: int, stride: int, expansion: int = 4) -> None:
        super().__init__()
        hidden = wide_in * expansion
        self.same = stride == 1 and wide_in == wide_out
        self.body = nn.Sequential(
            conv_norm(wide_in, hidden, 1),
            nn.Hardswish(),
            conv_norm(hidden, hidden, 3, stride, groups=hidden),
            nn.Hardswish(),
            conv_norm(hidden, wide_out, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N,C,h,w) to (N,C',h/stride,w/stride)."""
        out: Tensor = self.body(features)
        return features + out if self.same else out


class PlainBlock(nn.Module):
    """One 3x3 convolution, batch norm, ReLU (VGG's layer)."""

    def __init__(self, wide_in: int, wide_out: int, stride: int) -> None:
        super().__init__()
        self.body = conv_norm(wide_in, wide_out, 3, stride)

    def forward(self, features: Tensor) -> Tensor:
        """(N,C,h,w) to (N,C',h/stride,w/stride)."""
        return torch.relu(self.body(features))


class DepthwiseBlock(nn.Module):
    """A depthwise 7x7 convolution, then a two-layer perceptron of each place (ConvNeXt's block).

    With batch norm instead of layer norm, which is cheaper on small maps.
    """

    def __init__(self, wide_in: int, wide_out: int, stride: int) -> None:
        super().__init__()
        same = stride == 1 and wide_in == wide_out
        self.shrink = nn.Identity() if same else conv_norm(wide_in, wide_out, 3, stride)
        self.body = nn.Sequential(
            conv_norm(wide_out, wide_out, 7, groups=wide_out),
            nn.Conv2d(wide_out, 3 * wide_out, 1),
            nn.GELU(),
            nn.Conv2d(3 * wide_out, wide_out, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N,C,h,w) to (N,C',h/stride,w/stride)."""
        features = self.shrink(features)
        out: Tensor = features + self.body(features)
        return out


def _encoder(
    block: Callable[[int, int, int], nn.Module],
    stem: int,
    widths: tuple[int, ...],
    depths: tuple[int, ...],
    stem_stride: int = 2,
) -> Callable[[int], nn.Sequential]:
    """A builder: stem, then stages that halve to a sixteenth of the side, then a map to the asked width."""

    def build(width: int) -> nn.Sequential:
        layers: list[nn.Module] = [conv_norm(3, stem, 3, stem_stride), nn.ReLU()]
        wide_in = stem
        for wide_out, depth in zip(widths, depths, strict=True):
            for index in range(depth):
                layers.append(block(wide_in, wide_out, 2 if index == 0 else 1))
                wide_in = wide_out
        layers += [conv_norm(wide_in, width, 1), nn.ReLU()]
        return nn.Sequential(*layers)

    return build


ENCODERS: dict[str, Callable[[int], nn.Sequential]] = {
    "resnet": _encoder(BasicBlock, 32, (64, 128, 192), (2, 2, 2)),
    "resnet-fine": _encoder(BasicBlock, 32, (48, 96, 192, 256), (1, 2, 2, 1), stem_stride=1),
    "resnet-narrow": _encoder(BasicBlock, 24, (48, 96, 160), (1, 2, 2)),
    "plain": _encoder(PlainBlock, 32, (64, 128, 192), (3, 3, 3)),
    "depthwise": _encoder(DepthwiseBlock, 32, (64, 112, 176), (1, 2, 2)),
    "inverted": _encoder(InvertedResidual, 24, (32, 64, 128), (2, 3, 3)),
}


def create_encoder(name: str, width: int) -> nn.Sequential:
    """A per-frame encoder by name: (N,3,S,S) to (N,width,S/16,S/16).

    Raises:
        ModelError: an unknown name.
    """
    if name not in ENCODERS:
        raise ModelError(f"encoder: expected one of {', '.join(sorted(ENCODERS))}, got {name!r}")
    return ENCODERS[name](width)
