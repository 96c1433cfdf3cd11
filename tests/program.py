"""run_stream.py as a process of its own, looked at from outside: memory, threads, descriptors, metrics."""

from __future__ import annotations

import json
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process holds at a time since its start, seconds; memory in MB."""

    t_s: float
    rss_mb: float
    threads: int
    descriptors: int


class Program:
    """Starts the program and stops it; a context manager."""

    def __init__(self, *options: str) -> None:
        self.errors: list[str] = []
        self._begun = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "run_stream.py", "--port", "0", *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()
        self.url = self._address()
        self._wait_ready()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(10)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def sample(self) -> Sample:
        """What it holds now."""
        folder = Path(f"/proc/{self.process.pid}")
        fields = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        rss_mb = int(fields["VmRSS"].split()[0]) / 1024
        descriptors = len(list((folder / "fd").iterdir()))
        return Sample(time.monotonic() - self._begun, rss_mb, int(fields["Threads"]), descriptors)

    def get(self, path: str) -> str:
        """The text of a page."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            text: str = answer.read().decode()
        return text

    def status(self) -> dict[str, Any]:
        """`/api/status`."""
        found: dict[str, Any] = json.loads(self.get("/api/status"))
        return found

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        lines = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", self.get("/metrics"), re.MULTILINE)
        return sum(map(float, lines))

    def end(self, timeout_s: float = 60.0) -> int:
        """Ends it by SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout_s)
        self._reader.join(10)
        return code

    def _address(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                return found.group()
        self.process.wait()
        raise AssertionError(f"no address; {''.join(self.errors)}")

    def _wait_ready(self, timeout_s: float = 60.0) -> None:
        """Nobody is let in before the first picture."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                self.get("/readyz")
                return
            except urllib.error.HTTPError as error:
                error.close()
            time.sleep(0.2)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)


def growth_mb(samples: list[Sample]) -> float:
    """Median memory of the last third less that of the second; the first third is start-up."""
    third = len(samples) // 3
    assert third >= 3, f"expected at least 9 samples, got {len(samples)}"
    second, last = samples[third : 2 * third], samples[2 * third :]
    return statistics.median(x.rss_mb for x in last) - statistics.median(x.rss_mb for x in second)
