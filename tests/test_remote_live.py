"""The whole program with its model on Ray, and faults: the picture goes on, it is said, all comes back.

The default form has a stand-in for Ray in the bridge's place; the nightly one has Ray itself, two replicas
and, for the joined cluster, a head that is ended and started again. `pytest -s` prints how long it took.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from realtime.config import Config
from realtime.pipeline import Application
from realtime.remote.link import Link, marked
from realtime.remote.settings import RaySettings
from tests.faulty import Watcher
from tests.slow_reader import VARIABLE

pytestmark = pytest.mark.timeout(900)

Run = Callable[..., tuple[Application, Watcher]]
ADDRESS = "127.0.0.1:36379"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that tells the replicas, or the stand-in, what to do."""
    file = tmp_path / "told"
    file.write_text("")
    monkeypatch.setenv(VARIABLE, str(file))
    monkeypatch.setenv("FAKE_BRIDGE", str(file))
    monkeypatch.setattr("tests.faulty.PATIENCE_S", 300.0)
    return file


@pytest.fixture
def run(told: Path) -> Iterator[Run]:
    """Starts the program on the demo clip with two replicas, waits for predictions, and stops it."""
    running: list[Application] = []

    def start(**settings: object) -> tuple[Application, Watcher]:
        chosen = {"ray_replicas": 2, "ray_cpus": 0.5, "ray_deadline": 1.0, **settings}
        config = Config(source="demo", loop=True, inference="ray", **chosen)  # type: ignore[arg-type]
        application = Application(config)
        running.append(application)
        watcher = Watcher(application.streams["main"])
        application.start()
        watcher.more_pictures(5)
        said = application.streams["main"]._notices()
        assert watcher.predictions() or "waiting for Ray" in said, said
        watcher.more_predictions()
        assert application.health()["ok"], application.health()
        return application, watcher

    yield start
    for application in running:
        application.stop()
        application.stop()


def dropped(application: Application) -> int:
    return sum(application.windows_dropped.values())


def parts(application: Application) -> set[str]:
    return set(application.health()["parts"])


def recovered(what: str, application: Application, watcher: Watcher) -> None:
    begun = time.monotonic()
    watcher.more_predictions()
    took_s = time.monotonic() - begun
    watcher.until(lambda: bool(application.health()["ok"]), "health")
    print(f"{what}: predictions again after {took_s:.1f} s, {application.windows_dropped}")
    assert "Ray" not in " ".join(application.streams["main"]._notices())


# -- without Ray ------------------------------------------------------------------------------------------


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.build.Link", partial(Link, bridge="tests.fake_bridge"))
    monkeypatch.setattr("realtime.build.need_ray", lambda: None)


def test_what_ray_does_not_answer_is_said_counted_and_forgotten(run: Run, told: Path, stand_in: None) -> None:
    application, watcher = run()
    status = application.status()["ray"]
    assert status["state"] == "ok"
    assert status["replicas"] == {"running": 2, "wanted": 2, "most": 2}
    assert status["round_trip_ms"]["median"] > 0
    assert application.status()["windows"] >= 3
    assert application.streams["main"].status()["model"]["device"] == "Ray, 2 x cpu"

    told.write_text("lost")
    watcher.until(lambda: "ray-answers" in parts(application), "silence is said")
    told.write_text("lost")
    since = time.monotonic()
    watcher.more_pictures(20)
    assert watcher.predictions(since) == []
    assert "Ray gives no answers, trying again" in application.streams["main"]._notices()
    assert application.health()["state"] == "degraded"
    assert application.windows_dropped["lost"] >= 3
    told.write_text("")
    recovered("windows lost", application, watcher)

    told.write_text("ends")
    watcher.until(lambda: "ray" in parts(application), "the end is said")
    assert "waiting for Ray" in application.streams["main"]._notices()
    told.write_text("")
    watcher.more_pictures(10)
    recovered("the bridge ended", application, watcher)
    assert application.failures["ray"] >= 1
    times = [each["t"] for each in watcher.predictions()]
    assert times == sorted(times)


# -- with Ray ---------------------------------------------------------------------------------------------


