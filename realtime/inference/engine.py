"""Runs a model over windows: device, batching, and features cached per crop for models that allow it."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

import models
from models.preprocess import to_tensor
from realtime.clock import NS_PER_MS, now_ns
from realtime.errors import WeightsError
from realtime.values import FloatArray
from realtime.vision.ring import CropRing, Window


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One window to read: whose it is, which crops, and the ring that holds them."""

    key: Hashable
    window: Window
    ring: CropRing


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the model says of one window, before smoothing.

    Attributes:
        probabilities: (K,) float32, sum 1, after the weights' temperature.
        intensity: 0 to 1, from the margin of the strongest logit over its strongest rival.
        static_index, dynamic_index: (T'/2,) positions in the window, 0 to T-1; None without ISSM.
        cost_ms: time of the batch that this window was in.
    """

    probabilities: FloatArray
    intensity: float
    static_index: FloatArray | None
    dynamic_index: FloatArray | None
    cost_ms: float


class Engine:
    """Owns the model and its device. Made and used by one thread, the process's inference thread.

    For a StreamingModel, which encodes frames one by one, each crop is encoded once and its features
    stay on the device until they are too old for any window; a window then costs ISSM, LADM and head only.
    """

    def __init__(self, model: models.Model, device: str = "auto") -> None:
        """Moves the model to its device.

        Args:
            model: as `models.create_model` or `models.load_checkpoint` returns it.
            device: "auto" (CUDA where there is one), "cpu" or "cuda".

        Raises:
            WeightsError: CUDA is asked for and not there.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cuda" and not torch.cuda.is_available():
            raise WeightsError("device: expected a CUDA device, got none that torch can use")
        self.device = torch.device(device)
        self.model = model.to(self.device).eval()
        self.spec = model.spec
        # its encoder and reader, where frames are encoded one by one
        self._cached = model if isinstance(model, models.StreamingModel) else None
        self._features: dict[Hashable, OrderedDict[int, torch.Tensor]] = {}
        self.encoded = 0  # crops encoded so far
        self.windows = 0  # windows read so far

    @property
    def device_name(self) -> str:
        """The device in words."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return "cpu"

    @torch.inference_mode()
    def read(self, requests: list[Request]) -> list[Reading | None]:
        """Reads all windows in one batch; None for a window whose crops were overwritten meanwhile."""
        started_ns = now_ns()
        clips = [self._clip(request) for request in requests]
        kept = [clip for clip in clips if clip is not None]
        if not kept:
            return [None] * len(requests)
        batch = torch.stack(kept)
        output = self.model(batch) if self._cached is None else self._cached.read(batch)
        readings = self._readings(output, started_ns)
        self.windows += len(kept)
        return [None if clip is None else next(readings) for clip in clips]

    def retain(self, keys: Iterable[Hashable]) -> None:
        """Drops the cached features of every face that is not among `keys`."""
        keep = set(keys)
        self._features = {key: cache for key, cache in self._features.items() if key in keep}

    def warm_up(self) -> None:
        """Runs the model once on an empty clip, so that the first window does not pay for start-up."""
        frames, size = self.spec.frames, self.spec.size
        with torch.inference_mode():
            self.model(torch.zeros(1, 3, frames, size, size, device=self.device))

    def _clip(self, request: Request) -> torch.Tensor | None:
        """The window as (T,C,h,w) features, or as a (3,T,S,S) clip for a model that wants pixels."""
        if self._cached is None:
            tensor = self._to_tensor(request, request.window.serials)
            return None if tensor is None else tensor.transpose(0, 1)  # T 3 S S -> 3 T S S
        cache = self._features.setdefault(request.key, OrderedDict())
        serials = request.window.serials
        new = np.array(sorted({int(each) for each in serials} - cache.keys()), np.int64)
        if new.size:
            tensor = self._to_tensor(request, new)
            if tensor is None:
                return None
            encoded = self._cached.encode(tensor)
            self.encoded += len(new)
            cache.update(zip(new.tolist(), encoded, strict=True))
        clip = torch.stack([cache[int(each)] for each in serials])
        for old in [each for each in cache if each < serials[0]]:
            del cache[old]  # windows only move forward
        return clip

    def _to_tensor(self, request: Request, serials: npt.NDArray[np.int64]) -> torch.Tensor | None:
        crops = request.ring.read(serials)
        if crops is None:
            return None
        return to_tensor(torch.from_numpy(crops).to(self.device), self.spec)

    def _readings(self, output: models.Output, started_ns: int) -> Iterator[Reading]:
        spec = self.spec
        logits = output.logits.float()
        probabilities = torch.softmax(logits / spec.temperature, dim=1).cpu().numpy()
        best = logits.topk(min(2, logits.shape[1]), dim=1).values.cpu().numpy()
        margins = best[:, 0] - best[:, -1]
        static = self._positions(output.static_index, output)
        dynamic = self._positions(output.dynamic_index, output)
        cost_ms = (now_ns() - started_ns) / NS_PER_MS
        if not np.isfinite(probabilities).all():
            raise FloatingPointError(f"{spec.name}: expected finite logits, got NaN or infinity")
        for number, margin in enumerate(margins):
            yield Reading(
                probabilities[number].astype(np.float32),
                1 / (1 + math.exp(-(spec.intensity_scale * float(margin) + spec.intensity_offset))),
                None if static is None else static[number],
                None if dynamic is None else dynamic[number],
                cost_ms,
            )

    def _positions(self, index: torch.Tensor | None, output: models.Output) -> FloatArray | None:
        """Indexes on the model's T' time steps as positions in the window's T crops, within 0..T-1."""
        if index is None:
            return None
        steps = output.correlation.shape[-1] if output.correlation is not None else self.spec.frames
        ratio = self.spec.frames / steps  # a step of a network that halves time covers two crops
        positions = (index.float() + 0.5) * ratio - 0.5
        return positions.clamp(0, self.spec.frames - 1).cpu().numpy().astype(np.float32)


def make_engine(model: str, weights: str, device: str, weights_folder: Path) -> Engine:
    """The engine for a model's name and, when given or shipped, its weights.

    Args:
        model: a name of `models.list_models()`.
        weights: path of a safetensors file, or the name of one in `weights_folder`; empty for
            `<model>.safetensors` of that folder if it is there, else random weights.
        device: as in Engine.
        weights_folder: where shipped weights lie.

    Raises:
        WeightsError: an unknown model, no such file, or weights of another shape.
    """
    path = Path(weights) if weights else weights_folder / f"{model}.safetensors"
    if weights and not path.is_file():
        path = weights_folder / f"{weights}.safetensors"
        if not path.is_file():
            raise WeightsError(f"weights: expected a safetensors file or a shipped name, got {weights!r}")
    try:
        if path.is_file():
            network = models.load_checkpoint(path)
            if network.spec.name != model:
                raise WeightsError(f"weights {path}: expected weights of {model}, got {network.spec.name}")
        else:
            torch.manual_seed(0)  # untrained, but the same at every start
            network = models.create_model(model)
    except models.ModelError as error:
        raise WeightsError(str(error)) from None
    return Engine(network, device)
