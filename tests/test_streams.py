"""Several streams in one process: each has its own, and none is touched by another's trouble."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch

import models
from realtime.capture.browser import PushSource
from realtime.capture.file import FileSource
from realtime.capture.source import NoPicture, Reading, Source
from realtime.config import Config
from realtime.errors import ConfigError, IfddLiveError, SourceError, SourceLostError
from realtime.inference.engine import Engine
from realtime.pipeline import Application
from realtime.serving.encoder import Coder, EncodedPicture, SharedEncoder
from realtime.stream import make_opener
from realtime.values import ImageU8, Picture
from realtime.vision.landmarks import FaceMesh, Landmarker
from tests.faulty import Watcher
from tests.test_pipeline import DEMO

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
    times = {name: watcher.predictions()[-1]["t"] for name, watcher in watchers.items()}
    assert abs(times["door"] - times["yard"]) < 30, "one clock for all streams"


# -- a stream in trouble -------------------------------------------------------------------------------


class Thinned(FileSource):
    """The demo clip with one picture in three, so that a busy machine has time for two of them."""

    def __init__(self) -> None:
        super().__init__(DEMO, live=True, loop=True)

    def read(self) -> Reading:
        for _ in range(2):
            while super().read() is NoPicture.YET:
                pass
        return super().read()


class Trouble:
    """What goes wrong in the stream "bad"; its source is called 7."""

    def __init__(self) -> None:
        self.kind = ""
        self.let_go = threading.Event()

    def opener(self, text: str, config: Config, browser: PushSource) -> Callable[[], Source]:
        if text == "demo":
            return Thinned
        return make_opener(text, config, browser) if text != "7" else lambda: _Camera(self)

    def landmarker(self, config: Config) -> Landmarker:
        return _Mesh(self if config.source == "7" else None)

    def hang(self) -> None:
        self.let_go.wait(60)


class _Camera(Thinned):
    noisy = True

    def __init__(self, trouble: Trouble) -> None:
        if trouble.kind == "missing":
            raise SourceError("camera 7: expected a device, got none")
        super().__init__()
        self._trouble = trouble

    def read(self) -> Reading:
        if self._trouble.kind in ("missing", "dies"):
            raise SourceLostError("camera 7: no picture any more")
        if self._trouble.kind == "driver raises":
            raise RuntimeError("a driver's own bug")
        if self._trouble.kind == "freezes":
            self._trouble.hang()
        return super().read()


class _Mesh(FaceMesh):
    def __init__(self, trouble: Trouble | None) -> None:
        super().__init__(1)
        self._trouble = trouble

    def find(self, image_rgb: ImageU8) -> Any:
        kind = "" if self._trouble is None else self._trouble.kind
        if kind == "landmarker raises":
            raise RuntimeError("graph has errors")
        if kind == "landmarker hangs" and self._trouble is not None:
            self._trouble.hang()
        return super().find(image_rgb)


class _Coder(Coder):
    trouble: Trouble

    def encode(self, picture: Picture, keyframe: bool) -> EncodedPicture:
        if self.trouble.kind == "encoder fails":
            raise RuntimeError("codec broke")
        return super().encode(picture, keyframe)


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Iterator[Trouble]:
    made = Trouble()
    monkeypatch.setattr("realtime.stream.build_landmarker", made.landmarker)
    yield made
    made.let_go.set()


AGREED: dict[str, Any] = {"consent": True, "purpose": "research"}


def two(**settings: Any) -> dict[str, Config]:
    return {"bad": Config(source="7", **AGREED, **settings), "good": Config(source="demo", **AGREED)}


KINDS = (
    "dies",
    "driver raises",
    "freezes",
    "landmarker raises",
    "landmarker hangs",
    "composer raises",
    "composer hangs",
    "encoder fails",
    "results fail",
)
PARTS = {
    "landmarker raises": "vision-bad",
    "landmarker hangs": "vision-bad",
    "composer raises": "composer-bad",
    "composer hangs": "composer-bad",
    "results fail": "results-bad",
}


class Counted:
    """What a stream's viewers get: pictures, predictions, encoded pictures, with their times."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.encoded: list[float] = []

    def counts(self, since: float) -> tuple[int, int, int]:
        shown = sum(t >= since for t in self._watcher.shown)
        coded = sum(t >= since for t in self.encoded)
        return shown, len(self._watcher.predictions(since)), coded

    def goes_on(self, seconds: float) -> tuple[float, float, float]:
        """Waits until some of each have come, and for so many seconds; what came a second."""
        begun = time.monotonic()
        self._watcher.until(
            lambda: time.monotonic() - begun >= seconds and min(self.counts(begun)) >= SOME,
            "pictures, predictions and encoded pictures",
        )
        took = time.monotonic() - begun
        shown, predicted, coded = self.counts(begun)
        return shown / took, predicted / took, coded / took


SECONDS = 2.5
SOME = 4  # of each; the machine may be busy with other tests


@pytest.fixture
def troubled(start: Start, trouble: Trouble) -> Iterator[tuple[Application, Mapping[str, Watcher], Counted]]:
    """Two streams with their encoders; every part of "bad" can fail, and what "good" gives is counted."""
    application, watchers = start(two(), opener=trouble.opener)
    stream = application.streams["bad"]
    stream._vision.worker._patience_s = stream._composer.worker._patience_s = 1.0
    notices, predict = stream._composer._notices, stream._composer.predict

    def painting() -> tuple[str, ...]:
        if trouble.kind == "composer raises":
            raise RuntimeError("a painter's bug")
        if trouble.kind == "composer hangs":
            trouble.hang()
        return notices()

    def predicted(prediction: Any) -> None:
        if trouble.kind == "results fail":
            raise RuntimeError("a subscriber's bug")
        predict(prediction)

    stream._composer._notices, stream._composer.predict = painting, predicted  # type: ignore[method-assign]
    good = Counted(watchers["good"])
    encoders = []
    for name, each in application.streams.items():
        coder = _Coder("H264", 1_000_000, 10)
        coder.trouble = trouble if name == "bad" else Trouble()
        took = good.encoded if name == "good" else list[float]()
        encoders.append(
            SharedEncoder(
                name,
                each.pictures,
                coder,
                lambda _, took=took: took.append(time.monotonic()),  # type: ignore[misc]
                lambda *_: None,
            )
        )
        encoders[-1].start()
    for watcher in watchers.values():
        watcher.more_predictions()
    yield application, watchers, good
    for encoder in encoders:
        encoder.stop()


