"""Many viewers and a long time: what the program holds stays the same. Long forms: `make nightly`.

The program and its viewers are processes of their own. Every test prints what it measured (`pytest -s`).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from realtime.serving.app import BLOCKING_CALLS
from tests.program import ROOT, Program, Sample, growth_mb

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

ON_CI = bool(os.environ.get("CI"))
SPARE_THREADS = 2 * BLOCKING_CALLS  # the server's two pools make theirs when they are first needed
HOUR_S = float(os.environ.get("IFDD_SOAK_SECONDS", "3600"))
CROWD = os.environ.get("IFDD_CROWD", "1000,32,600")  # how many, at once, seconds


@contextmanager
def crowd(url: str, total: int, at_once: int, seconds: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.crowd", url, str(total), str(at_once), str(seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def settled(program: Program, wanted: Sample, timeout_s: float = 60.0) -> Sample:
    """A sample once no viewer is left and threads and descriptors are back, or the last one."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = program.sample()
        done = found.threads <= wanted.threads + SPARE_THREADS and found.descriptors <= wanted.descriptors
        gone = program.metric("ifdd_viewers") == 0
        if (done and gone) or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def clean(program: Program) -> None:
    """Ends the program; nothing may be left over and nothing may have gone wrong."""
    assert json.loads(program.get("/healthz"))["state"] == "ok"
    assert program.end() == 0
    told = "".join(program.errors)
    assert "Traceback" not in told
    assert not re.search(r"task left|did not end|did not close", told), told


def come_and_go(total: int, at_once: int, seconds: float, allowed_mb: float) -> None:
    with Program("--source", "demo", "--viewers", "32") as program:
        # the memory for so many at once is not given back to the system
        with crowd(program.url, at_once, at_once, 3.0) as first:
            assert first.wait(180) == 0
        before = settled(program, program.sample())
        held = []
        with crowd(program.url, total, at_once, seconds) as visitors:
            while visitors.poll() is None:
                held.append(program.sample())
                time.sleep(max(0.5, seconds / 200))
            seen = json.loads(visitors.communicate()[0])
        after = settled(program, before)
        ended = program.status()["viewers"]["ended"]
        print(f"{total} viewers, {at_once} at once, {seconds:.0f} s: {seen}; ended: {ended}")
        most = max(each.threads for each in held), max(each.descriptors for each in held)
        print(f"before {before}; most threads and descriptors {most}; after {after}")
        every = max(1, len(held) // 12)
        print("MB by second:", {round(x.t_s): round(x.rss_mb) for x in held[::every]})
        assert seen["came"] == total, seen
        assert seen.get("without pictures", 0) == 0
        assert program.metric("ifdd_viewers") == 0
        assert after.threads <= before.threads + SPARE_THREADS
        assert after.descriptors <= before.descriptors
        assert after.rss_mb - before.rss_mb < allowed_mb
        clean(program)


def run_on(seconds: float, allowed_mb: float) -> None:
    every_s = max(1.0, seconds / 120)
    visits = max(1, int(seconds // 60))  # the next one comes where a busy machine has lost one
    with Program("--source", "demo") as program, crowd(program.url, visits, 1, seconds + 5) as viewer:
        watched = time.monotonic() + 60
        while program.metric("ifdd_viewers") == 0:
            assert time.monotonic() < watched, "no viewer"
            time.sleep(0.5)
        deadline, samples = time.monotonic() + seconds, []
        while time.monotonic() < deadline:
            samples.append(program.sample())
            time.sleep(every_s)
        status = program.status()
        grown, third = growth_mb(samples), len(samples) // 3
        middle, last = samples[third : 2 * third], samples[2 * third :]
        frames, predictions = program.metric("ifdd_frames_total"), program.metric("ifdd_predictions_total")
        print(
            f"{seconds:.0f} s: {samples[0].rss_mb:.0f} MB at first, {samples[-1].rss_mb:.0f} at last, grown"
            f" by {grown:.1f}; threads {samples[-1].threads}, descriptors {samples[-1].descriptors};"
            f" {frames:.0f} frames of all stages, {predictions:.0f} predictions; {status['rates']}"
        )
        every = max(1, len(samples) // 12)
        print("MB by second:", {round(x.t_s): round(x.rss_mb) for x in samples[::every]})
        assert predictions > 0.2 * seconds, "a busy machine gives fewer, but not so few"
        assert max(x.threads for x in last) <= max(x.threads for x in middle) + SPARE_THREADS
        assert max(x.descriptors for x in last) <= max(x.descriptors for x in middle) + 1
        assert grown < allowed_mb
        assert viewer.wait(120) == 0
        clean(program)


@pytest.mark.timeout(300)
def test_viewers_come_and_go_and_leave_nothing() -> None:
    come_and_go(total=16, at_once=8, seconds=6, allowed_mb=60)  # start-up is in it


@pytest.mark.timeout(600)
def test_memory_threads_and_descriptors_stay_the_same_for_a_while() -> None:
    run_on(seconds=300 if ON_CI else 15, allowed_mb=20)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_thousand_viewers_come_and_go() -> None:
    total, at_once, seconds = (int(each) for each in CROWD.split(","))
    come_and_go(total, at_once, seconds, allowed_mb=60)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_memory_threads_and_descriptors_stay_the_same_for_an_hour() -> None:
    run_on(HOUR_S, allowed_mb=20)
