"""What calibration to a resting face changes on the demo clip, action by action.

`python -m realtime.bench.rest [weights]` prints a table in Markdown. The clip's actor smiles at rest.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from realtime.build import ASSETS, build_engine, limit_threads
from realtime.capture.choose import DEMO_CLIP
from realtime.capture.file import FileSource
from realtime.capture.source import NoPicture
from realtime.clock import to_ns, to_s
from realtime.config import Config
from realtime.errors import IfddLiveError
from realtime.inference.calibration import Neutral, RestCollector
from realtime.inference.engine import Engine, Reading, Request
from realtime.inference.scores import Scores, intensity_of, probabilities_of
from realtime.values import Frame
from realtime.vision.landmarks import FaceMesh
from realtime.vision.ring import CropRing, Window
from realtime.vision.stage import VisionStage

REST_S = 2.95  # the clip begins with three seconds of rest
UNSURE_BELOW = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """One window of the demo clip as the model reads it; times in seconds of the clip."""

    from_s: float
    to_s: float
    window: Window
    reading: Reading

    @property
    def window_ns(self) -> tuple[int, int]:
        """Times of its oldest and newest crop."""
        return int(self.window.t_ns[0]), int(self.window.t_ns[-1])


def schedule() -> list[dict[str, Any]]:
    """What the clip's actor does when."""
    found: list[dict[str, Any]] = json.loads((ASSETS / "demo" / "demo.json").read_text())["schedule"]
    return found


def read_demo(
    engine: Engine,
    *,
    span_s: float,
    wanted: Callable[[float, float], bool] = lambda *_: True,
    every: int = 1,
    hop_s: float = 0.13,
) -> list[Read]:
    """The clip's windows, without smoothing.

    Args:
        engine: the model.
        span_s: time span of a window.
        wanted: whether a window from one time to another is of interest.
        every: takes one frame of so many.
        hop_s: time between two windows.
    """
    rings: list[CropRing] = []

    def make_ring(face_id: int) -> CropRing:
        rings.append(CropRing(face_id, frames=engine.spec.frames, span_s=span_s, gap_s=0.3))
        return rings[-1]

    found: list[Read] = []
    after_ns: int | None = None
    source, number = FileSource(DEMO_CLIP, live=False), 0
    with FaceMesh(1) as mesh:
        vision = VisionStage(mesh, 1, make_ring)
        while (taken := source.read()) is not None:
            number += 1
            if isinstance(taken, NoPicture) or (number - 1) % every:
                continue
            vision.process(Frame(number, taken[1], taken[0]))
            window = rings[-1].window(after_ns) if rings else None
            if window is None:
                continue
            times = to_s(int(window.t_ns[0])), to_s(int(window.t_ns[-1]))
            if wanted(*times):
                after_ns = window.grid_ns + to_ns(hop_s) - to_ns(span_s) // (2 * engine.spec.frames)
                (reading,) = engine.read([Request(0, window, rings[-1])])
                assert reading is not None
                found.append(Read(*times, window, reading))
    source.close()
    return found


def rest_of(reads: Sequence[Read], engine: Engine, span_s: float) -> Neutral:
    """The rest that the clip's first three seconds give.

    Raises:
        IfddLiveError: they give none.
    """
    collector = RestCollector(engine.fingerprint, engine.spec, 0, seconds=REST_S, span_s=span_s, hz=7.5)
    for each in reads:
        collector.take(each.window_ns, each.reading.logits, each.window.face.quality)
    if collector.neutral is None:
        raise IfddLiveError(f"rest: {collector.message}")
    return collector.neutral


def shown(scores: Sequence[Scores], labels: tuple[str, ...]) -> Counter[str]:
    """How often each label is the strongest, "unsure" where it is weak."""
    return Counter(
        labels[int(each.probabilities.argmax())] if each.probabilities.max() >= UNSURE_BELOW else "unsure"
        for each in scores
    )


def main(arguments: Sequence[str]) -> int:
    """Prints the table; returns the exit code."""
    try:
        config = Config(weights=arguments[0] if arguments else "")
        limit_threads(config)
        engine = build_engine(config)
        reads = read_demo(engine, span_s=config.window_seconds, hop_s=config.hop_seconds)
        rest = rest_of(reads, engine, config.window_seconds)
    except IfddLiveError as error:
        print(f"rest: {error}", file=sys.stderr)
        return error.exit_code
    print(f"rest, log-odds against neutral: {rest.to_json()['rest']}\n")
    print("| action | windows | before | after | intensity |\n| --- | --- | --- | --- | --- |")
    for action in dict.fromkeys(each["action"] for each in schedule()):
        spans = [(e["apex_start"], e["apex_end"]) for e in schedule() if e["action"] == action]
        own = [
            each for each in reads if any(low <= (each.from_s + each.to_s) / 2 <= high for low, high in spans)
        ]
        if own:
            print(_row(action, [each.reading.logits for each in own], rest, engine))
    return 0


def _row(action: str, logits: list[Any], rest: Neutral, engine: Engine) -> str:
    spec = engine.spec
    before = [Scores(probabilities_of(each, spec), intensity_of(each, spec)) for each in logits]
    after = [rest.scores(each, spec) for each in logits]
    cells = []
    for scores in (before, after):
        label, count = shown(scores, spec.labels).most_common(1)[0]
        means = np.mean([each.probabilities for each in scores], axis=0)
        told = float(means[spec.labels.index(label)] if label in spec.labels else means.max())
        cells.append(f"{label} {count / len(scores):.0%} ({told:.2f})")
    strength = [float(np.mean([each.intensity for each in scores])) for scores in (before, after)]
    return f"| {action} | {len(logits)} | {' | '.join(cells)} | {strength[0]:.2f} → {strength[1]:.2f} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
