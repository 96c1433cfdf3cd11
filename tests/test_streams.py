"""Several streams in one process: each has its own, and none is touched by another's trouble."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch

import models
from realtime.config import Config
from realtime.inference.engine import Engine
from realtime.pipeline import Application
from tests.faulty import Watcher

pytestmark = pytest.mark.timeout(180)
Start = Callable[..., tuple[Application, Mapping[str, Watcher]]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts streams by name and settings, with a model of random weights, and stops them."""
    running: list[Application] = []

    def make(streams: Mapping[str, Config], **parts: Any) -> tuple[Application, Mapping[str, Watcher]]:
        torch.manual_seed(0)
        engine = Engine(models.create_model("ifdd-stream"), "cpu")
        application = Application(Config(), streams, engine=engine, **parts)
        running.append(application)
        watchers = {name: Watcher(stream) for name, stream in application.streams.items()}
        application.start()
        return application, watchers

    yield make
    for application in running:
        application.stop()
        application.stop()


def test_two_streams_read_faces_of_their_own_by_one_model(start: Start) -> None:
    application, watchers = start({"door": Config(source="demo"), "yard": Config(source="demo", mirror=True)})
    for name, watcher in watchers.items():
        watcher.more_predictions(5)
        assert {each["stream"] for _, each in watcher.events} == {name}
    assert list(application.streams) == ["door", "yard"]
    assert application.ready()
    assert application.health()["ok"]
    assert [stream.views().mirror for stream in application.streams.values()] == [False, True]
