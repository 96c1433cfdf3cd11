"""From the text of --source to a source."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.capture.browser import PushSource
from realtime.capture.choose import SourceOpener, open_source
from realtime.capture.file import FileSource
from realtime.capture.source import Reading, Source
from realtime.config import Config
from realtime.errors import SourceError


class FakeCamera:
    """A camera that is there."""

    live, dropped = True, 0

    def __init__(self, device: str, **asked: Any) -> None:
        self.description, self.asked, self.choice_reason = f"camera {device}", asked, ""

    def read(self) -> Reading:
        return None

    def close(self) -> None:
        pass


class Cameras:
    """Opens fake cameras, but not those that are broken."""

    def __init__(self, broken: tuple[str, ...] = ()) -> None:
        self.broken, self.tried = broken, list[str]()

    def __call__(self, device: str, **asked: Any) -> Source:
        self.tried.append(device)
        if device in self.broken:
            raise SourceError(f"camera {device}: in use")
        return FakeCamera(device, **asked)


def opener(text: str, cameras: Cameras, listed: tuple[str, ...] = (), **more: Any) -> SourceOpener:
    return SourceOpener(text, Config(), list_cameras=lambda: list(listed), open_camera=cameras, **more)


def test_auto_takes_the_first_camera_that_opens_and_says_so() -> None:
    cameras = Cameras(broken=("/dev/video0",))
    source = opener("auto", cameras, ("/dev/video0", "/dev/video1", "/dev/video2"))()
    assert source.description == "camera /dev/video1"
    assert source.choice_reason == "source: /dev/video1, the first camera that opened"
    assert cameras.tried == ["/dev/video0", "/dev/video1"]


@pytest.mark.parametrize(
    ("listed", "why"),
    [((), "no camera was found"), (("/dev/video0",), "no camera opened (camera /dev/video0: in use)")],
)
def test_auto_falls_back_to_the_demo_and_says_why(listed: tuple[str, ...], why: str) -> None:
    source = opener("auto", Cameras(broken=("/dev/video0",)), listed)()
    assert source.description == "demo.mp4 640x480"
    assert "\n" not in source.choice_reason
    assert source.choice_reason == f"source: the demo clip, because {why}"
    source.close()


def test_a_camera_that_auto_chose_is_opened_again_not_replaced() -> None:
    cameras = Cameras()
    again = opener("auto", cameras, ("/dev/video0", "/dev/video1"))
    again().close()
    cameras.broken = ("/dev/video0",)
    with pytest.raises(SourceError, match="in use"):
        again()
    cameras.broken = ()
    assert again().description == "camera /dev/video0"


@pytest.mark.parametrize("text", ["0", "12", "/dev/video2"])
def test_numbers_and_device_files_are_cameras(text: str) -> None:
    source = opener(text, Cameras())()
    assert isinstance(source, FakeCamera)
    assert source.description == f"camera {text}"
    assert source.asked == {"width": 640, "height": 480, "fps": 30.0}


@pytest.mark.parametrize("live", [True, False])
def test_demo_is_the_clip_looped_live_and_once_offline(live: bool) -> None:
    source = open_source("demo", Config(), live=live)
    assert isinstance(source, FileSource)
    assert source.live is live
    assert source._loop is live
    assert source.frame_count == 1140
    source.close()


def test_browser_is_the_given_push_source() -> None:
    browser = PushSource()
    assert open_source("browser", Config(), browser=browser) is browser


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "got nothing"),
        ("browser", "expected a served page"),
        ("ftp://host/x", "expected rtsp, rtsps, http, https://…, got ftp://"),
        ("no such file.mp4", "no such file.mp4: expected a video file, got no such file"),
    ],
)
def test_what_is_no_source_is_one_clear_line(text: str, got: str) -> None:
    with pytest.raises(SourceError) as raised:
        open_source(text, Config())
    assert got in str(raised.value)
    assert "\n" not in str(raised.value)
