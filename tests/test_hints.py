"""Hints in words with real video: the demo's actor darkened, made small, turned; and where they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import models
from realtime.capture.browser import PushSource
from realtime.capture.file import FileSource
from realtime.capture.source import Reading, Source
from realtime.clock import to_ns
from realtime.config import Config
from realtime.inference.engine import Engine
from realtime.pipeline import Application
from realtime.values import Frame, ImageU8
from realtime.vision.face_rig import Expression, HeadPose
from realtime.vision.landmarks import FaceMesh
from realtime.vision.mesh_warp import FacePuppet
from realtime.vision.stage import VisionStage
from tests.test_pipeline import Watcher

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"


@pytest.fixture(scope="module")
def clip() -> list[ImageU8]:
    source = FileSource(DEMO, live=False)
    found = []
    for number in range(250):
        reading = source.read()
        assert isinstance(reading, tuple)
        if number % 25 == 0:
            found.append(reading[0])
    source.close()
    return found


@pytest.fixture(scope="module")
def puppet(clip: list[ImageU8]) -> FacePuppet:
    with FaceMesh(1, still=True) as mesh:
        return FacePuppet(clip[0], mesh.find(clip[0])[0])


def hints(images: list[ImageU8]) -> list[set[str]]:
    """The hints for the one face of each picture."""
    with FaceMesh(2) as mesh:
        stage = VisionStage(mesh, 2, None)
        seen = [stage.process(Frame(seq, to_ns(seq / 30), image)) for seq, image in enumerate(images)]
    assert all(len(each.faces) == 1 for each in seen)
    return [set(each.faces[0].quality.hints) for each in seen]


def darkened(image: ImageU8, share: float) -> ImageU8:
    """As a camera gives it in the dark: less light, with noise."""
    noise = np.random.default_rng(0).normal(0, 3, image.shape)
    return np.clip(image * share + noise, 0, 255).astype(np.uint8)


def at_size(image: ImageU8, share: float) -> ImageU8:
    canvas = np.full_like(image, 150)
    small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    top, left = (480 - small.shape[0]) // 2, (640 - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def test_the_clip_as_it_is_needs_no_hint(clip: list[ImageU8]) -> None:
    assert hints(clip) == [set()] * len(clip)


@pytest.mark.parametrize(("share", "wanted"), [(0.5, set()), (0.15, {"too dark"})])
def test_a_dark_room_is_told(clip: list[ImageU8], share: float, wanted: set[str]) -> None:
    assert hints([darkened(each, share) for each in clip[:4]]) == [wanted] * 4


def test_who_goes_away_is_told_to_come_closer(clip: list[ImageU8]) -> None:
    shares = np.linspace(0.6, 0.32, 12)
    told = hints([at_size(clip[0], share) for share in shares])
    assert told[0] == set()
    assert told[-1] == {"come closer"}
    first = told.index({"come closer"})
    assert 62 < 195 * shares[first] < 72, "the actor's face is 195 pixels wide"


@pytest.mark.parametrize(
    ("pose", "wanted"),
    [
        (HeadPose(), set()),
        (HeadPose(yaw_deg=25), set()),
        (HeadPose(pitch_deg=15), set()),
        (HeadPose(pitch_deg=-15), set()),
        (HeadPose(yaw_deg=50), {"turn to the camera"}),
        (HeadPose(yaw_deg=-50), {"turn to the camera"}),
        (HeadPose(pitch_deg=42), {"turn to the camera"}),
        (HeadPose(pitch_deg=-35), {"turn to the camera"}),
    ],
)
def test_a_turned_head_is_told(puppet: FacePuppet, pose: HeadPose, wanted: set[str]) -> None:
    assert hints([puppet.render(Expression(), pose)] * 2)[-1] == wanted


class DarkCamera:
    """The clip in a dark room, live."""

    live, choice_reason, dropped, description = True, "", 0, "a camera in the dark"

    def __init__(self) -> None:
        self._clip = FileSource(DEMO, live=True, loop=True)

    def read(self) -> Reading:
        taken = self._clip.read()
        return (darkened(taken[0], 0.15), taken[1]) if isinstance(taken, tuple) else taken

    def close(self) -> None:
        self._clip.close()


@pytest.fixture
def application() -> Iterator[Application]:
    def opener(_text: str, _config: Config, _browser: PushSource) -> Callable[[], Source]:
        return DarkCamera

    torch.manual_seed(0)
    engine = Engine(models.create_model("ifdd-stream"), "cpu")
    made = Application(Config(source="demo"), engine=engine, opener=opener)
    yield made
    made.stop()


def test_hints_reach_results_and_status(application: Application) -> None:
    stream = application.streams["main"]
    watcher = Watcher(stream)
    application.start()
    watcher.until(lambda: len(watcher.predictions()) >= 2)
    assert watcher.predictions()[-1]["quality"]["hints"] == ["too dark"]
    assert stream.status()["hints"] == [{"face": 1, "hints": ["too dark"]}]
