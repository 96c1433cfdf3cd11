"""What a replica does: reads a batch of clips with the engine that local inference uses. Knows no Ray."""

from __future__ import annotations

import importlib
import pickle
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch

from models.preprocess import to_tensor
from realtime.clock import now_ns
from realtime.errors import WeightsError
from realtime.inference.engine import Engine, Reading, load_model
from realtime.remote.clips import DONE, FAILED, LATE, Clip
from realtime.remote.settings import RaySettings
from realtime.values import FloatArray

WEIGHTS = Path(__file__).resolve().parents[2] / "assets" / "weights"

Answer = tuple[Reading, FloatArray | None]  # what the model says, and the new crops' features (n,C,h,w)


class Reader(Protocol):
    """What reads clips on a replica; one thread uses it."""

    device_name: str

    def read_clips(self, clips: Sequence[Clip]) -> list[Answer]:
        """Reads all clips in one batch."""


class Replica(Engine):
    """The engine of one replica: what it is asked comes with the clip, and it remembers nothing."""

    def __init__(self, settings: RaySettings) -> None:
        """Loads the model onto this replica's device.

        Raises:
            WeightsError: no such model or weights here, other weights than the caller's, or no such device.
        """
        torch.set_num_threads(settings.threads)
        model = load_model(settings.model, settings.weights, WEIGHTS)
        super().__init__(model, settings.device, settings.precision)
        if settings.fingerprint and self.fingerprint != settings.fingerprint:
            raise WeightsError(
                f"weights on the replica: expected fingerprint {settings.fingerprint}, got {self.fingerprint}"
            )
        self.warm_up()

    @torch.inference_mode()
    def read_clips(self, clips: Sequence[Clip]) -> list[Answer]:
        """Reads all clips in one batch, after encoding their new crops in one batch."""
        started_ns = now_ns()
        counts = [len(clip.pixels) for clip in clips]
        inputs = [self._input(clip) for clip in clips]
        if self._cached is None:
            # T 3 S S -> 3 T S S
            batch = [
                rows[torch.from_numpy(clip.rows)].transpose(0, 1)
                for clip, rows in zip(clips, inputs, strict=True)
            ]
            output = self.model(torch.stack(batch))
            encoded: list[torch.Tensor | None] = [None] * len(clips)
        else:
            encoded = [None] * len(clips)
            if any(counts):
                frames = torch.cat(inputs).contiguous(memory_format=torch.channels_last)
                features = self._encode(frames)[: sum(counts)].clone()
                encoded = list(torch.split(features, counts))
            output = self._read(
                torch.stack([self._window(*each) for each in zip(clips, encoded, strict=True)])
            )
            self.encoded += sum(counts)
        self.windows += len(clips)
        readings = self._readings(output, len(clips), started_ns)
        return [
            (reading, None if each is None else each.float().cpu().numpy())
            for reading, each in zip(readings, encoded, strict=True)
        ]

    def _input(self, clip: Clip) -> torch.Tensor:
        """The new crops as the model's input on its device, (n,3,S,S)."""
        size = self.spec.size
        if not len(clip.pixels):
            return torch.zeros(0, 3, size, size, device=self.device, dtype=self._dtype)
        pixels = torch.tensor(clip.pixels, device=self.device)
        if pixels.dtype == torch.uint8:
            pixels = to_tensor(pixels, self.spec)
        return pixels.to(self._dtype).expand(-1, 3, -1, -1)

    def _window(self, clip: Clip, encoded: torch.Tensor | None) -> torch.Tensor:
        """The features of a clip's window, (T,C,h,w)."""
        parts = [] if encoded is None else [encoded]
        if clip.features is not None:
            parts.append(torch.tensor(clip.features, device=self.device, dtype=self._dtype))
        return torch.cat(parts)[torch.from_numpy(clip.rows).to(self.device)]


def make_reader(settings: RaySettings) -> Reader:
    """The reader that the settings name."""
    module, _, name = settings.reader.partition(":")
    reader: Reader = getattr(importlib.import_module(module), name)(settings)
    return reader


def answer(reader: Reader, waiting: Sequence[tuple[float, bytes]]) -> list[tuple[str, bytes]]:
    """Reads what is still worth reading, in one batch.

    Args:
        reader: the model.
        waiting: for each window when it is too late, in `time.monotonic` seconds of this machine, and its
            pickled Clip.

    Returns:
        For each window DONE with the pickled Answer, LATE where its time was over before the batch began,
        or FAILED with the error as text.
    """
    began_s = time.monotonic()
    wanted = [number for number, (until_s, _) in enumerate(waiting) if began_s < until_s]
    answers: list[tuple[str, bytes]] = [(LATE, b"")] * len(waiting)
    if wanted:
        try:
            found = reader.read_clips([pickle.loads(waiting[number][1]) for number in wanted])
        except Exception as error:
            text = f"{type(error).__name__}: {error}".encode()
            for number in wanted:
                answers[number] = (FAILED, text)
        else:
            for number, each in zip(wanted, found, strict=True):
                answers[number] = (DONE, pickle.dumps(each, protocol=5))
    return answers
