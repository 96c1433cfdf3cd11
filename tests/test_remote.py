"""Real Ray on this machine, one cluster with two replicas for the whole file, and no process left behind."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import models
from models.fingerprint import fingerprint
from realtime.inference.engine import Engine, Reading, Request
from realtime.problems import Problems
from realtime.remote.clips import Clip
from realtime.remote.engine import REPLICAS, RemoteEngine
from realtime.remote.link import Link, marked
from realtime.remote.messages import Answered, Dropped, Read
from realtime.remote.settings import RaySettings
from tests.slow_reader import VARIABLE
from tests.small_models import small
from tests.test_engine import filled_ring, push, request

pytest.importorskip("ray", reason="the extra [ray] is not installed")
pytestmark = [
    pytest.mark.timeout(1200),  # a crowded machine takes minutes for what takes 20 s
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them"),
]
PATIENCE_S = 480.0


class Cluster:
    """A link to a cluster of its own, with replicas that are as slow as a file says."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.model = small("ifdd-stream", frames=16, grey=True, view=0.75)
        weights, self.delay_s = folder / "small.safetensors", folder / "delay"
        models.save_checkpoint(weights, self.model)
        self.delay_s.write_text("0")
        self.problems, self.woken = Problems(), threading.Event()
        chosen = RaySettings(
            weights=str(weights),
            fingerprint=fingerprint(self.model),
            replicas=2,
            cpus=0.5,
            batch=2,
            deadline_s=30.0,
            reader="tests.slow_reader:SlowReader",
        )
        self.link = Link(
            replace(chosen, **settings),  # type: ignore[arg-type]
            on_error=self.problems.retrying,
            on_recovered=self.problems.clear,
            wake=self.woken.set,
            start_s=PATIENCE_S,
        )
        self.link.worker.start()
        try:
            self.until(lambda: self.link.ready)
        except BaseException:
            self.link.worker.stop(30)
            raise

    def engine(self, **settings: object) -> RemoteEngine:
        """An engine on this cluster, with a caller's settings of its own."""
        self.link.settings = replace(self.link.settings, **settings)  # type: ignore[arg-type]
        return RemoteEngine(
            self.model, self.link, on_trouble=self.problems.retrying, on_relief=self.problems.clear
        )

    def until(self, what: Callable[[], object]) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < until_s, self.problems.lines()
            self.woken.wait(0.2)
            self.woken.clear()

    def read(self, engine: RemoteEngine, asked: Request) -> Reading:
        """What came of one window, asked for until there is an answer."""
        found: list[Reading] = []

        def ask() -> bool:
            waits = not engine.status()["in_flight"]
            for _, reading in engine.answers([asked] if waits else []):
                found.extend([] if reading is None else [reading])
            return bool(found)

        self.until(ask)
        return found[0]

    def next_messages(self) -> list[Answered | Dropped]:
        """What arrives next."""
        found: list[Answered | Dropped] = []

        def take() -> bool:
            found.extend(self.link.take())
            return bool(found)

        self.until(take)
        return found

    @property
    def home(self) -> str:
        process = self.link.process
        assert process is not None
        return process.home

    def replicas(self) -> list[int]:
        """The processes of the replicas."""
        return [each for each in marked(self.home) if title(each).startswith("ray::ServeReplica")]


def title(process: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text(errors="replace")
    return ""


def listening(processes: list[int]) -> set[str]:
    """The addresses on which processes listen for TCP."""
    inodes = set()
    for process in processes:
        for each in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(each).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(address(fields[1].partition(":")[0]))
    return found


def address(text: str) -> str:
    """An address as /proc/net writes it: words of 32 bits in the machine's order."""
    words = struct.pack(f"={len(text) // 8}I", *(int(text[k : k + 8], 16) for k in range(0, len(text), 8)))
    return socket.inet_ntop(socket.AF_INET6 if len(words) == 16 else socket.AF_INET, words)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder / "delay"))
        made = Cluster(folder)
    home, processes = made.home, marked(made.home)
    yield made
    assert made.link.worker.stop(30)
    left = [each for each in processes if Path(f"/proc/{each}/fd").exists() and title(each)]
    assert not left, [title(each) for each in left]
    assert not Path(home).exists()


def test_ray_gives_the_numbers_of_the_local_engine(cluster: Cluster) -> None:
    local, engine = Engine(cluster.model, "cpu"), cluster.engine()
    rings = filled_ring(face_id=1), filled_ring(face_id=2, seed=500)
    for first in (45, 49, 53):
        for ring in rings:
            asked = request(ring)
            expected, found = local.read([asked])[0], cluster.read(engine, asked)
            assert expected is not None
            for name in ("probabilities", "logits", "static_index", "dynamic_index", "feature"):
                np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-5)
            assert found.intensity == pytest.approx(expected.intensity, abs=1e-6)
            push(ring, first, 4)
    assert engine.encoded == local.encoded, "each crop once, whichever replica had it"
    assert engine.windows == 6
    assert engine.status()["dropped"] == dict.fromkeys(engine.status()["dropped"], 0)
    assert engine.device_name == "Ray, 2 x cpu"


def test_a_cluster_of_its_own_listens_on_loopback_only(cluster: Cluster) -> None:
    found = listening(marked(cluster.home))
    assert len(cluster.replicas()) == 2
    assert found, "Ray listens somewhere"
    assert found <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}, found


def test_late_work_is_dropped_at_the_replicas(cluster: Cluster) -> None:
    cluster.delay_s.write_text("1")
    size = cluster.model.spec.size
    clip = pickle.dumps(Clip(np.zeros((1, 1, size, size), np.float32), None, np.zeros(16, np.int64)))
    arrived: list[Answered | Dropped] = []
    for number in range(12):  # two replicas with two at a time: four begin at once, a second passes
        assert cluster.link.send(Read(number, 0.9, clip))
    try:
        while len(arrived) < 12:
            arrived += cluster.next_messages()
    finally:
        cluster.delay_s.write_text("0")
    reasons = [each.reason for each in arrived if isinstance(each, Dropped)]
    # what waits at the replicas is late there; what found no place there has been refused or never began
    assert set(reasons) <= {"late", "full", "silent"}, reasons
    assert reasons.count("late") >= 1
    assert len(reasons) >= 8


def test_a_replica_that_is_killed_under_load_is_missed_and_replaced(cluster: Cluster) -> None:
    engine, ring = cluster.engine(deadline_s=2.0, in_flight=4), filled_ring()
    first, readings = 45, 0
    victim = cluster.replicas()[0]

    def keep_reading() -> int:
        nonlocal first, readings
        readings += sum(reading is not None for _, reading in engine.answers([request(ring)]))
        push(ring, first, 4)
        first += 4
        return readings

    cluster.until(lambda: keep_reading() >= 3)
    os.kill(victim, signal.SIGKILL)
    cluster.until(lambda: keep_reading() and REPLICAS in cluster.problems.names())
    assert cluster.problems.state == "degraded"
    assert any("1 of 2 replicas run" in each for each in cluster.problems.lines())
    before = readings
    cluster.until(lambda: keep_reading() >= before + 3)
    assert engine.notices == (), "the other replica goes on: nothing to tell viewers"
    cluster.until(lambda: keep_reading() and engine.status()["replicas"]["running"] == 2)
    cluster.until(lambda: keep_reading() and cluster.problems.state == "ok")
    assert victim not in cluster.replicas()
    assert cluster.link.worker.failures == 0, "Ray itself was never away"
