"""What a picture, a face, a window and a viewer cost: CPU time of the live program, thread by thread.

The program runs here, with its server, over clips of other rates and numbers of faces made from the demo
clip; Linux tells each thread's time on the CPU. `docs/scaling.md` computes with the result.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from realtime.bench.fanout import SETTLE_S, next_line, viewers
from realtime.bench.live import running
from realtime.capture.choose import DEMO_CLIP
from realtime.config import Config
from realtime.errors import IfddLiveError
from realtime.pipeline import Application
from realtime.serving.app import Server
from realtime.values import ImageU8

# rate, faces, viewers of each run; the first is what the others are compared with
RUNS = ((30, 1, 1), (15, 1, 1), (30, 0, 1), (30, 2, 1), (30, 1, 16))
CLIP_S = 10.0
# of each packet beside its payload, bytes: IPv4 20, UDP 8, RTP with its extensions 24, SRTP's tag 16
HEADERS_BYTES = 68
STAGES = ("capture", "vision", "composer", "encoder", "inference", "server")


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds by stage, and what was done meanwhile; packets and kilobits of RTP payload of a viewer."""

    seconds: float
    cpu_s: dict[str, float]
    pictures: int
    predictions: int
    packets_per_s: float
    kbit_per_s: float

    def per_picture_ms(self, stage: str) -> float:
        """CPU milliseconds of a stage for each captured picture."""
        return 1000 * self.cpu_s.get(stage, 0.0) / max(1, self.pictures)


def make_clip(path: Path, fps: int, faces: int) -> None:
    """Writes a clip of 640x480 with 0, 1, 2 or 4 faces, the demo's actor again and again.

    Raises:
        ValueError: another number of faces.
    """
    if faces not in (0, 1, 2, 4):
        raise ValueError(f"faces: expected 0, 1, 2 or 4, got {faces}")
    with av.open(str(DEMO_CLIP)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=Fraction(fps), options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        step, taken = round(30 / fps), 0
        for number, frame in enumerate(source.decode(video=0)):
            if number % step:
                continue
            if taken >= CLIP_S * fps:
                break
            picture = _arranged(frame.to_ndarray(format="rgb24"), faces)
            made = av.VideoFrame.from_ndarray(picture, format="rgb24")
            made.pts, made.time_base, taken = taken, Fraction(1, fps), taken + 1
            target.mux(stream.encode(made))
        target.mux(stream.encode(None))


def _arranged(picture: ImageU8, faces: int) -> ImageU8:
    if faces == 0:
        blurred: ImageU8 = cv2.GaussianBlur(picture, (0, 0), 40).astype(np.uint8)
        return blurred
    if faces == 2:
        middle = picture[:, 140:460]  # H W C: where the actor is
        return np.hstack([middle, middle])
    if faces == 4:
        small = cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA).astype(np.uint8)
        return np.vstack([np.hstack([small, small])] * 2)
    return picture


def _cpu_s() -> dict[str, float]:
    # a thread's first number in schedstat is its time on a CPU, nanoseconds
    stages = {
        each.native_id: next((name for name in STAGES if each.name.startswith(name)), "other")
        for each in threading.enumerate()
    }
    found: Counter[str] = Counter()
    for task in Path("/proc/self/task").iterdir():
        try:
            spent_ns = int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        found[stages.get(int(task.name), "native")] += spent_ns
    return {name: spent_ns / 1e9 for name, spent_ns in found.items()}


def use(application: Application, server: Server, seconds: float, watching: int) -> Used:
    """What the program uses in so many seconds while so many watch, from another process.

    Raises:
        IfddLiveError: the viewers were not all served.
    """
    server.start()
    try:
        with viewers(server.url, seconds, (watching,)) as process:
            next_line(process)
            began, before, counts = time.monotonic(), _cpu_s(), _counts(application)
            row = next_line(process)
            if row is None:
                raise IfddLiveError(f"costs: expected {watching} viewers to be served, got fewer")
            took, after, later = time.monotonic() - began, _cpu_s(), _counts(application)
    finally:
        server.stop()
    spent = {name: after[name] - before.get(name, 0.0) for name in after}
    done = later[0] - counts[0], later[1] - counts[1]
    return Used(took, spent, *done, row["packets_per_s"], row["kbit_per_s"])


