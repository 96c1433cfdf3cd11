"""The program's end of the way to Ray, with a process that speaks the same messages and fails as told."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from realtime.problems import Problems
from realtime.remote.link import PART, Link, environment, marked
from realtime.remote.messages import Answered, Dropped, Read
from realtime.remote.settings import RaySettings

PATIENCE_S = 60.0


class Way:
    """A link to a fake bridge and what it told."""

    def __init__(self, file: Path, kind: str = "", **options: object) -> None:
        self.file, self.problems, self.woken = file, Problems(), threading.Event()
        self.file.write_text(kind)
        self.arrived: list[Answered | Dropped] = []
        self.link = Link(
            RaySettings(replicas=2),
            on_error=self.problems.retrying,
            on_recovered=self.problems.clear,
            wake=self.woken.set,
            bridge="tests.fake_bridge",
            **options,  # type: ignore[arg-type]
        )
        self.link.worker.start()

    def until(self, what: Callable[[], object]) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not what():
            self.arrived += self.link.take()
            if not what():
                assert time.monotonic() < until_s, self.problems.lines()
                self.woken.wait(0.1)
                self.woken.clear()


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Way]]:
    monkeypatch.setenv("FAKE_BRIDGE", str(tmp_path / "kind"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made: list[Way] = []

    def make(**options: object) -> Way:
        made.append(Way(tmp_path / "kind", **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        assert each.link.worker.stop(20)
        assert each.link.worker.stop(20)
    assert not list(tmp_path.glob("ifdd-ray-*")), "nothing is left behind"


def test_windows_go_there_and_answers_come_back(way: Callable[..., Way]) -> None:
    one = way()
    assert not one.link.send(Read(1, 1.0, b"")), "nobody is there yet"
    one.until(lambda: one.link.ready)
    assert one.link.running == 2
    for number in range(5):
        assert one.link.send(Read(number, 1.0, b"x" * 200_000))
    one.until(lambda: len(one.arrived) == 5)
    assert [each.number for each in one.arrived] == list(range(5))
    one.file.write_text("lost")
    one.link.send(Read(7, 1.0, b""))
    one.until(lambda: len(one.arrived) == 6)
    assert one.arrived[-1] == Dropped(7, "lost", "as told")
    one.file.write_text("one replica")
    one.link.send(Read(8, 1.0, b""))
    one.until(lambda: one.link.running == 1)


def test_a_process_that_ends_is_said_and_started_again(way: Callable[..., Way]) -> None:
    one = way()
    one.until(lambda: one.link.ready)
    one.file.write_text("ends")
    one.link.send(Read(1, 1.0, b""))
    one.until(one.problems.lines)
    assert one.problems.lines() == ["ray: LinkError: the process that speaks to Ray has ended: out of luck"]
    one.file.write_text("")
    one.until(lambda: one.link.ready and not one.problems.lines())
    assert one.link.send(Read(2, 1.0, b""))
    one.until(lambda: one.arrived)
    assert one.link.worker.failures == 1


def test_a_cluster_that_is_not_there_is_said_and_tried_again(way: Callable[..., Way]) -> None:
    one = way(kind="no cluster")
    one.until(one.problems.lines)
    assert one.problems.lines() == ["ray: LinkError: ConnectionError: no cluster"]
    one.file.write_text("")
    one.until(lambda: one.link.ready and not one.problems.lines())


def test_a_process_that_takes_nothing_off_holds_nobody_up(way: Callable[..., Way]) -> None:
    one = way()
    one.until(lambda: one.link.ready)
    one.file.write_text("hangs")
    began_s = time.monotonic()
    taken = [one.link.send(Read(number, 1.0, b"x" * 500_000)) for number in range(200)]
    assert time.monotonic() - began_s < 5, "200 windows of 0.5 MB: nobody waited for the pipe"
    assert taken[0]
    assert not taken[-1], "what waits is bounded"
    assert one.link.worker.stop(20), "and it can be ended"
    assert one.link.ready is None


def test_a_start_that_takes_too_long_is_given_up(way: Callable[..., Way]) -> None:
    one = way(start_s=0.0)
    one.until(one.problems.lines)
    assert "expected Ray's replicas within 0 s, got none" in one.problems.lines()[0]
    assert one.problems.report()["parts"] == {PART: "degraded"}


def test_what_is_left_of_a_cluster_is_found_by_its_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    if sys.platform != "linux":
        assert marked(str(home)) == []
        return
    code = "import sys; log = open(sys.argv[1], 'w'); print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home / "log")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert marked(str(home)) == [process.pid]
        assert marked(str(tmp_path / "hom")) == []


def test_a_cluster_of_its_own_stays_on_this_machine_and_reports_nothing() -> None:
    own, joined = environment(RaySettings(), "/h"), environment(RaySettings(address="head:6379"), "/h")
    assert own["RAY_USAGE_STATS_ENABLED"] == joined["RAY_USAGE_STATS_ENABLED"] == "0"
    assert own["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert own["RAY_AUTH_MODE"] == "token"
    assert own["RAY_AUTH_TOKEN"] != environment(RaySettings(), "/h")["RAY_AUTH_TOKEN"]
    assert own["HOME"] == "/h"
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in joined
    assert joined["HOME"] != "/h"
