"""How many streams one process holds, and what gives first."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from realtime.build import build_engine
from realtime.capture.choose import DEMO_CLIP
from realtime.config import Config
from realtime.pipeline import Application
from realtime.serving.encoder import Coder, SharedEncoder
from realtime.stream import Stream

RATES = (15.0, 30.0)
MOST = 64
HELD = 0.95  # of the pictures' rate
# of the predictions' rate: windows end on a grid of crops, so that some hops are a grid step longer
PREDICTED = 0.85
AGE_MS = 150.0  # 95th percentile from a frame's time to its finished picture
SETTLE_S = 3.0
START_S = 60.0


@dataclass(frozen=True, slots=True)
class Found:
    """What the worst of some streams got.

    Attributes:
        streams: how many there were.
        capture, vision, picture, encode: pictures a second.
        predictions: a second.
        age_ms: 95th percentile from a frame's time to its picture.
        cpu_percent: of one core, the whole process.
        gave: the stage that was farthest below its bound; "" where none was below.
    """

    streams: int
    capture: float
    vision: float
    picture: float
    encode: float
    predictions: float
    age_ms: float
    cpu_percent: float
    gave: str


def what_gave(found: dict[str, float], fps: float, wanted_hz: float) -> str:
    """The stage that is farthest below its bound; "" where none is below.

    Args:
        found: the worst stream's "capture", "vision", "picture", "encode" and "predictions" a second, and
            "age_ms".
        fps: pictures a second that the source has.
        wanted_hz: predictions a second of its face.
    """
    reached = {stage: found[stage] / (HELD * fps) for stage in ("capture", "vision", "picture", "encode")}
    reached["predictions"] = found["predictions"] / (PREDICTED * wanted_hz)
    reached["frame age"] = AGE_MS / max(found["age_ms"], 1e-9)
    worst = min(reached, key=lambda stage: reached[stage])
    return worst if reached[worst] < 1 else ""


def most_held(holds: Callable[[int], bool], most: int = MOST) -> int:
    """The largest number that holds, 0 for none; tries 1, 2, 4 ... and then halves what is left."""
    low, high = 0, 1
    while high <= most and holds(high):
        low, high = high, 2 * high
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


@contextlib.contextmanager
def clip_of(fps: float) -> Iterator[Path]:
    """The demo clip with so many pictures a second, a divisor of its own 30."""
    every = round(30 / fps)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(DEMO_CLIP)) as given, av.open(str(path), "w") as made:
            stream = made.add_stream("libx264", rate=round(fps), options={"preset": "veryfast", "crf": "20"})
            stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
            for number, frame in enumerate(given.decode(video=0)):
                if number % every == 0:
                    picture = frame.to_ndarray(format="yuv420p")
                    made.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
            made.mux(stream.encode(None))
        yield path


class _Counts:
    """What a stream has done so far, with its encoder running as for a viewer."""

    def __init__(self, stream: Stream, config: Config) -> None:
        self._stream, self._coded = stream, 0
        self._encoder = SharedEncoder(
            stream.name,
            stream.pictures,
            Coder("H264", config.bitrate, config.fps),
            self._count,
            lambda *_: None,
        )
        self._encoder.start()

    def now(self) -> dict[str, float]:
        measured = self._stream.measures()
        frames = {key: float(value) for key, value in measured.frames.items()}
        return {**frames, "encode": float(self._coded), "predictions": float(measured.predictions)}

    def age_ms(self) -> float:
        age = self._stream.status()["latency_ms"]["frame_to_picture"]
        return float(age["p95"]) if age else float("inf")

    def stop(self) -> None:
        self._encoder.stop()

    def _count(self, _picture: object) -> None:
        self._coded += 1


def measure(config: Config, count: int, fps: float, seconds: float) -> Found:
    """Runs so many streams of a clip, model and one encoder each, and measures the worst of them.

    Args:
        config: the process's settings; its source is the clip.
        count: how many streams.
        fps: the clip's pictures a second.
        seconds: how long is measured, after the start.

    Raises:
        IfddLiveError: a part cannot start.
    """
    streams = {f"s{number}": config for number in range(1, count + 1)}
    application = Application(
        config, streams, engine=build_engine(config) if config.reads_expressions else None
    )
    counters: list[_Counts] = []
    try:
        application.start()
        counters += [_Counts(stream, config) for stream in application.streams.values()]
        waited, deadline = threading.Event(), time.monotonic() + START_S
        while any(each.now()["predictions"] == 0 for each in counters) and time.monotonic() < deadline:
            waited.wait(0.1)
        waited.wait(SETTLE_S)
        before, began, cpu = [each.now() for each in counters], time.monotonic(), time.process_time()
        waited.wait(seconds)
        took = time.monotonic() - began
        after = [each.now() for each in counters]
        cpu_percent = 100 * (time.process_time() - cpu) / took
        rates = [
            {key: (late[key] - early[key]) / took for key in late}
            for early, late in zip(before, after, strict=True)
        ]
        worst = {key: round(min(each[key] for each in rates), 1) for key in rates[0]}
        worst["age_ms"] = round(max(each.age_ms() for each in counters), 1)
        rhythm = next(iter(application.streams.values())).status()["rates"]["prediction_hz_wanted_a_face"]
        return Found(
            count,
            **worst,
            cpu_percent=round(cpu_percent, 1),
            gave=what_gave(worst, fps, rhythm),
        )
    finally:
        for each in counters:
            each.stop()
        application.stop()


def streams(config: Config, seconds: float, rates: Sequence[float] = RATES) -> dict[str, Any]:
    """How many streams of the demo clip are held at 15 and at 30 pictures a second.

    Args:
        config: the process's settings.
        seconds: how long each number of streams is measured.
        rates: instead of 15 and 30.

    Raises:
        IfddLiveError: a part cannot start.
    """
    found: dict[str, Any] = {}
    for fps in rates:
        tried: dict[int, Found] = {}
        with clip_of(fps) as clip:
            own = dataclasses.replace(config, source=str(clip), loop=True, fps=fps)

            def holds(
                count: int, own: Config = own, fps: float = fps, tried: dict[int, Found] = tried
            ) -> bool:
                made = tried[count] = measure(own, count, fps, seconds)
                print(row(made), file=sys.stderr, flush=True)
                return not made.gave

            held = most_held(holds)
        gave = tried[held + 1].gave if held + 1 in tried else ""
        made = [dataclasses.asdict(tried[each]) for each in sorted(tried)]
        found[f"{fps:g} fps"] = {"held": held, "gave_first": gave, "tried": made}
    return found


def row(found: Found) -> str:
    """One line of the table."""
    gave = f", gives: {found.gave}" if found.gave else ""
    return (
        f"{found.streams} streams: pictures {found.picture}/s, vision {found.vision}, "
        f"encoded {found.encode}, predictions {found.predictions}/s, age {found.age_ms} ms, "
        f"CPU {found.cpu_percent} %{gave}"
    )


def rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The table's lines: what was held at each rate, and each try."""
    made = []
    for rate, at in found.items():
        first = f", then gives: {at['gave_first']}" if at["gave_first"] else ""
        made.append((f"at {rate}", f"{at['held']} streams{first}"))
        for each in at["tried"]:
            name, _, text = row(Found(**each)).partition(": ")
            made.append((f"  {name}", text))
    return made
