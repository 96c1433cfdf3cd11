"""What all models are: a module with a specification."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from models.output import Output
from models.spec import ModelSpec


class Model(nn.Module, ABC):
    """A network that reads clips.

    Attributes:
        spec: its contract.
        streaming: True for a StreamingModel.
    """

    streaming: ClassVar[bool] = False
    spec: ModelSpec

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec

    @abstractmethod
    def forward(self, clip: Tensor) -> Output:
        """Reads clips (B,3,T,S,S), in float as `models.preprocess.to_tensor` makes them."""


class StreamingModel(Model):
    """A network whose work on a frame can be cached: `forward(clip)` is `read(encode(frames))`."""

    streaming: ClassVar[bool] = True

    @abstractmethod
    def encode(self, frames: Tensor) -> Tensor:
        """Features (N,C,h,w) of frames (N,3,S,S); in evaluation mode each depends on its frame alone."""

    @abstractmethod
    def read(self, features: Tensor) -> Output:
        """Reads windows of encoded frames (B,T,C,h,w), in order of time."""