def _counts(application: Application) -> tuple[int, int]:
    (stream,) = application.streams.values()
    measures = stream.measures()
    return measures.frames["capture"], measures.predictions


def costs(config: Config, seconds: float) -> dict[str, Any]:
    """CPU milliseconds by what causes them; see `summary`.

    Raises:
        IfddLiveError: the system does not tell a thread's time, or the program cannot start.
    """
    if sys.platform != "linux":
        raise IfddLiveError("costs: expected Linux, which tells each thread's time, got another system")
    found: dict[tuple[int, int, int], Used] = {}
    with tempfile.TemporaryDirectory(prefix="ifdd-costs-") as folder:
        for fps, faces, watching in RUNS:
            clip = Path(folder) / f"{fps}-{faces}.mp4"
            if not clip.exists():
                make_clip(clip, fps, faces)
            own = replace(config, source=str(clip), loop=True, faces=max(1, faces), viewers=max(32, watching))
            with running(own) as application:
                threading.Event().wait(SETTLE_S)
                found[fps, faces, watching] = use(application, Server(application, own), seconds, watching)
    return summary(found)


def summary(found: dict[tuple[int, int, int], Used]) -> dict[str, Any]:
    """What the runs come to, in CPU milliseconds.

    Returns:
        `runs` with each stage's milliseconds a second; `picture_ms` by stage, without a face for "vision";
        `first_face_ms` and `next_face_ms` more for a picture with faces; `window_ms`; `viewer_ms` for each
        viewer and picture; `predictions_hz` of one face; `network` of one viewer.
    """
    base, many = found[RUNS[0]], found[RUNS[4]]
    empty, two = found[RUNS[2]], found[RUNS[3]]
    loop = (many.per_picture_ms("server") - base.per_picture_ms("server")) / (RUNS[4][2] - RUNS[0][2])
    picture = {name: base.per_picture_ms(name) for name in ("capture", "composer", "encoder")}
    picture["server"] = base.per_picture_ms("server") - loop
    picture["vision"] = empty.per_picture_ms("vision") + empty.per_picture_ms("native")
    with_one = base.per_picture_ms("vision") + base.per_picture_ms("native")
    with_two = two.per_picture_ms("vision") + two.per_picture_ms("native")
    return {
        "runs": [
            {
                "fps": fps,
                "faces": faces,
                "viewers": watching,
                "cpu_percent": round(100 * sum(used.cpu_s.values()) / used.seconds, 1),
                "pictures_per_s": round(used.pictures / used.seconds, 1),
                "predictions_per_s": round(used.predictions / used.seconds, 1),
                **{name: round(1000 * spent / used.seconds, 1) for name, spent in sorted(used.cpu_s.items())},
            }
            for (fps, faces, watching), used in found.items()
        ],
        "picture_ms": {name: round(value, 2) for name, value in sorted(picture.items())},
        "first_face_ms": round(with_one - picture["vision"], 2),
        "next_face_ms": round(with_two - with_one, 2),
        "window_ms": round(1000 * base.cpu_s.get("inference", 0.0) / max(1, base.predictions), 2),
        "viewer_ms": round(loop, 3),
        "predictions_hz": round(base.predictions / base.seconds, 1),
        "network": {
            "kbit_per_s": base.kbit_per_s,
            "packets_per_s": base.packets_per_s,
            "wire_to_payload": round(
                1 + base.packets_per_s * HEADERS_BYTES * 8 / (1000 * base.kbit_per_s), 3
            ),
        },
    }
