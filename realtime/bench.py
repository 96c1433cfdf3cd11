"""Measures the live path: `python -m realtime.bench latency`."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from realtime import barcode
from realtime.chromium import chromium
from realtime.clock import now_ns
from realtime.config import Config
from realtime.errors import ConfigError, IfddLiveError, OutputError
from realtime.serving.app import Server
from realtime.serving.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Page

WARM_UP_S = 2.0
READY_TIMEOUT_S = 60.0
CLOCK_ROUNDS = 60

# For each picture shown: the time of the callback, and the barcode's cells as grey values.
COLLECT = """([cells, side]) => {
  const video = document.getElementById("video");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [cells * side, side];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  window.benchShown = [];
  const shown = (_, { presentedFrames }) => {
    const now = performance.now();
    context.drawImage(video, 0, 0, cells * side, side, 0, 0, cells * side, side);
    const row = context.getImageData(0, side / 2, cells * side, 1).data;
    const grey = [];
    for (let cell = 0; cell < cells; cell += 1) grey.push(row[(cell * side + side / 2) * 4 + 1]);
    window.benchShown.push([now, presentedFrames, grey]);
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
}"""


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
        shown: for each callback its time in ms, the count of pictures presented so far, and the grey
            value of each cell of the barcode.
        offset_ms: the browser's clock minus ours.

    Raises:
        IfddLiveError: fewer than two pictures carried a readable barcode.
    """
    ages: list[float] = []
    times: list[float] = []
    unreadable = 0
    for callback_ms, _, grey in shown:
        row = np.repeat(np.array(grey, np.uint8), barcode.CELL_SIDE)
        value = barcode.read(np.tile(row, (barcode.CELL_SIDE, 1)))
        if value is None:
            unreadable += 1
            continue
        ours = (callback_ms - offset_ms) * 1e6 / barcode.TICK_NS
        # the barcode starts again now and then: the age is the smallest that fits, and it is rounded down
        ages.append(((ours - value) % barcode.TICKS - 0.5) * barcode.TICK_NS / 1e6)
        times.append(callback_ms)
    if len(ages) < 2:
        raise IfddLiveError(f"latency: expected pictures with a barcode, got {len(ages)} of {len(shown)}")
    median, p95 = np.percentile(ages, [50, 95])
    gaps = np.diff(times)
    return {
        "pictures": len(ages),
        "unreadable": unreadable,
        # what the browser presented; a busy page is not called back for each of them
        "fps": round((shown[-1][1] - shown[0][1]) * 1000 / (shown[-1][0] - shown[0][0]), 2),
        "callbacks_per_s": round((len(times) - 1) * 1000 / (times[-1] - times[0]), 2),
        "longest_gap_ms": round(float(gaps.max()), 1),
        "latency_ms": {
            "median": round(float(median), 1),
            "p95": round(float(p95), 1),
            "max": round(float(max(ages)), 1),
        },
    }


def measure_latency(served: Served, config: Config, seconds: float) -> dict[str, Any]:
    """Serves `served` with a barcode in each picture, shows it in Chromium, and measures for `seconds`.

    The time counts from a picture's capture time to the browser's requestVideoFrameCallback, on the
    product's own page. The streams must be running.

    Raises:
        IfddLiveError: the server cannot start, a browser is missing, or no picture arrives.
    """
    wrapped = barcode.BarcodedServed(served)
    server = Server(wrapped, config)
    try:
        server.start()
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            clicked = time.monotonic()
            page.goto(server.url)
            page.locator("#state[data-state=live]").wait_for(timeout=15_000)
            to_first_s = time.monotonic() - clicked
            page.wait_for_timeout(WARM_UP_S * 1000)
            page.evaluate(COLLECT, [barcode.CELLS, barcode.CELL_SIDE])
            before = clock_offset(page)
            page.wait_for_timeout(seconds * 1000)
            shown = page.evaluate("window.benchShown")
            after = clock_offset(page)
            status = page.evaluate("fetch('/api/status').then((answer) => answer.json())")
    finally:
        server.stop()
        wrapped.close()
    found = summary(shown, (before[0] + after[0]) / 2)
    found["clock_error_ms"] = round(max(before[1], after[1]) + abs(before[0] - after[0]) / 2, 2)
    found["page_to_first_picture_s"] = round(to_first_s, 2)
    found["rates"], found["stages_ms"] = status.get("rates"), status.get("latency_ms")
    found["encoders"], found["drops"] = status.get("encoders"), status.get("drops")
    return found


def latency(config: Config, seconds: float) -> dict[str, Any]:
    """Measures the whole program: capture, vision, model, composer, server, browser.

    Raises:
        IfddLiveError: a part cannot start.
    """
    from realtime.pipeline import Application

    application = Application(config)
    try:
        application.start()
        waited = threading.Event()
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not application.ready():
            if time.monotonic() > deadline:
                raise IfddLiveError(f"latency: expected a first picture within {READY_TIMEOUT_S:.0f} s")
            waited.wait(0.05)
        return measure_latency(application, config, seconds)
    finally:
        application.stop()


def table(found: dict[str, Any]) -> str:
    """The figures for reading."""
    delay, stages = found["latency_ms"], found["stages_ms"] or {}
    rows = [
        ("capture to browser, median", f"{delay['median']} ms"),
        ("capture to browser, 95th percentile", f"{delay['p95']} ms"),
        ("capture to browser, longest", f"{delay['max']} ms"),
        ("error of the two clocks, at most", f"{found['clock_error_ms']} ms"),
        ("pictures presented", f"{found['fps']} fps"),
        ("callbacks to the page", f"{found['callbacks_per_s']} /s"),
        ("longest time without a callback", f"{found['longest_gap_ms']} ms"),
        ("page opened to first picture", f"{found['page_to_first_picture_s']} s"),
    ]
    rows += [(f"rate: {name}", str(value)) for name, value in (found["rates"] or {}).items()]
    for encoder in found["encoders"] or []:
        stages = {**stages, f"encode {encoder['codec']}": encoder["encode_ms"]}
    rows += [
        (f"stage: {name}", f"{cost['median']} ms, p95 {cost['p95']} ms")
        for name, cost in stages.items()
        if cost
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m realtime.bench", description=__doc__)
    parser.add_argument("what", nargs="?", default="latency", choices=["latency"])
    parser.add_argument("--seconds", type=float, default=15.0, help="how long to measure (default 15)")
    parser.add_argument("--source", default="demo", help="what is shown (default: the demo clip)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file, too")
    options = parser.parse_args(arguments)
    try:
        if options.seconds <= 0:
            raise ConfigError(f"--seconds: expected more than 0, got {options.seconds}")
        found = latency(Config(source=options.source, loop=True, port=0), options.seconds)
        print(table(found))
        print(json.dumps(found))
        if options.json:
            write_json(Path(options.json), found)
    except IfddLiveError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def write_json(path: Path, found: dict[str, Any]) -> None:
    """Writes the figures, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(
            f"--json {path}: expected a file that can be written, got: {error.strerror}"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
