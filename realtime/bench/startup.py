"""From the command line to the first picture: run_stream.py in a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from realtime.bench.browser import LIVE_TIMEOUT_MS
from realtime.chromium import chromium
from realtime.config import Config
from realtime.errors import IfddLiveError

ROOT = Path(__file__).resolve().parents[2]
READY_TIMEOUT_S = 60.0
WATCHED_S = 5.0


def start_up(config: Config, _seconds: float) -> dict[str, Any]:
    """Seconds until the address is printed, until /readyz says 200 and until the browser shows a picture.

    Also the process's memory after some seconds of watching, where the system tells.

    Raises:
        IfddLiveError: the program does not get ready.
    """
    command = [sys.executable, "run_stream.py", "--port", "0", "--source", config.source]
    command += ["--loop", "--model", config.model, "--device", config.device]
    command += ["--precision", config.precision]
    with chromium() as browser:
        page = browser.new_page()
        began = time.monotonic()
        program = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            url = _address(program)
            printed = time.monotonic()
            _wait_ready(url)
            ready = time.monotonic()
            page.goto(url)
            page.locator("#state[data-state=live]").wait_for(timeout=LIVE_TIMEOUT_MS)
            shown = time.monotonic()
            page.wait_for_timeout(WATCHED_S * 1000)
            memory_mb = resident_mb(program.pid)
        finally:
            program.send_signal(signal.SIGTERM)
            program.communicate(timeout=30)
    return {
        "to_address_s": round(printed - began, 2),
        "to_ready_s": round(ready - began, 2),
        "page_opened_to_picture_s": round(shown - ready, 2),
        "to_picture_s": round(shown - began, 2),
        "memory_mb": memory_mb,
    }


def resident_mb(pid: int) -> float | None:
    """Resident memory of a process in MB, None where /proc does not tell."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return round(int(found.group(1)) * 1024 / 1e6, 1) if found else None


def _address(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    for line in program.stdout:
        if found := re.search(r"http://\S+", line):
            return found.group()
    raise IfddLiveError("start-up: expected the program to print its address, got its end")


def _wait_ready(url: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except urllib.error.HTTPError:
            pass
        time.sleep(0.02)
    raise IfddLiveError(f"start-up: expected /readyz to say 200 within {READY_TIMEOUT_S:.0f} s")
