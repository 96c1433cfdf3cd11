"""From a picture's capture to the browser that shows it, told by a barcode in the picture's pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from realtime import barcode
from realtime.chromium import chromium
from realtime.clock import now_ns
from realtime.config import Config
from realtime.errors import IfddLiveError
from realtime.serving.app import Server
from realtime.serving.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Page

WARM_UP_S = 2.0
CLOCK_ROUNDS = 60
CLICKS = 3
LIVE_TIMEOUT_MS = 20_000

# For each picture shown: the times of the callback and of its last packet, how many were presented, and the
# barcode's cells as grey values.
COLLECT = """([cells, side]) => {
  const video = document.getElementById("video");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [cells * side, side];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  window.benchShown = [];
  const shown = (_, { presentedFrames, receiveTime }) => {
    const now = performance.now();
    context.drawImage(video, 0, 0, cells * side, side, 0, 0, cells * side, side);
    const row = context.getImageData(0, side / 2, cells * side, 1).data;
    const grey = [];
    for (let cell = 0; cell < cells; cell += 1) grey.push(row[(cell * side + side / 2) * 4 + 1]);
    window.benchShown.push([now, receiveTime ?? now, presentedFrames, grey]);
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
}"""

STATUS = "fetch('/api/status').then((answer) => answer.json())"

# Presses stop, then start, and waits for the first picture of the new connection.
CLICK = """async () => {
  const [video, toggle] = [document.getElementById("video"), document.getElementById("toggle")];
  toggle.click();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const clicked = performance.now();
  toggle.click();
  await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  return performance.now() - clicked;
}"""


class Serves(Protocol):
    """What a server of pictures can do."""

    url: str

    def start(self) -> None:
        """Starts to serve and waits until the port is open."""

    def stop(self) -> bool:
        """Ends it."""


def clock_offset(page: Page) -> tuple[float, float]:
    """The browser's clock minus ours in ms, and how wrong that can be at most.

    The shortest of many round trips bounds the error by half its length.
    """
    best = (0.0, float("inf"))
    for _ in range(CLOCK_ROUNDS):
        before = now_ns()
        there = float(page.evaluate("performance.now()"))
        after = now_ns()
        half_ms = (after - before) / 2e6
        if half_ms < best[1]:
            best = (there - (before + after) / 2e6, half_ms)
    return best


def summary(shown: Sequence[Sequence[Any]], offset_ms: float) -> dict[str, Any]:
    """Rate and latency of the pictures that the browser showed.

    Args:
        shown: for each callback its time and that of the picture's last packet in ms, the count of
            pictures presented so far, and the grey value of each cell of the barcode.
        offset_ms: the browser's clock minus ours.

    Raises:
        IfddLiveError: fewer than two pictures carried a readable barcode.
    """
    ages: list[float] = []
    received: list[float] = []
    times: list[float] = []
    unreadable = 0
    for callback_ms, received_ms, _, grey in shown:
        row = np.repeat(np.array(grey, np.uint8), barcode.CELL_SIDE)
        value = barcode.read(np.tile(row, (barcode.CELL_SIDE, 1)))
        if value is None:
            unreadable += 1
            continue
        ours = (callback_ms - offset_ms) * 1e6 / barcode.TICK_NS
        # the barcode starts again now and then: the age is the smallest that fits, and it is rounded down
        ages.append(((ours - value) % barcode.TICKS - 0.5) * barcode.TICK_NS / 1e6)
        received.append(ages[-1] - (callback_ms - received_ms))
        times.append(callback_ms)
    if len(ages) < 2:
        raise IfddLiveError(f"latency: expected pictures with a barcode, got {len(ages)} of {len(shown)}")
    median, p95 = np.percentile(ages, [50, 95])
    gaps = np.diff(times)
    return {
        "pictures": len(ages),
        "unreadable": unreadable,
        # what the browser presented; a busy page is not called back for each of them
        "fps": round((shown[-1][2] - shown[0][2]) * 1000 / (shown[-1][0] - shown[0][0]), 2),
        "callbacks_per_s": round((len(times) - 1) * 1000 / (times[-1] - times[0]), 2),
        "longest_gap_ms": round(float(gaps.max()), 1),
        "latency_ms": {
            "median": round(float(median), 1),
            "p95": round(float(p95), 1),
            "max": round(float(max(ages)), 1),
        },
        "received_ms": {
            "median": round(float(np.median(received)), 1),
            "p95": round(float(np.percentile(received, 95)), 1),
        },
    }


def measure_latency(
    served: Served,
    config: Config,
    seconds: float,
    make_server: Callable[[Served, Config], Serves] = Server,
) -> dict[str, Any]:
    """Serves `served` with a barcode in each picture, shows it in Chromium, and measures for `seconds`.

    The time counts from a picture's capture time to the browser's requestVideoFrameCallback, on the
    product's own page. The streams must be running.

    Raises:
        IfddLiveError: the server cannot start, a browser is missing, or no picture arrives.
    """
    wrapped = barcode.BarcodedServed(served)
    server = make_server(wrapped, config)
    try:
        server.start()
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(server.url)
            page.locator("#state[data-state=live]").wait_for(timeout=LIVE_TIMEOUT_MS)
            page.wait_for_timeout(WARM_UP_S * 1000)
            page.evaluate(COLLECT, [barcode.CELLS, barcode.CELL_SIDE])
            earlier = page.evaluate(STATUS)
            before = clock_offset(page)
            page.wait_for_timeout(seconds * 1000)
            shown = page.evaluate("window.benchShown")
            after = clock_offset(page)
            status = page.evaluate(STATUS)
            clicks = sorted(float(page.evaluate(CLICK)) for _ in range(CLICKS))
    finally:
        server.stop()
        wrapped.close()
    found = summary(shown, (before[0] + after[0]) / 2)
    found["clock_error_ms"] = round(max(before[1], after[1]) + abs(before[0] - after[0]) / 2, 2)
    found["click_to_picture_ms"] = {"median": round(clicks[CLICKS // 2]), "max": round(clicks[-1])}
    found["rates"], found["stages_ms"] = status.get("rates"), status.get("latency_ms")
    found["encoders"] = status.get("encoders")
    found["drops"] = {  # meanwhile; what was dropped before is start-up
        name: count - earlier["drops"].get(name, 0) for name, count in status.get("drops", {}).items()
    }
    return found
