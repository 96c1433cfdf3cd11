"""No camera opens before consent; some purposes end the reading of expressions at its source."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import models
from realtime.capture.browser import PushSource
from realtime.capture.file import FileSource
from realtime.capture.source import NoPicture, Reading, Source
from realtime.capture.waiting import WaitingSource
from realtime.cli import parse
from realtime.config import Config, needs_consent
from realtime.consent import CameraGate, Consent, ConsentError
from realtime.errors import ConfigError, IfddLiveError, SourceError, SourceLostError
from realtime.inference.engine import Engine
from realtime.offline import process_file
from realtime.pipeline import Application
from tests.test_pipeline import Watcher

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"
CAMERAS = ("0", "/dev/video2", "rtsp://10.0.0.2/stream", "http://camera/mjpg", "auto", " 1 ")
OTHERS = ("demo", "browser", "clip.mp4", "C:/clips/one.mp4", "folder/0")


@pytest.mark.parametrize("source", CAMERAS)
def test_cameras_here_and_on_the_network_need_consent(source: str) -> None:
    assert needs_consent(source)


@pytest.mark.parametrize("source", OTHERS)
def test_files_and_the_viewers_own_browser_do_not(source: str) -> None:
    assert not needs_consent(source)


def gate(source: str, found: tuple[str, ...] = ("/dev/video0",), **settings: object) -> CameraGate:
    config = Config(source=source, **settings)  # type: ignore[arg-type]
    return CameraGate(Consent(config), source, lambda: None, lambda: list(found))


def test_auto_shows_the_demo_clip_until_somebody_agrees() -> None:
    asked = gate("auto")
    assert (asked.first_source, asked.pending, asked.waits) == ("demo", True, False)
    assert asked.state()["needed"] is True
    assert asked.state()["source"] == "/dev/video0"
    assert "the page asks before the camera /dev/video0 opens" in asked.line
    agreed = gate("auto", consent=True, purpose="personal")
    assert (agreed.first_source, agreed.pending, agreed.line) == ("auto", False, "")


def test_auto_without_a_camera_opens_none_that_is_plugged_in_later() -> None:
    alone = gate("auto", ())
    assert (alone.first_source, alone.pending) == ("demo", False)
    assert alone.state()["needed"] is False
    assert "no camera was found" in alone.line


def test_a_named_camera_waits_and_says_how_to_go_on() -> None:
    asked = gate("0")
    assert asked.waits
    assert "--consent" in asked.notice
    assert gate("0", consent=True, purpose="research").notice == ""
    with pytest.raises(ConsentError, match="expected consent before a camera opens, got '/dev/video1'"):
        asked.check("/dev/video1")
    asked.check("demo")


def test_a_password_in_an_address_is_told_to_nobody() -> None:
    asked = gate("rtsp://me:secret@10.0.0.2/stream")
    with pytest.raises(ConsentError) as raised:
        asked.check("rtsp://me:secret@10.0.0.2/stream")
    for told in (asked.line, asked.notice, str(asked.state()), str(raised.value)):
        assert "secret" not in told
    assert asked.state()["source"] == "rtsp://10.0.0.2/stream"


def test_the_driver_profile_says_its_purpose_itself() -> None:
    assert Consent(Config(profile="driver")).state()["purpose"] == "driving"
    assert Consent(Config(profile="driver", purpose="demonstration")).state()["purpose"] == "demonstration"
    assert parse(["--profile", "driver", "--consent"]).run_purpose == "driving"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--consent"], "--consent: expected together with --purpose, one of personal, research"),
        (["--purpose", "spying"], "purpose: expected one of"),
        (["--no-serve", "--source", "0"], "--no-serve over a camera: expected --consent with --purpose"),
        (["--no-serve", "--source", "rtsp://x/y", "--purpose", "research"], "--no-serve over a camera"),
        (["--picture", "none"], "picture: expected one of camera, mesh, mesh-only"),
        (["--bystanders", "mesh"], "bystanders: expected one of show, blur"),
    ],
)
def test_a_command_line_that_does_not_fit_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(arguments)
    assert message in str(caught.value)


def test_a_purpose_without_expressions_loads_no_model() -> None:
    assert not parse(["--purpose", "workplace"]).reads_expressions
    assert not parse(["--profile", "driver", "--expressions", "--purpose", "education"]).reads_expressions
    assert parse(["--purpose", "personal"]).reads_expressions


def test_the_waiting_source_gives_nothing_and_ends_when_it_is_closed() -> None:
    source = WaitingSource("0", wait_s=0.01)
    assert source.read() is NoPicture.NO_SENDER
    source.close()
    source.close()
    assert source.read() is None


# --- in the running program ---------------------------------------------------------------------------


class Camera:
    """The demo clip as a camera that notes that it was opened."""

    live, choice_reason, dropped, description = True, "", 0, "a camera"
    opened: list[str] = []  # noqa: RUF012 (emptied by each test)
    broken = threading.Event()

    def __init__(self, text: str) -> None:
        if self.broken.is_set():
            raise SourceError(f"camera {text}: expected pictures, got none")
        self.opened.append(text)
        self._clip = FileSource(DEMO, live=True, loop=True)

    def read(self) -> Reading:
        return self._clip.read()

    def close(self) -> None:
        self._clip.close()


def opener(text: str, _config: Config, browser: PushSource) -> Callable[[], Source]:
    if text == "browser":
        return lambda: browser
    return lambda: Camera(text)


@pytest.fixture
def engine() -> Engine:
    torch.manual_seed(0)
    return Engine(models.create_model("ifdd-stream"), "cpu")


@pytest.fixture
def started() -> Iterator[Callable[[Application], Watcher]]:
    Camera.opened.clear()
    Camera.broken.clear()
    running: list[Application] = []

    def start(application: Application) -> Watcher:
        running.append(application)
        watcher = Watcher(application.streams["main"])
        application.start()
        return watcher

    yield start
    for application in running:
        application.stop()


def test_a_named_camera_stays_closed_until_the_page_agrees(
    started: Callable[[Application], Watcher], engine: Engine
) -> None:
    application = Application(Config(source="0"), engine=engine, opener=opener)
    watcher = started(application)
    stream = application.streams["main"]
    watcher.more_pictures(2)
    assert Camera.opened == []
    assert watcher.last is not None
    assert watcher.last.image_rgb[150:330].max() > 200, "the picture says what to do"
    watcher.until(lambda: bool(stream.status()["source"]["state"] == "waiting"))
    assert "camera 0, closed: agree on the page" in stream.description
    with pytest.raises(ConsentError):
        stream.consents.check("0")
    Camera.broken.set()
    with pytest.raises(SourceError, match="expected pictures"):
        stream.consents.agree("personal", True)
    watcher.until(lambda: bool(stream.status()["source"]["state"] == "waiting"))  # and it can be tried again
    Camera.broken.clear()
    assert stream.consents.agree("personal", True)["given"] is True
    assert Camera.opened == ["0"]
    watcher.until(lambda: len(watcher.predictions()) >= 2)


def test_only_the_purpose_does_not_open_the_camera(
    started: Callable[[Application], Watcher], engine: Engine
) -> None:
    application = Application(Config(source="0"), engine=engine, opener=opener)
    watcher = started(application)
    state = application.streams["main"].consents.agree("personal", False)
    assert (state["given"], state["purpose"]) == (False, "personal")
    watcher.more_pictures(2)
    assert Camera.opened == []


def test_auto_goes_from_the_clip_to_the_camera(
    started: Callable[[Application], Watcher], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.consent.cameras", lambda: ["/dev/video0"])
    monkeypatch.setattr("realtime.stream.cameras", lambda: ["/dev/video0"])
    application = Application(Config(source="auto"), engine=engine, opener=opener)
    started(application)
    stream = application.streams["main"]
    assert Camera.opened == ["demo"]
    with pytest.raises(IfddLiveError, match="expected consent before a camera opens"):
        stream.set_source("/dev/video0")
    assert Camera.opened == ["demo"]
    stream.consents.agree("demonstration", True)
    assert Camera.opened == ["demo", "auto"]
    stream.set_source("demo")
    stream.consents.agree("personal", True)
    assert Camera.opened == ["demo", "auto", "demo"], "a later word does not change the source again"
    stream.set_source("/dev/video0")
    assert Camera.opened[-1] == "/dev/video0"


def test_a_forbidden_purpose_stops_the_engine_and_leaves_the_rest(
    started: Callable[[Application], Watcher], engine: Engine
) -> None:
    application = Application(Config(source="demo"), engine=engine, opener=opener)
    watcher = started(application)
    stream = application.streams["main"]
    watcher.until(lambda: len(watcher.predictions()) >= 2)
    assert stream.inspector is not None
    state = stream.consents.agree("workplace", False)
    assert (state["expressions"], state["given"]) == (False, False)
    watcher.until(lambda: stream.status()["rates"]["vision_fps"] > 0 and not stream._vision.rings())
    assert application._inference is not None
    barrier = application._inference.inspect("main", 1)  # answered after the batch that is under way
    assert barrier is not None
    assert barrier.result(30) is None, "and the face has no window any more"
    predicted, encoded = len(watcher.predictions()), engine.encoded
    watcher.more_pictures(25)
    assert len(watcher.predictions()) == predicted
    assert engine.encoded == encoded, "the model is not run"
    assert watcher.last is not None
    assert watcher.last.size_wh == (640, 480), "no strip"
    status = stream.status()
    assert status["model"] is None
    assert status["faces"] == 1
    assert status["hints"] == [{"face": 1, "hints": []}]
    assert "article 5(1)(f)" in status["consent"]["reason"]
    assert stream.inspector is None
    assert stream.persons is None, "nothing is learnt of anybody either"
    stream.consents.agree("personal", True)
    watcher.more_pictures(5)
    assert len(watcher.predictions()) == predicted, "for the rest of the run"
    assert application.health()["ok"]


def test_a_run_for_the_workplace_has_no_model_at_all(
    started: Callable[[Application], Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_model(_config: Config) -> Engine:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("realtime.pipeline.build_engine", no_model)
    application = Application(Config(source="demo", purpose="workplace"), opener=opener)
    watcher = started(application)
    watcher.more_pictures(3)
    assert application.streams["main"].consents.state()["expressions"] is False


def test_a_camera_without_a_page_ends_with_whole_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Plugged(FileSource):
        """Twenty pictures with the clock's times, then the plug is pulled."""

        count = 0

        def read(self) -> Reading:
            self.count += 1
            if self.count > 20:
                raise SourceLostError("camera: no picture any more")
            taken = super().read()
            assert isinstance(taken, tuple)
            return taken[0], taken[1] + 10**15

    def plugged(_text: str, _config: Config) -> Source:
        source = Plugged(DEMO, live=False)
        source.live = True
        source.read = Plugged.read.__get__(source)  # type: ignore[method-assign]
        return source

    monkeypatch.setattr("realtime.offline.open_source", plugged)
    out = tmp_path / "out.jsonl"
    config = Config(
        source="0", serve=False, consent=True, purpose="workplace", events=str(out), progress=False
    )
    assert process_file(config).frames == 20
    assert '"event":"face_found"' in out.read_text()
    assert '"t":0.0' in out.read_text()
