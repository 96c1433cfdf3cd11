from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import models
from realtime.capture.browser import PushSource
from realtime.capture.file import FileSource
from realtime.capture.source import Reading, Source
from realtime.config import Config
from realtime.errors import IfddLiveError, SourceError, SourceLostError
from realtime.inference.engine import Engine
from realtime.pipeline import Application
from realtime.stream import Stream
from realtime.values import Picture

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"
PATIENCE_S = 30.0


class Watcher:
    """Watches a stream's pictures and events, and waits for what a test expects."""

    def __init__(self, stream: Stream) -> None:
        self._changed = threading.Condition()
        self.pictures = 0
        self.last: Picture | None = None
        self.events: list[dict[str, Any]] = []
        stream.pictures.subscribe(self._picture)
        stream.events.subscribe(self._event)

    def _picture(self, picture: Picture) -> None:
        with self._changed:
            self.pictures += 1
            self.last = picture
            self._changed.notify_all()

    def _event(self, event: dict[str, Any]) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def until(self, what: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(what, PATIENCE_S), f"nothing after {PATIENCE_S} s"

    def more_pictures(self, count: int) -> None:
        wanted = self.pictures + count
        self.until(lambda: self.pictures >= wanted)

    def predictions(self) -> list[dict[str, Any]]:
        return [each for each in self.events if "label" in each]


class FaultySource:
    """The demo clip, live, that a test can take away and give back like a camera's plug."""

    live, choice_reason, dropped, description = True, "", 0, "a camera with a loose plug"
    unplugged = threading.Event()

    def __init__(self) -> None:
        if self.unplugged.is_set():
            raise SourceError("camera: expected a device, got none")
        self._clip = FileSource(DEMO, live=True, loop=True)

    def read(self) -> Reading:
        if self.unplugged.is_set():
            raise SourceLostError("camera: no picture any more")
        return self._clip.read()

    def close(self) -> None:
        self._clip.close()


def faulty(_text: str, _config: Config, _browser: PushSource) -> Callable[[], Source]:
    return FaultySource


@pytest.fixture
def engine() -> Engine:
    torch.manual_seed(0)
    return Engine(models.create_model("ifdd-stream"), "cpu")


@pytest.fixture
def started() -> Iterator[Callable[[Application], Watcher]]:
    running: list[Application] = []

    def start(application: Application) -> Watcher:
        running.append(application)
        watcher = Watcher(application.streams["main"])
        application.start()
        return watcher

    yield start
    for application in running:
        application.stop()
        application.stop()
    left = [
        each.name for each in threading.enumerate() if each.name.startswith(("capture", "vision", "composer"))
    ]
    assert left == []


def test_demo_gives_pictures_and_predictions_and_stops_twice(
    started: Callable[[Application], Watcher], engine: Engine
) -> None:
    application = Application(Config(source="demo"), engine=engine)
    watcher = started(application)
    watcher.until(lambda: len(watcher.predictions()) >= 5)
    watcher.more_pictures(10)
    assert application.ready()
    assert application.health() == {"ok": True, "state": "ok", "problems": [], "parts": {}, "streams": {}}
    status = application.streams["main"].status()
    assert status["source"]["state"] == "live"
    assert status["model"] == {
        "name": "ifdd-stream", "device": "cpu", "trained": False, "window_s": 1.0, "frames": 16,
        "labels": ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"],
    }  # fmt: skip
    assert status["faces"] == 1
    seconds = [each["t"] for each in watcher.predictions()]
    assert seconds == sorted(seconds)


def test_a_lost_camera_is_said_on_the_picture_and_opened_again(
    started: Callable[[Application], Watcher], engine: Engine
) -> None:
    FaultySource.unplugged.clear()
    application = Application(Config(source="demo"), engine=engine, opener=faulty)
    watcher = started(application)
    stream = application.streams["main"]
    watcher.until(lambda: watcher.predictions() != [])
    FaultySource.unplugged.set()
    watcher.until(lambda: stream.status()["source"]["state"] == "lost")
    watcher.more_pictures(3)
    assert watcher.last is not None
    assert watcher.last.image_rgb[:480].max() > 200, "the notice"
    assert watcher.last.image_rgb[200:400, :100].max() < 100, "the darkened picture"
    assert application.health()["ok"], "a lost camera is no failure of the program"
    count = len(watcher.predictions())
    FaultySource.unplugged.clear()
    watcher.until(lambda: stream.status()["source"]["state"] == "live")
    watcher.until(lambda: len(watcher.predictions()) > count + 2)
    assert stream.status()["source"]["losses"] == 1


def test_the_source_can_be_changed_and_a_bad_one_is_refused(
    started: Callable[[Application], Watcher], engine: Engine
) -> None:
    application = Application(Config(source="demo"), engine=engine)
    watcher = started(application)
    stream = application.streams["main"]
    watcher.until(lambda: watcher.predictions() != [])
    assert {each["source"] for each in stream.sources()} >= {"demo", "browser"}
    with pytest.raises(IfddLiveError, match="expected one of demo, browser"):
        stream.set_source("/etc/passwd")
    assert not stream.accepts_push
    stream.set_source("browser")
    assert stream.accepts_push
    watcher.until(lambda: stream.status()["source"]["state"] == "waiting")
    clip = FileSource(DEMO, live=False)
    face_found = len([each for each in watcher.events if each.get("event") == "face_found"])
    for _ in range(90):
        reading = clip.read()
        assert isinstance(reading, tuple)
        stream.push(reading[0], time.monotonic_ns())
        if len([each for each in watcher.events if each.get("event") == "face_found"]) > face_found:
            break
        time.sleep(0.03)
    clip.close()
    lost = [each["face"] for each in watcher.events if each.get("event") == "face_lost"]
    assert lost == [1], "the old source's face does not live on in the new one"
    stream.set_source("demo")
    count = len(watcher.predictions())
    watcher.until(lambda: len(watcher.predictions()) > count)
    frames = [each["frame"] for each in watcher.predictions()]
    assert frames == sorted(frames), "numbers go on rising over a change of source"


def test_a_source_that_cannot_be_opened_ends_the_start(engine: Engine, tmp_path: Path) -> None:
    application = Application(Config(source=str(tmp_path / "none.mp4")), engine=engine)
    with pytest.raises(SourceError, match=r"none\.mp4"):
        application.start()
    application.stop()