def test_what_fails_in_one_stream_is_named_and_the_other_goes_on(
    troubled: tuple[Application, Mapping[str, Watcher], Counted], trouble: Trouble
) -> None:
    application, watchers, good = troubled
    seen: dict[str, list[str]] = {}
    for kind in KINDS:
        trouble.let_go.clear()
        trouble.kind = kind
        if part := PARTS.get(kind):
            watchers["good"].until(
                lambda part=part: application.health()["streams"] == {"bad": [part]},  # type: ignore[misc]
                f"{kind}: {part}",
            )
        good.goes_on(0.5)
        seen[kind] = list(application.health()["streams"])
        trouble.kind = ""
        trouble.let_go.set()
        watchers["bad"].more_predictions(1)
    assert all(set(names) <= {"bad"} for names in seen.values())
    assert application.streams["good"].status()["source"]["losses"] == 0
    watchers["good"].until(lambda: bool(application.health()["ok"]), "health")


@pytest.mark.nightly
@pytest.mark.timeout(400)
def test_what_fails_in_one_stream_costs_the_other_no_rate(
    troubled: tuple[Application, Mapping[str, Watcher], Counted], trouble: Trouble
) -> None:
    """Needs a machine that is not busy with other things."""
    _, watchers, good = troubled
    for kind in KINDS:
        before = good.goes_on(SECONDS)
        trouble.let_go.clear()
        trouble.kind = kind
        during = good.goes_on(SECONDS)
        for what, had, has in zip(("pictures", "predictions", "encoded"), before, during, strict=True):
            print(f"{kind}: {what} {had:.1f}/s before, {has:.1f}/s with it")
            # where such a time begins and ends makes two of them more or less
            assert has > 0.9 * had - 2 / SECONDS, f"{kind}: {what} fell from {had:.1f} to {has:.1f} a second"
        trouble.kind = ""
        trouble.let_go.set()
        watchers["bad"].more_predictions(1)


# -- the start -----------------------------------------------------------------------------------------


def test_a_source_that_is_missing_at_the_start_is_waited_for(start: Start, trouble: Trouble) -> None:
    trouble.kind = "missing"
    application, watchers = start(two(), opener=trouble.opener)
    stream = application.streams["bad"]
    watchers["good"].more_predictions(2)
    assert stream.status()["source"]["state"] == "lost"
    assert stream.description == "stream bad: source: 7, lost: camera 7: expected a device, got none"
    watchers["bad"].more_pictures(1)
    assert watchers["bad"].last is not None
    assert watchers["bad"].last.image_rgb.max() > 200, "the notice"
    assert application.ready(), "a lost camera does not keep the others back"
    assert not stream.ready
    assert application.health()["ok"]
    trouble.kind = ""
    watchers["bad"].more_predictions(1)
    assert stream.status()["source"]["state"] == "live"


def test_when_no_source_opens_the_program_ends(trouble: Trouble, start: Start) -> None:
    trouble.kind = "missing"
    streams = {"bad": two()["bad"], "worse": Config(source="no-such.mp4", **AGREED)}
    with pytest.raises(SourceError, match=r"stream (bad|worse): .* \(and no other of 2 streams opens\)"):
        start(streams, opener=trouble.opener)
    left = [each.name for each in threading.enumerate() if each.name.startswith(("capture-", "vision-"))]
    assert left == []


def test_what_is_wrong_with_a_streams_own_files_names_it(start: Start) -> None:
    streams = {"a": Config(source="demo"), "b": Config(source="demo", profile="driver", driver_settings="x")}
    with pytest.raises(ConfigError, match=r"^stream b: "):
        start(streams)


# -- consent -------------------------------------------------------------------------------------------


def test_consent_opens_the_camera_that_it_was_given_for_and_purposes_are_the_runs(
    start: Start, trouble: Trouble
) -> None:
    streams = {"clip": Config(source="demo"), "cam": Config(source="7"), "net": Config(source="rtsp://x/y")}
    application, watchers = start(streams, opener=trouble.opener)
    clip, cam, net = application.streams.values()
    watchers["clip"].more_predictions(2)
    assert [each.consents.state()["needed"] for each in (clip, cam, net)] == [False, True, True]
    assert [each.status()["source"]["state"] for each in (cam, net)] == ["waiting", "waiting"]
    assert application.ready(), "who waits for consent keeps nobody back"
    cam.consents.agree("research", True)
    watchers["cam"].more_predictions(1)
    told = net.consents.state()
    assert (told["given"], told["purpose"], told["expressions"]) == (False, "research", True)
    assert net.status()["source"]["state"] == "waiting"
    with pytest.raises(IfddLiveError, match="expected consent"):
        clip.consents.check("7")
    net.consents.agree("education", False)
    assert [each.status()["model"] for each in (clip, cam, net)] == [None, None, None], (
        "the whole run's purpose"
    )
    assert not any(each.consents.state()["expressions"] for each in (clip, cam, net))
