"""The program's picture published to a real media server, watched behind it by a real browser.

The short form sees one crash of the media server; the long one, a minute with one, runs nightly.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.chromium import chromium, find_chromium
from realtime.picture.split_strip import strip_height
from tests.janus import JANUS, TOKEN, Door, Janus
from tests.program import Program
from tests.test_browser import WATCH_PICTURES, new_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
if JANUS is None:
    pytest.skip("no janus on the PATH (Debian: apt install janus)", allow_module_level=True)
if find_chromium() is None and not os.environ.get("CI"):
    pytest.skip("no Chromium on the PATH", allow_module_level=True)

# how many of 20 pictures of the video differ
MOVES = """() => new Promise((resolve) => {
  const video = document.getElementById("video"), canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 48];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const seen = new Set();
  let left = 20;
  const shown = () => {
    context.drawImage(video, 0, 0, 64, 48);
    seen.add(context.getImageData(0, 0, 64, 48).data.join());
    if (--left) video.requestVideoFrameCallback(shown);
    else resolve(seen.size);
  };
  video.requestVideoFrameCallback(shown);
})"""
READ_RESULT = "window.results.filter((each) => each.probabilities).at(-1)"
# the strip's bluest and most orange mark; how bright it is in the bars' panel and beside it
READ_PAINT = """(strip) => {
  const video = document.getElementById("video"), canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [640, 480 + strip];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0);
  const read = (...place) => context.getImageData(...place).data;
  const lean = read(0, 480, 640, strip).reduce(
    ([low, high], _, index, data) => index % 4 ? [low, high]
      : [Math.min(low, data[index + 2] - data[index]), Math.max(high, data[index + 2] - data[index])],
    [0, 0]);
  const mean = (data) => data.reduce((sum, value, index) => index % 4 < 3 ? sum + value : sum) / data.length;
  return [...lean, mean(read(20, 20, 100, 100)), mean(read(20, 160, 100, 100))];
}"""


@pytest.fixture
def janus(tmp_path: Path) -> Iterator[Janus]:
    made = Janus(tmp_path)
    made.start()
    yield made
    made.kill()


def until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0, every_s: float = 0.1) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(every_s)


def wait_until_it_is(here: Program, state: str, timeout_s: float = 60.0) -> None:
    until(lambda: here.status()["publish"]["state"] == state, f"never {state}", timeout_s)


def is_annotated(page: Any) -> bool:
    """Whether bars and strip are there now; they go while the clip's face is not seen for a whole window."""
    orange, blue, panel, beside = page.evaluate(READ_PAINT, strip_height(640))
    return bool(blue > 60 and orange < -60 and panel < beside - 15)


def check_page(page: Any, here: Program, pictures: int) -> None:
    """The page, which is behind the media server, shows a moving annotated picture and gets results."""
    joined = None

    def annotated() -> bool:
        nonlocal joined
        connection = here.status()["publish"]["reconnects"]
        if joined != connection:  # also where a machine that stood still for some seconds has lost it
            joined = connection
            page.evaluate("start()")
        return is_annotated(page)

    until(annotated, "no bars and no strip in the picture", timeout_s=120, every_s=1.0)
    assert page.evaluate(MOVES) > 10, "the picture stands still"
    assert max(page.evaluate(WATCH_PICTURES, pictures)) < 2000, "the picture froze"
    page.wait_for_function(READ_RESULT)
    result = page.evaluate(READ_RESULT)
    assert result["trained"] is True
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    "pictures", [30, pytest.param(900, marks=pytest.mark.nightly)], ids=["short", "a minute"]
)
def test_a_browser_behind_the_media_server_sees_the_picture_and_again_after_a_crash(
    janus: Janus, tmp_path: Path, pictures: int
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    # a busy machine leaves gaps between crops, and this is not about them
    options = ("--source", "demo", "--silence-seconds", "2", "--gap-seconds", "3")
    with (
        Door(janus) as door,
        Program(*options, "--publish", door.whip, "--publish-token", f"@{tmp_path / 'token'}") as here,
        chromium() as browser,
        new_page(browser) as page,
    ):
        page.set_default_timeout(60_000)
        wait_until_it_is(here, "live")
        page.goto(door.watch)
        check_page(page, here, pictures)
        status = here.status()
        assert status["publish"]["results"] is True
        assert status["publish"]["keyframe_requests"] > 0, "the browser's wish for a keyframe came not here"
        assert [each["codec"] for each in status["encoders"]] == ["H264"]

        janus.kill()
        wait_until_it_is(here, "waiting", timeout_s=30)
        janus.start()
        wait_until_it_is(here, "live")
        page.evaluate("window.results = []")
        check_page(page, here, pictures)
        published = here.status()["publish"]
        assert published["reconnects"] >= 1
        assert published["failures"] >= 1
        assert published["sent"] > 2 * pictures
        assert here.end() == 0
        assert TOKEN not in "".join(here.errors)
    assert door.count("DELETE", 200) >= 1, "the session was not ended"
