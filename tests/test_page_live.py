"""The page with the real pipeline behind it: landmarks, model, composer, encoder, the real endpoints.

A pretended camera plays a resting face of the demo clip; everything behind it is what a user runs.
"""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from realtime.capture.browser import PushSource
from realtime.capture.choose import DEMO_CLIP
from realtime.capture.file import FileSource
from realtime.capture.source import Source
from realtime.chromium import chromium
from realtime.config import Config
from realtime.pipeline import Application
from realtime.serving.app import Server
from realtime.stream import make_opener
from tests.test_browser import LIVE, WATCH_PICTURES, agree, new_page
from tests.test_page import shot, tab, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CAMERA = "/dev/video7"
REST_S = (0.1, 1.5)  # of the demo clip: a resting face
WAIT_MS = 60_000
FACE_1 = (86, 180, 233)  # as the server paints it

READ = """() => {
  const video = document.getElementById("video");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.toDataURL("image/png");
}"""


class Camera(FileSource):
    """The resting face, again and again."""

    @property
    def description(self) -> str:
        """As a camera is told of."""
        return f"camera {CAMERA} 640x480"


class Program:
    """What `run_stream.py` starts, with a pretended camera; it can be ended and started on its port."""

    def __init__(self, clip: Path, folder: Path) -> None:
        self._clip, self._folder = clip, folder
        self.url = ""
        self.start()

    def start(self, port: int = 0) -> None:
        config = Config(source=CAMERA, port=port, faces=1, sessions=str(self._folder), calibrate_seconds=4.0)
        self.application = Application(config, opener=self._opener)
        self.application.start()
        self._server = Server(self.application, config)
        self._server.start()
        self.url = self._server.url

    def _opener(self, text: str, config: Config, browser: PushSource) -> Callable[[], Source]:
        if text == CAMERA:
            return lambda: Camera(self._clip, loop=True)
        return make_opener(text, config, browser)

    def restart(self) -> None:
        self.stop()
        self.start(int(self.url.rsplit(":", 1)[1]))

    def stop(self) -> None:
        assert self._server.stop()
        self.application.stop()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    clip = tmp_path_factory.mktemp("clip") / "rest.mp4"
    with av.open(str(DEMO_CLIP)) as given, av.open(str(clip), "w") as made:
        stream = made.add_stream("libx264", rate=15, options={"preset": "ultrafast", "crf": "16"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for number, frame in enumerate(given.decode(video=0)):
            if frame.time is not None and frame.time > REST_S[1]:
                break
            if frame.time is not None and frame.time > REST_S[0] and number % 2 == 0:
                made.mux(stream.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"))))
        made.mux(stream.encode(None))
    running = Program(clip, tmp_path_factory.mktemp("sessions"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def open_page(browser: Any, program: Program) -> Any:
    page = browser
    page.set_default_timeout(WAIT_MS)
    page.goto(program.url)
    page.locator(LIVE).wait_for()
    return page


def picture(page: Any) -> npt.NDArray[np.int64]:
    """What the video shows now, (H,W,3)."""
    page.evaluate(WATCH_PICTURES, 3)
    coded = base64.b64decode(page.evaluate(READ).split(",")[1])
    image = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image[..., ::-1].astype(int)


def until(page: Any, condition: Callable[[npt.NDArray[np.int64]], bool], what: str) -> npt.NDArray[np.int64]:
    """The first of the next pictures that fulfils a condition."""
    for _ in range(60):
        seen = picture(page)
        if condition(seen):
            return seen
    raise AssertionError(f"never seen: {what}")


def painted(image: npt.NDArray[np.int64]) -> int:
    """How many pixels around the face have the colour that the first face is painted in."""
    middle = image[100:400, 150:500]
    return int((np.abs(middle - FACE_1).max(axis=-1) < 40).sum())


def bluish(image: npt.NDArray[np.int64]) -> float:
    """How blue the middle of the picture is: skin is not, the lines of a mesh are."""
    middle = image[180:380, 240:400]
    return float((middle[..., 2] - middle[..., 0]).mean())


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_from_consent_to_a_deleted_recording(browser: Any, program: Program) -> None:
    with new_page(browser) as blank:
        page = open_page(blank, program)

        # consent, then the camera's picture
        page.locator("#consent").wait_for()
        assert CAMERA in page.locator("#consent").inner_text()
        assert page.locator("#camera-on").is_hidden()
        assert page.locator(".face").count() == 0
        agree(page, "research")
        page.locator("#camera-on").wait_for()
        page.locator(".face").wait_for()
        wait_for(page, "document.querySelector('.strongest')")
        plain = until(page, lambda seen: seen.shape[0] > 500, "a picture with the strip")

        # each layer, in the pixels
        press(page, "Strip")
        seen = until(page, lambda seen: seen.shape[0] == 480, "the picture without the strip")
        press(page, "Mesh")
        with_mesh = until(page, lambda now: bluish(now) > bluish(seen) + 4, "the mesh")
        press(page, "Mesh")
        until(page, lambda now: bluish(now) < bluish(with_mesh) - 4, "the picture without the mesh")
        press(page, "Box")
        until(page, lambda now: painted(now) < 60, "the picture without the box")
        dark = plain[20:150, 20:140].mean()
        press(page, "Bars")
        bare = until(page, lambda now: now[20:150, 20:140].mean() > dark + 25, "the picture without the bars")
        press(page, "Mirror")
        until(
            page,
            lambda now: np.abs(now[:, ::-1] - bare).mean() < np.abs(now - bare).mean() / 2,
            "the mirrored picture",
        )
        for name in ("Mirror", "Bars", "Box", "Strip"):
            press(page, name)
        until(page, lambda now: now.shape == plain.shape and painted(now) > 60, "all as before")
        page.locator(".face").wait_for()

        # inside the model
        page.get_by_role("button", name="Show how alike").click()
        page.locator(".matrix canvas").wait_for()
        assert "0 to 15" in page.locator(".matrix figcaption").inner_text()

        # the neutral face
        tab(page, "Personal")
        page.locator("#neutral [data-do=start]").click()
        page.locator("#guide:has-text('Relax your face')").wait_for()
        shot(page, "live-calibration")
        page.locator("#neutral:has-text('against your resting face')").wait_for()
        tab(page, "Now")
        page.locator(".face h2:has-text('neutral face set')").wait_for()

        # the session
        recorded(page)

        # the status
        tab(page, "Status")
        page.locator("#facts:has-text('this browser')").wait_for()
        facts = page.locator("#facts").inner_text()
        assert "ifdd-stream" in facts
        assert "trained" in facts
        shot(page, "live-status")
        tab(page, "Now")
        shot(page, "live")


def recorded(page: Any) -> None:
    """Start, marker, a range left out, stop, the files, delete."""
    tab(page, "Session")
    panel = page.locator("#session")
    assert "No pictures" in panel.inner_text()
    panel.get_by_label("I agree").check()
    panel.get_by_role("button", name="Start recording").click()
    page.locator("#recording-on").wait_for()
    page.locator("h1").click()
    page.keyboard.press("m")
    panel.locator(".notes:has-text('marker 1')").wait_for()
    page.keyboard.press("x")
    panel.locator(".excluding").wait_for()
    page.keyboard.press("x")
    panel.locator(".notes:has-text('left out')").wait_for()
    wait_for(page, "/[1-9][0-9]* results/.test(document.querySelector('#session .told').textContent)")
    panel.get_by_role("button", name="Stop recording").click()
    page.locator("#recording-on").wait_for(state="hidden")
    item = page.locator(".recordings li")
    item.wait_for()
    texts = {}
    for name in ("CSV", "JSONL", "Report"):
        with page.expect_download() as download:
            item.get_by_role("link", name=name).click()
        texts[name] = Path(download.value.path()).read_text(encoding="utf-8")
    rows = list(csv.DictReader(line for line in texts["CSV"].splitlines() if not line.startswith("#")))
    assert rows
    events = [json.loads(line) for line in texts["JSONL"].splitlines()]
    assert any("probabilities" in each for each in events)
    assert any("marker 1" in str(each) for each in events)
    assert texts["Report"].lstrip().lower().startswith("<!doctype html")
    item.get_by_role("button", name="Delete").click()
    item.get_by_role("button", name="Delete for good").click()
    item.wait_for(state="detached")


def test_two_viewers_and_a_program_that_is_started_again(browser: Any, program: Program) -> None:
    with new_page(browser) as first_blank, new_page(browser) as second_blank:
        first, second = open_page(first_blank, program), open_page(second_blank, program)
        for page in (first, second):
            if page.locator("#consent").is_visible():
                agree(page)
            page.locator(".face").wait_for()
        status = first.evaluate("fetch('/api/status').then((answer) => answer.json())")
        assert status["viewers"]["now"] == 2
        assert len(status["encoders"]) == 1
        press(first, "Bars")
        second.locator("[data-layer=bars][aria-pressed=false]").wait_for()
        program.restart()
        for page in (first, second):
            page.locator("#state[data-state=reconnecting], #consent:not([hidden])").first.wait_for()
            page.locator(LIVE).wait_for()
        # a program that was started again has not been told that its camera may open
        first.locator("#consent:not([hidden])").wait_for()
        assert first.locator(".face").count() == 0
        agree(first)
        for page in (first, second):
            page.locator(".face").wait_for()
            assert len(page.evaluate(WATCH_PICTURES, 10)) == 10
