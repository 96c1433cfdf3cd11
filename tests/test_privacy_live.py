"""Privacy pictures in the running program: other profiles and sources, switching, and broken vision."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from realtime.capture.file import FileSource
from realtime.config import Config
from realtime.offline import process_file
from realtime.picture.privacy import GROUND
from realtime.pipeline import Application
from realtime.values import Picture
from tests.test_pipeline import Watcher

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"


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


def covered_share(picture: Picture | None) -> float:
    """How much of the picture is the flat ground of a covered head."""
    assert picture is not None
    return float((np.abs(picture.image_rgb.astype(int) - GROUND) <= 1).all(axis=2).mean())


def covered_everywhere(picture: Picture | None) -> bool:
    """Whether nothing but the dark backdrop and the notices above is there."""
    assert picture is not None
    return bool(picture.image_rgb[120:400].max() < 60)


def no_expressions(**settings: Any) -> Application:
    return Application(Config(profile="driver", **settings))


def test_the_driver_profile_shows_the_mesh(started: Callable[[Application], Watcher]) -> None:
    watcher = started(no_expressions(source="demo", picture="mesh"))
    watcher.until(lambda: watcher.last is not None and not covered_everywhere(watcher.last))
    assert covered_share(watcher.last) > 0.1, "as soon as the background is shown the head is covered"


def test_the_viewers_own_camera_is_shown_as_a_mesh(started: Callable[[Application], Watcher]) -> None:
    application = no_expressions(source="browser", picture="mesh-only")
    watcher = started(application)
    clip = FileSource(DEMO, live=False)
    deadline = time.monotonic() + 30
    while watcher.last is None or not (watcher.last.image_rgb[120:400, :, 2].max() > 150):
        assert time.monotonic() < deadline
        reading = clip.read()
        assert isinstance(reading, tuple)
        application.streams["main"].push(reading[0], time.monotonic_ns())
        watcher.more_pictures(1)
    clip.close()
    corner = watcher.last.image_rgb[200:400, :60]
    assert corner.max() < 60, "nothing of the camera's background"


def test_a_switch_of_the_running_picture_there_and_back(started: Callable[[Application], Watcher]) -> None:
    application = no_expressions(source="demo")
    watcher = started(application)
    views = application.streams["main"].views
    watcher.more_pictures(3)
    assert covered_share(watcher.last) < 0.02
    views.change({"picture": "mesh", "strip": False})
    watcher.until(lambda: covered_share(watcher.last) > 0.1)
    views.change({"picture": "camera"})
    watcher.until(lambda: covered_share(watcher.last) < 0.02)


@pytest.mark.parametrize("settings", [{"picture": "mesh"}, {"bystanders": "blur"}])
def test_with_broken_vision_the_picture_stays_covered(
    started: Callable[[Application], Watcher],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
) -> None:
    class Broken:
        def find_everyone(self, _image: object) -> tuple[list[Any], list[Any]]:
            raise RuntimeError("no graph")

        def close(self) -> None:
            pass

    monkeypatch.setattr("realtime.stream.build_landmarker", lambda _config: Broken())
    application = no_expressions(source="demo", **settings)
    watcher = started(application)
    pictures: list[Picture] = []
    application.streams["main"].pictures.subscribe(pictures.append)
    watcher.until(lambda: not application.health()["ok"])
    watcher.more_pictures(5)
    assert all(covered_everywhere(each) for each in pictures)
    assert pictures[-1].size_wh == (640, 480), "of the source's size"
    assert pictures[-1].image_rgb[:80].max() > 150, "and says why"


def test_a_written_video_is_covered_from_its_first_frame(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    clip = tmp_path / "short.mp4"
    source = FileSource(DEMO, live=False)
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", 30)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for _ in range(6):
            reading = source.read()
            assert isinstance(reading, tuple)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(reading[0], "rgb24")))
        container.mux(stream.encode())
    source.close()
    process_file(
        Config(
            source=str(clip), profile="driver", serve=False, video=str(out), picture="mesh", progress=False
        )
    )
    with av.open(str(out)) as written:
        shown = [frame.to_ndarray(format="rgb24") for frame in written.decode(video=0)]
    assert len(shown) == 6
    for image in shown:
        dark = (np.abs(image.astype(int) - GROUND) <= 6).all(axis=2)
        assert dark.mean() > 0.1
