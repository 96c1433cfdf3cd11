"""A stream published to a real media server, watched behind it by a real browser.

The short form sees one crash of the media server; the long one, a minute with one, runs nightly.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.chromium import chromium, find_chromium
from tests.janus import JANUS, TOKEN, Door, Janus
from tests.picture_producer import PATCH_RGB, PATCH_SIDE
from tests.site import Site, site
from tests.test_browser import READ_COLOUR, WATCH_PICTURES, new_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
if JANUS is None:
    pytest.skip("no janus on the PATH (Debian: apt install janus)", allow_module_level=True)
if find_chromium() is None and not os.environ.get("CI"):
    pytest.skip("no Chromium on the PATH", allow_module_level=True)

# how many of 20 pictures of the video differ
MOVES = """() => new Promise((resolve) => {
  const video = document.getElementById("video"), canvas = document.createElement("canvas");
  canvas.width = canvas.height = 16;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const seen = new Set();
  let left = 20;
  const shown = () => {
    context.drawImage(video, 0, 0, 16, 16);
    seen.add(context.getImageData(0, 0, 16, 16).data.join());
    if (--left) video.requestVideoFrameCallback(shown);
    else resolve(seen.size);
  };
  video.requestVideoFrameCallback(shown);
})"""


@pytest.fixture
def janus(tmp_path: Path) -> Iterator[Janus]:
    made = Janus(tmp_path)
    made.start()
    yield made
    made.kill()


def until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def published(where: Site) -> dict[str, Any]:
    found: dict[str, Any] = where.json("/api/status")["publish"]
    return found


def check_picture(page: Any) -> None:
    """The page's video moves and shows what was painted here."""
    assert page.evaluate(MOVES) > 10, "the picture stands still"
    colour = np.array(page.evaluate(READ_COLOUR, [20, 240 - PATCH_SIDE + 20, PATCH_SIDE - 40]))
    assert np.abs(colour - PATCH_RGB).max() < 40, f"another picture than ours: {colour}"


@pytest.mark.parametrize(
    "pictures", [30, pytest.param(900, marks=pytest.mark.nightly)], ids=["short", "a minute"]
)
def test_a_browser_behind_the_media_server_sees_the_picture_and_again_after_a_crash(
    janus: Janus, pictures: int
) -> None:
    with (
        Door(janus) as door,
        site(pictures=True, publish=door.whip, publish_token=TOKEN, silence_seconds=1.0) as here,
        chromium() as browser,
        new_page(browser) as page,
    ):
        until(lambda: published(here)["state"] == "live", "never live")
        page.set_default_timeout(60_000)
        page.goto(door.watch)
        page.evaluate("start()")
        check_picture(page)
        assert max(page.evaluate(WATCH_PICTURES, pictures)) < 2000, "the picture froze"
        page.wait_for_function("window.results.some((each) => each.probabilities)")
        status = published(here)
        assert status["results"] is True
        assert status["results_sent"] > 0
        assert status["keyframe_requests"] > 0, "the browser behind the media server got no keyframe"

        janus.kill()
        until(lambda: published(here)["state"] == "waiting", "the loss was not noticed", timeout_s=15)
        janus.start()
        until(lambda: published(here)["state"] == "live", "never live again")
        page.evaluate("start()")
        check_picture(page)
        assert max(page.evaluate(WATCH_PICTURES, pictures)) < 2000, "the picture froze"
        status = published(here)
        assert status["reconnects"] == 1
        assert status["failures"] >= 1
        assert status["sent"] > 2 * pictures
        assert [each["codec"] for each in here.json("/api/status")["encoders"]] == ["H264"]
    assert door.count("DELETE", 200) == 1, "the session was not ended"