def processes(application: Application, name: str) -> list[int]:
    """Ray's processes of the program's own cluster whose command begins so, or ends so."""
    assert application._remote is not None
    process = application._remote.link.process
    assert process is not None
    found = []
    for each in marked(process.home):
        command = Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
        if command.startswith(name) or command.endswith(name):
            found.append(each)
    return found


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas that are as slow as the file says."""
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    monkeypatch.setattr(
        "realtime.build.RaySettings", partial(RaySettings, reader="tests.slow_reader:SlowReader")
    )


@pytest.mark.nightly
def test_faults_of_a_cluster_of_its_own(run: Run, told: Path, slow: None) -> None:
    application, watcher = run()

    victim = processes(application, "ray::ServeReplica")[0]
    os.kill(victim, signal.SIGKILL)
    watcher.until(lambda: "ray-replicas" in parts(application), "a replica is missing")
    watcher.more_pictures(20)
    watcher.more_predictions()
    assert application.status()["ray"]["state"] == "troubled"
    recovered("a replica killed", application, watcher)

    before = application.windows_dropped
    told.write_text("1.5")  # and a deadline of 1 s
    watcher.until(lambda: "ray-answers" in parts(application), "it is too slow")
    since = time.monotonic()
    watcher.more_pictures(40)
    assert watcher.predictions(since) == []
    assert "Ray gives no answers, trying again" in application.streams["main"]._notices()
    late = {key: count - before.get(key, 0) for key, count in application.windows_dropped.items()}
    assert late.get("late", 0) + late.get("silent", 0) >= 3, late
    told.write_text("0")
    recovered("a slow network", application, watcher)

    told.write_text("0.4")  # slow, and within the deadline: several windows of the face are under way
    since = time.monotonic()
    watcher.more_predictions(6)
    ages = [t for t, each in watcher.events if "label" in each and t > since]
    assert ages == sorted(ages)
    told.write_text("0")
    recovered("a slower network", application, watcher)

    for name in ("gcs_server", "raylet"):
        os.kill(processes(application, name)[0], signal.SIGKILL)
        watcher.until(lambda: "ray" in parts(application), f"the end of {name}")
        assert "waiting for Ray" in application.streams["main"]._notices()
        watcher.more_pictures(20)
        recovered(f"{name} killed", application, watcher)

    assert application._remote is not None
    bridge = application._remote.link.process
    assert bridge is not None
    os.kill(bridge.number, signal.SIGSTOP)
    watcher.until(lambda: "ray-answers" in parts(application), "silence")
    watcher.more_pictures(20)
    os.kill(bridge.number, signal.SIGCONT)
    recovered("the bridge stood still", application, watcher)
    left = marked(bridge.home)
    application.stop()
    assert left
    assert marked(bridge.home) == []


def ray_command(*arguments: str) -> None:
    command = [str(Path(sys.executable).with_name("ray")), *arguments]
    subprocess.run(command, check=True, timeout=240, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


class Head:
    """A cluster of one machine that somebody else runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self) -> None:
        ray_command(
            "start", "--head", "--node-ip-address=127.0.0.1", f"--port={ADDRESS.partition(':')[2]}",
            "--num-cpus=2", "--num-gpus=0", "--include-dashboard=false", "--disable-usage-stats",
            "--object-store-memory=100000000", f"--temp-dir={self._folder}",
        )  # fmt: skip

    def end(self) -> None:
        """Ends all of its processes at once, as a machine that is switched off would."""
        for _ in range(100):
            left = marked(str(self._folder))
            for each in left:
                os.kill(each, signal.SIGKILL)
            if not left:
                return
            time.sleep(0.05)
        raise AssertionError(left)


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch, told: Path) -> Iterator[Head]:
    for name, value in {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "ab" * 32,
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
    }.items():
        monkeypatch.setenv(name, value)
    with tempfile.TemporaryDirectory(prefix="head-", ignore_cleanup_errors=True) as folder:
        made = Head(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.end()


@pytest.mark.nightly
def test_the_head_of_a_joined_cluster_is_restarted(run: Run, head: Head, slow: None) -> None:
    application, watcher = run(ray_address=ADDRESS)
    name = application.status()["ray"]["application"]
    head.end()
    watcher.until(lambda: "ray" in parts(application) or "ray-answers" in parts(application), "its end")
    since = time.monotonic()
    watcher.more_pictures(40)
    assert watcher.predictions(since) == []
    assert any("Ray" in each for each in application.streams["main"]._notices())
    head.start()
    recovered("the head restarted", application, watcher)
    assert dropped(application) > 0
    application.stop()
    code = "import ray, sys; from ray import serve; ray.init(address=sys.argv[1]); " + (
        "print(sys.argv[2] in serve.status().applications)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, ADDRESS, name], check=True, timeout=240, capture_output=True, text=True
    )
    assert found.stdout.split() == ["False"], "its replicas are gone, the cluster is not"
