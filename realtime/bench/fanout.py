"""CPU time of the whole program, with its server, for one and for many viewers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from realtime.bench.browser import Serves
from realtime.bench.live import running
from realtime.config import Config
from realtime.errors import IfddLiveError
from realtime.serving.app import Server
from realtime.serving.served import Served
from realtime.serving.stock import StockServer

ROOT = Path(__file__).resolve().parents[2]
OURS = (1, 4, 16, 32)
STOCK = (1, 4, 16)  # 16 are more than two cores can do: what is left of the picture rate is the finding
SETTLE_S = 2.0


@contextmanager
def viewers(url: str, seconds: float, counts: Sequence[int]) -> Iterator[subprocess.Popen[str]]:
    """The process of `realtime.serving.viewers`, with so many at a time."""
    command = [sys.executable, "-m", "realtime.serving.viewers", url, str(seconds), *map(str, counts)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def next_line(process: subprocess.Popen[str]) -> dict[str, Any] | None:
    """What the viewers say next, None once they have ended."""
    assert process.stdout is not None
    text = process.stdout.readline()
    found: dict[str, Any] | None = json.loads(text) if text else None
    return found


def measure(server: Serves, seconds: float, counts: Sequence[int]) -> list[dict[str, Any]]:
    """Starts the server, connects viewers from another process, and measures this process's CPU time.

    Returns:
        For each count the viewers' rates and `cpu_percent`, in % of one core; the last with `error` where
        the viewers could not all be served.
    """
    rows: list[dict[str, Any]] = []
    server.start()
    try:
        with viewers(server.url, seconds, counts) as process:
            for _ in counts:
                if next_line(process) is None:  # else they have connected
                    break
                began, cpu = time.monotonic(), time.process_time()
                row = next_line(process)
                if row is None:
                    break
                row["cpu_percent"] = round(100 * (time.process_time() - cpu) / (time.monotonic() - began), 1)
                rows.append(row)
            if len(rows) < len(counts):
                _, errors = process.communicate()
                last = (errors.strip().splitlines() or ["nothing said"])[-1]
                rows.append({"viewers": counts[len(rows)], "error": last})
    finally:
        server.stop()
    return rows


def fan_out(
    config: Config,
    seconds: float,
    counts: Sequence[int] = OURS,
    make_server: Callable[[Served, Config], Serves] = Server,
) -> dict[str, Any]:
    """CPU of the whole program, model on, with so many viewers; and how one compares to many.

    Raises:
        IfddLiveError: the program cannot start, or not even one viewer was served.
    """
    with running(config) as application:
        threading.Event().wait(SETTLE_S)  # the model's warm-up is over
        rows = measure(make_server(application, config), seconds, counts)
    good = [row for row in rows if "cpu_percent" in row]
    if not good:
        raise IfddLiveError(f"viewers: expected at least one to be served, got: {rows[-1]['error']}")
    found: dict[str, Any] = {"viewers": rows}
    # those that got their pictures: a server that cannot keep up spends no more, however many watch
    good_fps = [row for row in good if row["fps"]["median"] > 0.9 * good[0]["fps"]["median"]]
    if len(good_fps) > 1:
        first, last = good_fps[0], good_fps[-1]
        added = (last["cpu_percent"] - first["cpu_percent"]) / (last["viewers"] - first["viewers"])
        found["percent_per_added_viewer"] = round(added, 2)
    for row in good[1:]:
        row["against_one"] = round(row["cpu_percent"] / good[0]["cpu_percent"], 2)
    return found


def stock_fan_out(config: Config, seconds: float) -> dict[str, Any]:
    """The same for the plain aiortc server."""
    return fan_out(config, seconds, STOCK, StockServer)
