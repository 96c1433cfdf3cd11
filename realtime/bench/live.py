"""The whole program in this process: the browser with the model on, off and slow, and served plainly."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor

import models
from realtime.bench.browser import measure_latency
from realtime.build import build_engine
from realtime.config import Config
from realtime.errors import IfddLiveError
from realtime.inference.engine import Ahead, Engine, Reading, Request
from realtime.pipeline import Application
from realtime.serving.stock import StockServer

READY_TIMEOUT_S = 60.0
SLOWER = 5


class Repeated(models.StreamingModel):
    """A streaming model whose work is done several times over, as on a machine that much slower."""

    def __init__(self, inner: models.StreamingModel, times: int) -> None:
        super().__init__(inner.spec)
        self.inner, self._times = inner, times

    def encode(self, frames: Tensor) -> Tensor:
        """As the model's."""
        for _ in range(self._times - 1):
            self.inner.encode(frames)
        return self.inner.encode(frames)

    def read(self, features: Tensor) -> models.Output:
        """As the model's."""
        for _ in range(self._times - 1):
            self.inner.read(features)
        return self.inner.read(features)

    def forward(self, clip: Tensor) -> models.Output:
        """As the model's, once."""
        output: models.Output = self.inner(clip)
        return output


class Off(Engine):
    """An engine that reads no window."""

    def read(self, requests: list[Request], ahead: Sequence[Ahead] = ()) -> list[Reading | None]:  # noqa: ARG002
        """None for each."""
        return [None] * len(requests)


@contextmanager
def running(config: Config, engine: Engine | None = None) -> Iterator[Application]:
    """The application with all its threads, once it has seen a frame.

    Raises:
        IfddLiveError: a part cannot start.
    """
    application = Application(config, engine=engine)
    try:
        application.start()
        deadline = time.monotonic() + READY_TIMEOUT_S
        waited = threading.Event()
        while not application.ready():
            if time.monotonic() > deadline:
                raise IfddLiveError(f"bench: expected a first picture within {READY_TIMEOUT_S:.0f} s")
            waited.wait(0.02)
        yield application
    finally:
        application.stop()


def latency(config: Config, seconds: float) -> dict[str, Any]:
    """The program as it is, with the model on."""
    with running(config) as application:
        return measure_latency(application, config, seconds)


def off(config: Config, seconds: float) -> dict[str, Any]:
    """The same without the model's work; faces are still tracked."""
    with running(config, Off(build_engine(config).model, config.device, config.precision)) as application:
        return measure_latency(application, config, seconds)


def slow(config: Config, seconds: float) -> dict[str, Any]:
    """The same with a model that does its work five times over.

    Raises:
        IfddLiveError: the model does not cache features.
    """
    model = build_engine(config).model
    if not isinstance(model, models.StreamingModel):
        raise IfddLiveError(f"slow: expected a model that encodes frames one by one, got {model.spec.name}")
    with running(config, Engine(Repeated(model, SLOWER), config.device, config.precision)) as application:
        return measure_latency(application, config, seconds)


def stock(config: Config, seconds: float) -> dict[str, Any]:
    """The same pictures, model on, served by a plain aiortc server."""
    with running(config) as application:
        return measure_latency(application, config, seconds, StockServer)
