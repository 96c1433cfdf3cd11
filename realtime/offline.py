"""The same stages over a file, every frame, without threads: what goes in decides what comes out."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from realtime.build import (
    build_driver,
    build_engine,
    build_inference,
    build_landmarker,
    build_persons,
    build_view,
    build_vision,
    limit_threads,
)
from realtime.capture.choose import DEMO_CLIP, open_source
from realtime.capture.file import FileSource
from realtime.capture.source import NoPicture, Source
from realtime.capture.thread import fit
from realtime.config import Config, needs_consent
from realtime.errors import SourceLostError
from realtime.inference.stage import Feed
from realtime.picture.compose import Painter
from realtime.session.events import face_events, prediction_event
from realtime.session.sinks import JsonLines, VideoFile
from realtime.several import ONLY
from realtime.values import Frame, Prediction

log = logging.getLogger(__name__)

MAX_SIDE = 1920  # as live
INTERRUPTED = 130  # exit code, as a shell gives it for SIGINT


@dataclass(slots=True)
class Summary:
    """What was in the file: frames, frames with a face, predictions, and the driver's alerts."""

    frames: int = 0
    with_face: int = 0
    predictions: int = 0
    alerts: int = 0


def run_offline(config: Config) -> int:
    """Processes the file that the settings name and says what was in it; returns the exit code.

    Raises:
        IfddLiveError: as `process_file`.
    """
    stop = threading.Event()
    with _until_signalled(stop):
        summary = process_file(config, stop)
    print(
        ("ended early: " if stop.is_set() and not needs_consent(config.source) else "")
        + f"{summary.frames} frames, a face in {summary.with_face}, {summary.predictions} predictions"
        + (f", {summary.alerts} driver alerts" if config.profile == "driver" else ""),
        file=sys.stderr,
    )
    # a camera has no end of its own: to end it is no interruption
    return INTERRUPTED if stop.is_set() and not needs_consent(config.source) else 0


@contextlib.contextmanager
def _until_signalled(stop: threading.Event) -> Iterator[None]:
    """Has SIGINT and SIGTERM set `stop`, so that files end as they should; a second one ends at once."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can
        return
    before: dict[int, Any] = {}

    def handle(number: int, _frame: Any) -> None:
        stop.set()
        signal.signal(number, before[number])

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)


def process_file(config: Config, stop: threading.Event | None = None) -> Summary:
    """Processes the file that the settings name and writes what they ask for.

    Args:
        config: the settings.
        stop: set: no further frame is read, and the outputs hold what was until then.

    Raises:
        IfddLiveError: the file, the weights or an output does not fit; no output is left behind.
    """
    limit_threads(config)
    source, stop = _open(config), stop or threading.Event()
    engine = build_engine(config) if config.reads_expressions else None
    inference = None if engine is None else build_inference(config, engine)
    persons = None
    if engine is not None and inference is not None:
        persons = build_persons(config, engine, inference.wanted_hz)
    told: list[dict[str, Any]] = []
    driver = build_driver(config, told.append, 0) if config.profile == "driver" else None
    predictions: list[Prediction] = []
    painter = Painter(expressions=config.reads_expressions)
    notices = () if engine is None or engine.spec.trained else ("untrained weights",)
    summary = Summary()
    with contextlib.ExitStack() as stack:
        stack.callback(source.close)
        landmarker = build_landmarker(config)
        stack.callback(landmarker.close)
        view = build_view(config)
        vision = build_vision(config, engine, landmarker, lambda: view)
        feed = Feed(
            "file", lambda: vision.rings, predictions.append, None if persons is None else persons.adjust
        )
        events = stack.enter_context(JsonLines(Path(config.events))) if config.events else None
        video = stack.enter_context(VideoFile(Path(config.video))) if config.video else None
        bar = stack.enter_context(
            tqdm(
                total=getattr(source, "frame_count", 0) or None,
                unit="frame",
                disable=not config.progress,
                mininterval=0.5,
            )
        )
        for frame in _frames(source, stop):
            summary.frames += 1
            observation = vision.process(frame)
            summary.with_face += bool(observation.faces)
            if persons is not None:
                persons.observe(observation)
            if driver is not None:
                painter.watch_driver(driver.observe(observation))
                summary.alerts += sum(each["event"] == "driver_alert" and each["active"] for each in told)
            if inference is not None:
                inference.step((feed,))
            summary.predictions += len(predictions)
            for prediction in predictions:
                painter.note(prediction)
            if events is not None:
                for event in (*face_events(observation, 0), *told):
                    events.write({**event, "stream": ONLY})
                for prediction in predictions:
                    events.write({**prediction_event(prediction, 0), "stream": ONLY})
            predictions.clear()
            told.clear()
            if video is not None:
                video.write(painter.paint(frame, observation, notices, view=view))
            bar.update()
    return summary


def _open(config: Config) -> Source:
    if needs_consent(config.source):  # a camera, which the command line has checked
        return open_source(config.source, config)
    return FileSource(DEMO_CLIP if config.source == "demo" else config.source, live=False)


def _frames(source: Source, stop: threading.Event) -> Iterator[Frame]:
    """The source's frames with times from its start, until its end, a stop, or the loss of a camera."""
    seq, start_ns = 0, 0
    try:
        while not stop.is_set() and (taken := source.read()) is not None:
            if isinstance(taken, NoPicture):
                continue
            image_rgb, t_ns = taken
            if source.live and seq == 0:
                start_ns = t_ns
            yield Frame(seq, t_ns - start_ns, fit(image_rgb, MAX_SIDE))
            seq += 1
    except SourceLostError as error:
        log.warning("ended after %d pictures: %s", seq, error)
