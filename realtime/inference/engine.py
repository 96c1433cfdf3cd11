"""Runs a model over windows: device, batching, and features cached per crop for models that allow it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

import models
from models.bench import DTYPES, graphed
from models.fingerprint import fingerprint
from models.preprocess import to_tensor
from realtime.clock import NS_PER_MS, now_ns
from realtime.errors import WeightsError
from realtime.inference.batches import SIZES, Capture, FixedBatches
from realtime.inference.features import FeatureStore
from realtime.inference.issm import Details
from realtime.inference.scores import intensity_of, probabilities_of
from realtime.values import FloatArray
from realtime.vision.ring import CropRing, Window

DEFAULT_MODEL = "ifdd-stream"

# A face, its ring, and the serial of a crop that its next windows will need.
Ahead = tuple[Hashable, CropRing, int]


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
        logits: (K,) float32, what both come from.
        feature: (C,) float32, what the model's head reads.
        static_index, dynamic_index: (T'/2,) positions in the window, 0 to T-1; None without ISSM.
        cost_ms: time of the batch that this window was in.
    """

    probabilities: FloatArray
    intensity: float
    logits: FloatArray
    feature: FloatArray
    static_index: FloatArray | None
    dynamic_index: FloatArray | None
    cost_ms: float


class Engine:
    """Owns the model and its device. Made and used by one thread, the process's inference thread.

    For a StreamingModel, which encodes frames one by one, each crop is encoded once and its features
    stay on the device until they are too old for any window; a window then costs ISSM, LADM and head only.
    All faces and streams share one batch. On a CUDA device crops go there once, as uint8 through pinned
    memory, and encoder and reader are CUDA graphs of fixed batch sizes; the calling thread waits for the
    device when it fetches the answers, and no other thread ever does.
    """

    def __init__(
        self,
        model: models.Model,
        device: str = "auto",
        precision: str = "auto",
        capture: Capture | None = None,
    ) -> None:
        """Moves the model to its device.

        Args:
            model: as `models.create_model` or `models.load_checkpoint` returns it.
            device: "auto" (CUDA where there is one), "cpu" or "cuda".
            precision: "float32", "bfloat16", or "auto": bfloat16 on CUDA, else float32.
            capture: makes work replayable; by default CUDA graphs on CUDA and nothing elsewhere.

        Raises:
            WeightsError: CUDA is asked for and not there.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cuda" and not torch.cuda.is_available():
            raise WeightsError("device: expected a CUDA device, got none that torch can use")
        if precision == "auto":
            precision = "bfloat16" if device == "cuda" else "float32"
        self.fingerprint = fingerprint(model)  # of the weights as they came, whatever device computes
        self.device, self._dtype = torch.device(device), DTYPES[precision]
        self.model = model.to(self.device, self._dtype).eval()
        self.spec = model.spec
        self._store = FeatureStore()
        self.encoded = 0  # crops encoded so far
        self.windows = 0  # windows read so far
        # its encoder and reader, where frames are encoded one by one
        self._cached = model if isinstance(model, models.StreamingModel) else None
        self._fixed: tuple[FixedBatches[torch.Tensor], FixedBatches[models.Output]] | None = None
        if self._cached is not None:
            # a single crop is encoded 1.4 times as fast in this layout on a CPU, and convolutions on a GPU
            # want it, too
            self._cached.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            if capture is None and device == "cuda":
                capture = graphed
            if capture is not None:
                self._fixed = (
                    FixedBatches(self._cached.encode, capture),
                    FixedBatches(self._cached.read, capture),
                )

    @property
    def device_name(self) -> str:
        """The device in words, with the precision where it is not float32."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"
        return name if self._dtype == torch.float32 else f"{name}, bfloat16"

    @torch.inference_mode()
    def read(self, requests: list[Request], ahead: Sequence[Ahead] = ()) -> list[Reading | None]:
        """Reads all windows in one batch; None for a window whose crops were overwritten meanwhile.

        Args:
            requests: the windows, at most one of a face.
            ahead: crops that windows will need soon; encoded in the same batch, so that the next window
                finds them done.
        """
        started_ns = now_ns()
        output, kept = self._answer(requests, ahead)
        if output is None:
            return [None] * len(requests)
        count = sum(kept)
        self.windows += count
        readings = self._readings(output, count, started_ns)
        return [next(readings) if is_there else None for is_there in kept]

    def answers(
        self, requests: list[Request], ahead: Sequence[Ahead] = ()
    ) -> list[tuple[Request, Reading | None]]:
        """Asks for the requests and gives what is answered by now; here that is all of them.

        An engine that reads elsewhere answers in later calls, and may answer in another order. None: the
        window will not be read.
        """
        return list(zip(requests, self.read(requests, ahead), strict=True))

    @property
    def notices(self) -> tuple[str, ...]:
        """What viewers should know of it, for the picture; any thread."""
        return ()

    @torch.inference_mode()
    def inspect(self, request: Request) -> Details | None:
        """What ISSM does in one window; None without ISSM, or if its crops were overwritten meanwhile."""
        output, _ = self._answer([request], ())
        if output is None or output.correlation is None:
            return None
        static = self._positions(output.static_index, output)
        dynamic = self._positions(output.dynamic_index, output)
        if static is None or dynamic is None:
            return None
        correlation = output.correlation[0].float().cpu().numpy()
        return Details(self.spec.frames, correlation, static[0], dynamic[0])

    def _answer(
        self, requests: list[Request], ahead: Sequence[Ahead]
    ) -> tuple[models.Output | None, list[bool]]:
        """The model's output for the windows that can be read, and which those are."""
        if self._cached is None:
            clips = [self._to_tensor([(each.ring, each.window.serials)]) for each in requests]
            kept = [clip is not None for clip in clips]
            batch = [clip.transpose(0, 1) for clip in clips if clip is not None]  # T 3 S S -> 3 T S S
            output = self.model(torch.stack(batch)) if batch else None
        else:
            kept = self._encode_new(requests, ahead)
            windows = [
                (each.key, each.window.serials.tolist())
                for each, is_there in zip(requests, kept, strict=True)
                if is_there
            ]
            output = self._read(self._store.gather(windows)) if windows else None
            for key, serials in windows:
                self._store.drop_before(key, serials[0])
        return output, kept

    def retain(self, keys: Iterable[Hashable]) -> None:
        """Drops the cached features of every face that is not among `keys`."""
        self._store.retain(keys)

    def forget(self) -> None:
        """Drops all cached features and gives memory that is not in use back to the device."""
        self._store.retain(())
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def warm_up(self) -> None:
        """Runs the model on empty pictures, so that the first window does not pay for start-up."""
        frames, size = self.spec.frames, self.spec.size
        with torch.inference_mode():
            if self._cached is None:
                self.model(torch.zeros(1, 3, frames, size, size, device=self.device, dtype=self._dtype))
                return
            for count in SIZES[:3] if self._fixed is not None else (1, 2):
                crops = torch.zeros(count, 3, size, size, device=self.device, dtype=self._dtype)
                features = self._encode(crops.contiguous(memory_format=torch.channels_last))
            # at first all faces have their windows due at their own times: one window a batch
            self._read(features[:1].expand(frames, *features.shape[1:]).unsqueeze(0).contiguous())

    def _encode(self, frames: torch.Tensor) -> torch.Tensor:
        assert self._cached is not None
        return self._cached.encode(frames) if self._fixed is None else self._fixed[0](frames)

    def _read(self, features: torch.Tensor) -> models.Output:
        assert self._cached is not None
        return self._cached.read(features) if self._fixed is None else self._fixed[1](features)

    def _encode_new(self, requests: list[Request], ahead: Sequence[Ahead]) -> list[bool]:
        """Encodes what the windows and `ahead` lack, in one batch; which windows can be read."""
        wanted: list[tuple[CropRing, list[int]]] = []
        owners: list[tuple[Hashable, int]] = []
        kept = []
        for request in requests:
            new = self._store.missing(request.key, request.window.serials.tolist())
            is_there = request.ring.holds(new)
            kept.append(is_there)
            if new and is_there:
                wanted.append((request.ring, new))
                owners += [(request.key, serial) for serial in new]
        for key, ring, serial in ahead:
            self._store.drop_before(key, serial - ring.capacity)  # where no window ever comes
            if self._store.missing(key, [serial]) and ring.holds([serial]):
                wanted.append((ring, [serial]))
                owners.append((key, serial))
        if not wanted:
            return kept
        frames = self._to_tensor([(ring, np.array(serials, np.int64)) for ring, serials in wanted])
        if frames is None:  # overwritten between the look and the copy: the next windows will do
            return [False] * len(requests)
        self._store.put(owners, self._encode(frames))
        self.encoded += len(owners)
        return kept

    def _to_tensor(self, wanted: Sequence[tuple[CropRing, npt.NDArray[np.int64]]]) -> torch.Tensor | None:
        """The crops as the model's input on its device, (N,3,S,S); None if one was overwritten."""
        found = [ring.read(serials) for ring, serials in wanted]
        crops = [each for each in found if each is not None]
        if len(crops) < len(found):
            return None
        tensor = torch.from_numpy(crops[0] if len(crops) == 1 else np.concatenate(crops))
        if self.device.type == "cuda":
            tensor = tensor.pin_memory().to(self.device, non_blocking=True)
        frames = to_tensor(tensor, self.spec).to(self._dtype)
        return frames.contiguous(memory_format=torch.channels_last) if self._cached is not None else frames

    def _readings(self, output: models.Output, count: int, started_ns: int) -> Iterator[Reading]:
        """The first `count` rows of the output; what follows is padding."""
        logits = output.logits[:count].float().cpu().numpy()
        features = output.feature[:count].float().cpu().numpy()
        static = self._positions(output.static_index, output)
        dynamic = self._positions(output.dynamic_index, output)
        cost_ms = (now_ns() - started_ns) / NS_PER_MS
        if not np.isfinite(logits).all():
            raise FloatingPointError(f"{self.spec.name}: expected finite logits, got NaN or infinity")
        probabilities = probabilities_of(logits, self.spec)
        for number in range(count):
            yield Reading(
                probabilities[number],
                intensity_of(logits[number], self.spec),
                logits[number],
                features[number],
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


def make_engine(
    model: str, weights: str, device: str, weights_folder: Path, precision: str = "auto"
) -> Engine:
    """The engine for a model's name and, when given or shipped, its weights.

    Args:
        model, weights, weights_folder: as in `load_model`.
        device, precision: as in Engine.

    Raises:
        WeightsError: an unknown model, no such file, weights of another shape, or no such device.
    """
    return Engine(load_model(model, weights, weights_folder), device, precision)


def load_model(model: str, weights: str, weights_folder: Path) -> models.Model:
    """The model of a name with, when given or shipped, its weights.

    Args:
        model: a name of `models.list_models()`; empty for the one that the weights are of, or without
            weights for the default one.
        weights: path of a safetensors file, or the name of one in `weights_folder`; empty for
            `<model>.safetensors` of that folder if it is there, else random weights.
        weights_folder: where shipped weights lie.

    Raises:
        WeightsError: an unknown model, no such file, or weights of another shape.
    """
    wanted = model or DEFAULT_MODEL
    path = Path(weights) if weights else weights_folder / f"{wanted}.safetensors"
    if weights and not _is_file(path):
        # a name is one of that folder, and leads nowhere else
        path = weights_folder / f"{Path(weights).name}.safetensors"
        if Path(weights).name != weights or not _is_file(path):
            raise WeightsError(
                f"weights: expected a safetensors file or a shipped name, got {weights[:200]!r}"
            )
    try:
        if _is_file(path):
            network = models.load_checkpoint(path)
            if model and network.spec.name != model:
                raise WeightsError(f"weights {path}: expected weights of {model}, got {network.spec.name}")
        else:
            torch.manual_seed(0)  # untrained, but the same at every start
            network = models.create_model(wanted)
    except models.ModelError as error:
        raise WeightsError(str(error)) from None
    return network


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
