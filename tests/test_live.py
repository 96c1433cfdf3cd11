"""The whole program as a newcomer starts it, watched by a real headless Chromium."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from realtime.chromium import chromium, find_chromium
from realtime.picture.split_strip import strip_height
from tests.test_browser import WATCH_PICTURES, agree, new_page, watch

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
if find_chromium() is None and not os.environ.get("CI"):
    pytest.skip("no Chromium on the PATH", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "assets" / "demo" / "demo.mp4"
TURNS_S = (16.2, 23.2)  # of the demo clip: the head turns left, then right

# A square of the shown video as rows of [r, g, b].
READ_PIXELS = """([x, y, width, height]) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.drawImage(document.getElementById("video"), x, y, width, height, 0, 0, width, height);
  return Array.from(context.getImageData(0, 0, width, height).data);
}"""

COLLECT_RESULTS = """() => {
  window.results = [];
  new EventSource("/events").onmessage = (event) => window.results.push(JSON.parse(event.data));
}"""


@pytest.fixture
def run_program() -> Iterator[Callable[..., str]]:
    """Starts run_stream.py with options, gives the address it prints; ends it by SIGTERM, cleanly."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: str) -> str:
        program = subprocess.Popen(
            [sys.executable, "run_stream.py", "--port", "0", *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(program)
        assert program.stdout is not None
        for line in program.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                return found.group()
        raise AssertionError(f"no address; {program.communicate()[1]}")

    yield start
    for program in running:
        program.send_signal(signal.SIGTERM)
        _, errors = program.communicate(timeout=30)
        assert program.returncode == 0
        assert "Traceback" not in errors
        assert "ERROR" not in errors


@pytest.fixture(scope="module")
def turns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part of the demo clip in which the head turns left and right."""
    path = tmp_path_factory.mktemp("clip") / "turns.mp4"
    with av.open(str(DEMO)) as given, av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for frame in given.decode(video=0):
            if frame.time is not None and TURNS_S[0] <= frame.time < TURNS_S[1]:
                made.mux(stream.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"))))
        made.mux(stream.encode(None))
    return path


def pixels(page: Any, x: int, y: int, width: int, height: int) -> np.ndarray:  # type: ignore[type-arg]
    data = np.array(page.evaluate(READ_PIXELS, [x, y, width, height]), int)
    return data.reshape(height, width, 4)[..., :3]


def check_overlay(page: Any) -> None:
    """The page's own pixels show the bars' panel and an ISSM strip with both groups."""
    strip = pixels(page, 0, 480, 640, strip_height(640))
    assert (strip[..., 2] - strip[..., 0]).max() > 60, "no static (blue) mark in the strip"
    assert (strip[..., 0] - strip[..., 2]).max() > 60, "no dynamic (orange) mark in the strip"
    panel, beside = pixels(page, 20, 20, 100, 100), pixels(page, 20, 160, 100, 100)
    assert panel.mean() < beside.mean() - 25, "no darkened panel behind the bars"


def test_chromium_watches_the_clip_and_results_follow_its_schedule(
    run_program: Callable[..., str], turns: Path
) -> None:
    url = run_program("--source", str(turns), "--loop")
    with chromium() as browser, new_page(browser) as page:
        page.set_default_timeout(60_000)
        watch(page, url)
        assert page.evaluate("document.getElementById('video').videoHeight") == 480 + strip_height(640)
        page.locator(".face").wait_for()
        page.evaluate(COLLECT_RESULTS)
        gaps = page.evaluate(WATCH_PICTURES, 120)
        assert max(gaps) < 2000, "the picture froze"
        page.wait_for_function(
            "() => window.results.filter((r) => r.label).some((r) => r.quality.yaw_deg > 10)"
            " && window.results.filter((r) => r.label).some((r) => r.quality.yaw_deg < -10)"
        )
        check_overlay(page)
        results = [each for each in page.evaluate("window.results") if "label" in each]
        assert {each["trained"] for each in results} == {True}, "the shipped weights are not served"
        assert len({json_key(each["probabilities"]) for each in results}) > 5, "probabilities never change"
        bars = page.locator(".face").first.inner_text()
        assert "happy" in bars
        status = page.evaluate("fetch('/api/status').then((r) => r.json())")
        assert status["viewers"]["each"][0]["results_sent"] > 5, "nothing on the data channel"


def json_key(probabilities: dict[str, float]) -> tuple[float, ...]:
    return tuple(probabilities.values())


def test_the_viewers_own_face_comes_back_annotated(run_program: Callable[..., str], tmp_path: Path) -> None:
    camera = tmp_path / "camera.mjpeg"
    write_face_camera(camera)
    url = run_program("--source", "browser")
    with (
        chromium(
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
        ) as browser,
        new_page(browser) as page,
    ):
        page.set_default_timeout(60_000)
        watch(page, url)
        agree(page)
        page.locator("#camera-on").wait_for()
        page.locator(".face").wait_for()
        page.evaluate(WATCH_PICTURES, 30)
        check_overlay(page)
        page.get_by_role("button", name="Stop").click()
        page.locator("#camera-on").wait_for(state="hidden")


def write_face_camera(path: Path) -> None:
    """Two seconds of the demo clip as a file that Chromium plays as a camera."""
    data = b""
    with av.open(str(DEMO)) as clip:
        for number, frame in enumerate(clip.decode(video=0)):
            image = cv2.cvtColor(frame.to_ndarray(format="rgb24"), cv2.COLOR_RGB2BGR)
            data += cv2.imencode(".jpg", image)[1].tobytes()
            if number == 60:
                break
    path.write_bytes(data)
