"""The page in a real headless Chromium, driven through Playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from realtime.chromium import chromium, find_chromium
from realtime.config import Config
from realtime.serving.app import Server
from tests.picture_producer import PATCH_RGB, PATCH_SIDE, PUSHED_RGB, ProducerServed, ProducerStream

pytestmark = pytest.mark.browser
if find_chromium() is None and not os.environ.get("CI"):
    pytest.skip("no Chromium on the PATH", allow_module_level=True)

CAMERA_RGB = (30, 60, 200)
LIVE = "#state[data-state=live]"

# What the page shows, read from its pixels: the mean colour of a square of the video.
READ_COLOUR = """([x, y, side]) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  context.drawImage(document.getElementById("video"), x, y, side, side, 0, 0, side, side);
  const { data } = context.getImageData(0, 0, side, side);
  const sums = [0, 0, 0];
  data.forEach((value, index) => { if (index % 4 < 3) sums[index % 4] += value; });
  return sums.map((sum) => (sum * 4) / data.length);
}"""

# The time between pictures over some seconds, in ms.
WATCH_PICTURES = """(count) => new Promise((resolve) => {
  const video = document.getElementById("video");
  const gaps = [];
  let before = 0;
  const shown = (now) => {
    if (before) gaps.push(now - before);
    before = now;
    if (gaps.length >= count) resolve(gaps);
    else video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
})"""


class Site:
    """A server with a producer behind it, which can be stopped and started again on its port."""

    def __init__(self) -> None:
        self.stream = ProducerStream().start()
        self.served = ProducerServed(self.stream)
        self.server = Server(self.served, Config(port=0))
        self.server.start()
        self.url = self.server.url

    def restart(self) -> None:
        assert self.server.stop()
        self.server = Server(self.served, Config(port=int(self.url.rsplit(":", 1)[1])))
        self.server.start()

    def stop(self) -> None:
        assert self.server.stop()
        self.stream.stop()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    write_camera(path)
    with chromium(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={path}",
    ) as running:
        yield running


def write_camera(path: Path) -> None:
    """A camera's pictures as a file that Chromium plays in a loop: one colour with a moving line."""
    data = b""
    for number in range(20):
        image = np.full((480, 640, 3), CAMERA_RGB, np.uint8)
        image[:, number * 20 : number * 20 + 8] = 255
        done, coded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        assert done
        data += coded.tobytes()
    path.write_bytes(data)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    with new_page(browser) as made:
        yield made


class new_page:  # noqa: N801  (used as a with statement)
    """A page of its own that fails the test when its scripts complain."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self._context = browser.new_context(**options)
        self._complaints: list[str] = []

    def __enter__(self) -> Any:
        page = self._context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("console", self._on_console)
        return page

    def __exit__(self, *_: object) -> None:
        self._context.close()
        assert self._complaints == []

    def _on_console(self, message: Any) -> None:
        # a server that is away makes the browser complain, and that is not the page's fault
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self._complaints.append(message.text)


def watch(page: Any, url: str) -> None:
    page.goto(url)
    page.locator(LIVE).wait_for()


def agree(page: Any, purpose: str = "personal") -> None:
    """Answers the question before a camera opens."""
    page.get_by_label("What is this for?").select_option(purpose)
    page.get_by_role("button", name="Turn the camera on").click()


def patch_colour(page: Any) -> Any:
    return np.array(page.evaluate(READ_COLOUR, [20, 480 - PATCH_SIDE + 20, PATCH_SIDE - 40]))


def test_pictures_keep_coming_and_show_what_the_server_painted(page: Any, site: Site) -> None:
    watch(page, site.url)
    gaps = page.evaluate(WATCH_PICTURES, 100)
    assert max(gaps) < 1000, "the picture froze"
    assert 25 < np.median(gaps) < 50
    assert np.abs(patch_colour(page) - PATCH_RGB).max() < 14
    assert page.evaluate("document.getElementById('video').videoWidth") == 640


def test_bars_strip_and_label_follow_the_results(page: Any, site: Site) -> None:
    watch(page, site.url)
    face = page.locator(".face")
    face.wait_for()
    first = face.locator(".label").text_content()
    page.locator(f".face .label:not(:text-is({first!r}))").wait_for()
    name = page.locator(".bars .strongest").first.get_attribute("data-name")
    meter = page.locator(f".bars [data-name={name}] [role=meter]")
    assert int(meter.get_attribute("aria-valuenow")) == 60
    assert page.locator(".bars li").count() == 7
    assert page.locator("#issm rect.static").count() == 8
    assert page.locator("#issm path.dynamic").count() == 8
    assert "static 0.0  2.1" in page.locator(".numbers").text_content()


def test_the_status_line_tells_source_model_and_rates(page: Any, site: Site) -> None:
    watch(page, site.url)
    page.get_by_role("tab", name="Status").click()
    page.locator("#facts :text('untrained weights')").wait_for()
    assert page.locator("#facts :text('too slow')").count() == 0
    site.stream.keeps_up = False
    page.locator("#facts :text('this machine is too slow for more')").wait_for()
    page.locator("#facts :text-matches('2[5-9]\\\\.|3[0-2]\\\\.')").first.wait_for()
    facts = page.locator("#facts").text_content()
    assert "pattern, cpu" in facts
    assert "/s" in facts
    words = page.locator("body").inner_text().lower()
    assert "a facial expression is not a feeling" in words
    assert "you feel" not in words
    assert "emotion" not in words


def test_stop_leaves_nothing_stale_and_start_watches_again(page: Any, site: Site) -> None:
    watch(page, site.url)
    page.locator(".face").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.locator("#state[data-state=stopped]").wait_for()
    assert page.locator(".face").count() == 0
    assert page.evaluate("document.getElementById('video').srcObject") is None
    assert not page.locator("#video").is_visible()
    page.wait_for_timeout(300)
    assert page.evaluate("fetch('/api/status').then((r) => r.json())")["viewers"]["now"] == 0
    page.get_by_role("button", name="Start").click()
    page.locator(LIVE).wait_for()
    page.locator(".face").wait_for()


def test_the_page_connects_again_after_the_server_was_away(page: Any, site: Site) -> None:
    watch(page, site.url)
    page.locator(".face").wait_for()
    site.restart()
    page.locator("#state[data-state=reconnecting]").wait_for()
    page.locator(LIVE).wait_for()
    page.locator(".face").wait_for()
    gaps = page.evaluate(WATCH_PICTURES, 10)
    assert max(gaps) < 1000


def test_results_that_stop_do_not_stay_on_screen(page: Any, site: Site) -> None:
    watch(page, site.url)
    page.locator(".face").wait_for()
    site.stream.quiet = True
    page.locator("#nobody").wait_for()
    page.wait_for_function("document.querySelectorAll('.face').length === 0")


def test_a_picture_of_another_size_is_shown_without_a_new_connection(page: Any, site: Site) -> None:
    watch(page, site.url)
    # a hidden page does not take a stall of a busy machine for a lost connection
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")
    site.stream.size_wh = (1280, 864)
    page.evaluate("""() => new Promise((resolve) => {
      const video = document.getElementById("video");
      const check = () => (video.videoWidth === 1280 ? resolve() : setTimeout(check, 50));
      check();
    })""")
    page.evaluate(WATCH_PICTURES, 20)
    colour = np.array(page.evaluate(READ_COLOUR, [20, 864 - PATCH_SIDE + 20, PATCH_SIDE - 40]))
    assert np.abs(colour - PATCH_RGB).max() < 14
    status = page.evaluate("fetch('/api/status').then((r) => r.json())")
    assert status["viewers"]["now"] == 1
    assert status["viewers"]["ended"] == {}
    assert status["encoders"][0]["size"] == [1280, 864]


def test_two_viewers_share_one_encoder(browser: Any, site: Site) -> None:
    with new_page(browser) as first, new_page(browser) as second:
        watch(first, site.url)
        watch(second, site.url)
        first.evaluate(WATCH_PICTURES, 10)
        second.evaluate(WATCH_PICTURES, 10)
        status = first.evaluate("fetch('/api/status').then((r) => r.json())")
        assert status["viewers"]["now"] == 2
        assert len(status["encoders"]) == 1


def test_it_fits_a_phone(browser: Any, site: Site) -> None:
    with new_page(browser, viewport={"width": 360, "height": 780}, color_scheme="dark") as page:
        watch(page, site.url)
        page.locator(".face").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_viewers_own_camera_is_sent_on_a_click_and_comes_back(page: Any, site: Site) -> None:
    watch(page, site.url)
    assert not page.locator("#camera-on").is_visible()
    page.get_by_label("Source").select_option("browser")
    assert site.stream.source == "demo", "the camera was used before it was allowed"
    agree(page)
    page.locator("#camera-on").wait_for()
    page.wait_for_timeout(200)
    wait_for_pushes(page, site)
    centre = np.array(page.evaluate(READ_COLOUR, [420, 100, 100]))
    assert np.abs(patch_colour(page) - PUSHED_RGB).max() < 14, "not painted by the server"
    assert np.abs(centre - CAMERA_RGB).max() < 40, "not the camera's picture"

    page.get_by_label("Source").select_option("demo")
    page.locator("#camera-on").wait_for(state="hidden")
    status = page.evaluate("fetch('/api/status').then((r) => r.json())")
    assert status["senders"] == []
    assert status["source"]["source"] == "demo"


def test_the_camera_is_offered_again_after_stop_and_start(page: Any, site: Site) -> None:
    watch(page, site.url)
    page.get_by_label("Source").select_option("browser")
    agree(page)
    wait_for_pushes(page, site)
    page.get_by_role("button", name="Stop").click()
    page.locator("#camera-on").wait_for(state="hidden")
    assert not page.locator("#consent").is_visible()
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Turn the camera on").click()
    page.locator("#camera-on").wait_for()
    pushed = site.stream.pushed.put_count
    page.locator(LIVE).wait_for()
    page.evaluate(WATCH_PICTURES, 60)
    assert site.stream.pushed.put_count > pushed


def test_a_camera_whose_connection_was_lost_is_sent_again(page: Any, site: Site) -> None:
    watch(page, site.url)
    page.get_by_label("Source").select_option("browser")
    agree(page)
    wait_for_pushes(page, site)
    site.restart()
    page.locator("#state[data-state=reconnecting]").wait_for()
    pushed = site.stream.pushed.put_count
    page.locator(LIVE).wait_for()
    wait_for_pushes(page, site, pushed)
    assert page.locator("#camera-on").is_visible()


def wait_for_pushes(page: Any, site: Site, before: int = 0) -> None:
    for _ in range(100):
        if site.stream.pushed.put_count > before + 30:
            page.evaluate(WATCH_PICTURES, 5)
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"expected more than 30 pushed pictures, got {site.stream.pushed.put_count}")


def test_a_camera_that_is_not_wanted_stays_off(page: Any, site: Site) -> None:
    watch(page, site.url)
    page.get_by_label("Source").select_option("browser")
    page.get_by_role("button", name="Not now").click()
    assert not page.locator("#consent").is_visible()
    page.wait_for_timeout(1200)
    assert page.get_by_label("Source").input_value() == "demo"
    assert site.stream.source == "demo"


def test_a_source_that_fails_is_told_in_words(page: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        ProducerStream,
        "sources",
        lambda self: [{"source": "/dev/none", "name": "None"}, {"source": "demo", "name": "Demo"}],
    )
    watch(page, site.url)
    page.locator("#source:enabled").wait_for()
    page.get_by_label("Source").select_option("/dev/none")
    page.locator("#message:has-text(\"got '/dev/none'\")").wait_for()
