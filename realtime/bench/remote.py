"""Windows on Ray Serve against the local engine, and the forms in which they could travel."""

from __future__ import annotations

import contextlib
import os
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from realtime.build import build_engine, build_landmarker, build_remote, build_vision, limit_threads
from realtime.capture.choose import DEMO_CLIP
from realtime.capture.file import FileSource
from realtime.clock import to_ns
from realtime.config import Config
from realtime.errors import IfddLiveError
from realtime.inference.engine import Engine, Request
from realtime.problems import Problems
from realtime.remote.clips import Clip
from realtime.remote.engine import RemoteEngine
from realtime.remote.link import Link, marked
from realtime.remote.replica import Answer, Replica
from realtime.values import LANDMARK_COUNT, Face, Frame, ImageU8, Quality
from realtime.vision.ring import CropRing

FPS = 30
FACES = 16
BATCH = 8
JPEG_QUALITY = 90
START_S = 180.0
# how new crops travel, and whether features of the others do
FORMS = ("input", "crops", "jpeg", "whole input", "whole crops", "whole jpeg")


class JpegReplica(Replica):
    """A replica that takes JPEG pictures of crops, too."""

    def read_clips(self, clips: Sequence[Clip]) -> list[Answer]:
        """As a Replica does, after decoding."""
        return super().read_clips([self._decoded(clip) for clip in clips])

    @staticmethod
    def _decoded(clip: Clip) -> Clip:
        if not isinstance(clip.pixels, tuple):
            return clip
        crops = [
            cv2.cvtColor(cv2.imdecode(each, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB) for each in clip.pixels
        ]
        return replace(clip, pixels=np.stack(crops))


class _Sender(RemoteEngine):
    """Packs windows in one of FORMS and counts their bytes."""

    form = "input"
    bytes_sent = windows_sent = 0
    woken: threading.Event

    def _pack(self, request: Request, face: Any) -> tuple[Clip, tuple[int, ...]] | None:
        if self.form.startswith("whole"):
            face.features.clear()
        packed = super()._pack(request, face)
        if packed is not None:
            clip = packed[0]
            sent = clip.pixels if isinstance(clip.pixels, tuple) else (clip.pixels,)
            self.bytes_sent += sum(each.nbytes for each in sent)
            self.bytes_sent += 0 if clip.features is None else clip.features.nbytes
            self.windows_sent += 1
        return packed

    def _pixels(self, crops: ImageU8) -> Any:
        kind = self.form.split()[-1]
        if kind == "input":
            return super()._pixels(crops)
        if kind == "crops" or not len(crops):
            return crops
        quality = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
        return tuple(
            cv2.imencode(".jpg", cv2.cvtColor(each, cv2.COLOR_RGB2BGR), quality)[1] for each in crops
        )


class _Stream:
    """A face's crops, one a frame, those of the demo clip again and again."""

    def __init__(self, engine: Engine, config: Config, crops: ImageU8, face_id: int) -> None:
        self.ring = CropRing(
            face_id, frames=engine.spec.frames, span_s=config.window_seconds, gap_s=config.gap_seconds
        )
        self._face = Face(
            face_id, (0, 0, 9, 9), np.zeros((LANDMARK_COUNT, 3), np.float32), Quality(100, 0, 0, 0, 50, 0.5)
        )
        self._crops = np.roll(crops, face_id, axis=0)
        self._hop, self._count = round(config.hop_seconds * FPS), 0
        self._push(round(config.window_seconds * FPS) + 2)

    def next(self) -> Request:
        """The window one hop later."""
        self._push(self._hop)
        window = self.ring.window()
        assert window is not None
        return Request(("bench", self.ring.face_id), window, self.ring)

    def _push(self, count: int) -> None:
        for _ in range(count):
            self.ring.push(
                to_ns(self._count / FPS), self._crops[self._count % len(self._crops)], self._face, self._count
            )
            self._count += 1


def _demo_crops(config: Config, engine: Engine) -> ImageU8:
    """Aligned crops of the demo clip, (N,224,224,3)."""
    landmarker, source = build_landmarker(config), FileSource(DEMO_CLIP, live=False)
    try:
        vision = build_vision(config, engine, landmarker)
        for seq in range(60):
            taken = source.read()
            assert isinstance(taken, tuple)
            vision.process(Frame(seq, taken[1], taken[0]))
        (ring,) = vision.rings
        newest = ring.newest_choice()
        assert newest is not None
        crops = ring.read(np.arange(newest - 20, newest))
        assert crops is not None
        return crops
    finally:
        landmarker.close()
        source.close()


@contextmanager
def _running(config: Config, replicas: int) -> Iterator[_Sender]:
    """A cluster on this machine with so many replicas."""
    problems, woken = Problems(), threading.Event()
    # as this process, where the local engine is measured
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    config = replace(
        config, inference="ray", ray_replicas=replicas, ray_deadline=30.0, ray_batch=BATCH, ray_in_flight=1
    )
    made = build_remote(config, problems)
    settings = replace(made.link.settings, reader=f"{__name__}:{JpegReplica.__name__}")
    link = Link(settings, on_error=problems.retrying, wake=woken.set)
    link.worker.start()
    try:
        until_s = time.monotonic() + START_S
        while link.ready is None:
            if time.monotonic() > until_s or problems.lines():
                raise IfddLiveError(f"Ray: expected replicas, got {problems.lines() or 'none in time'}")
            woken.wait(0.2)
            woken.clear()
        engine = _Sender(made.model, link)
        link.wake = woken.set
        engine.woken = woken
        yield engine
    finally:
        link.worker.stop(20)


def _read_one(engine: _Sender, request: Request) -> tuple[float, Any]:
    """Milliseconds from a window to its reading, and the reading."""
    began_s = time.perf_counter()
    found = engine.answers([request])
    while not found:
        engine.woken.wait(1.0)
        engine.woken.clear()
        found = engine.answers([])
    if found[0][1] is None:
        raise IfddLiveError(f"Ray: expected an answer, got {dict(engine.dropped)}")
    return (time.perf_counter() - began_s) * 1000, found[0][1]


def _forms(engine: _Sender, config: Config, crops: ImageU8, seconds: float) -> dict[str, dict[str, float]]:
    """What a window costs in each form, one at a time, and how far it is from the local engine's answer."""
    local = Engine(engine.model, "cpu")
    engine.forget()  # what was under way
    found: dict[str, dict[str, float]] = {}
    for number, form in enumerate(FORMS):
        engine.form, engine.bytes_sent, engine.windows_sent = form, 0, 0
        stream = _Stream(local, config, crops, FACES + 1 + number)
        trips, costs, locals_ms, gaps = (list[float]() for _ in range(4))
        until_s = time.monotonic() + seconds / 2
        while time.monotonic() < until_s or len(trips) < 6:
            request = stream.next()
            trip_ms, reading = _read_one(engine, request)
            began_s = time.perf_counter()
            expected = local.read([request])[0]
            assert expected is not None
            locals_ms.append((time.perf_counter() - began_s) * 1000)
            trips.append(trip_ms)
            costs.append(reading.cost_ms)
            gaps.append(float(np.abs(reading.probabilities - expected.probabilities).max()))
        found[form] = {
            "kB": round(engine.bytes_sent / engine.windows_sent / 1000, 1),
            "round_trip_ms": round(statistics.median(trips[1:]), 1),
            "replica_ms": round(statistics.median(costs[1:]), 1),
            "local_ms": round(statistics.median(locals_ms[1:]), 1),
            "overhead_ms": round(statistics.median(trips[1:]) - statistics.median(costs[1:]), 1),
            "largest_difference": float(f"{max(gaps):.0e}"),
        }
    engine.form = "input"
    return found


def _local_rate(engine: Engine, streams: Sequence[_Stream], seconds: float) -> float:
    engine.read([each.next() for each in streams])
    began_s, windows = time.perf_counter(), 0
    while time.perf_counter() - began_s < seconds:
        windows += len(engine.read([each.next() for each in streams]))
    return windows / (time.perf_counter() - began_s)


def _ray_rate(engine: _Sender, streams: Sequence[_Stream], seconds: float) -> tuple[float, dict[str, float]]:
    """Windows a second with one of each face under way all the time, and milliseconds of CPU for each."""
    waiting = {each.ring.face_id: each for each in streams}
    warm, windows = 4 * len(streams), 0  # the first ones encode whole windows
    began_s, began_cpu = time.perf_counter(), _cpu_s(engine)
    while windows < warm + len(streams) or time.perf_counter() - began_s < seconds:
        asked = [each.next() for each in waiting.values()]
        waiting.clear()
        found = engine.answers(asked)
        for request, reading in found:
            if reading is None:
                raise IfddLiveError(f"Ray: expected an answer, got {dict(engine.dropped)}")
            waiting[request.ring.face_id] = streams[request.ring.face_id - 1]
        if windows < warm <= windows + len(found):
            began_s, began_cpu, windows = time.perf_counter(), _cpu_s(engine), warm
        else:
            windows += len(found)
        if not found:
            engine.woken.wait(1.0)
            engine.woken.clear()
    took_s, count = time.perf_counter() - began_s, windows - warm
    cpu = {name: round((used - began_cpu[name]) * 1000 / count, 1) for name, used in _cpu_s(engine).items()}
    return count / took_s, cpu


def _cpu_s(engine: _Sender) -> dict[str, float]:
    """CPU seconds so far of this process, of the bridge, and of the replicas (Linux)."""
    found = {"program": time.process_time(), "bridge": 0.0, "replicas": 0.0}
    process = engine.link.process
    for number in () if process is None else (process.number, *marked(process.home)):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{number}/stat").read_text()
            fields = text.rpartition(")")[2].split()
            own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            if process is not None and number == process.number:
                found["bridge"] = own
            elif "ServeRepli" in text:
                found["replicas"] += own
    return found


def on_ray(config: Config, seconds: float) -> dict[str, Any]:
    """Windows a second locally and with 1 and 2 replicas on this machine; the cost of each form of a window.

    Raises:
        IfddLiveError: Ray is not installed, or does not start.
    """
    limit_threads(config)
    local = build_engine(config)
    crops = _demo_crops(config, local)
    faces = [_Stream(local, config, crops, face_id) for face_id in range(1, FACES + 1)]
    rates = {"local": _local_rate(local, faces, seconds)}
    forms: dict[str, dict[str, float]] = {}
    cpu: dict[str, dict[str, float]] = {}
    for replicas in (1, 2):
        with _running(config, replicas) as engine:
            streams = [_Stream(local, config, crops, face_id) for face_id in range(1, FACES + 1)]
            rates[f"{replicas} replicas"], cpu[f"cpu_ms_a_window {replicas} replicas"] = _ray_rate(
                engine, streams, seconds
            )
            if replicas == 1:
                forms = _forms(engine, config, crops, seconds)
    return {
        "model": local.spec.name,
        "windows_per_s": {name: round(rate, 1) for name, rate in rates.items()},
        "against_local": {
            name: round(rate / rates["local"], 2) for name, rate in rates.items() if name != "local"
        },
        **cpu,
        **{f"form {name}": figures for name, figures in forms.items()},
    }
