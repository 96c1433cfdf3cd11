"""Reads a recording, or any file of events, into compact arrays for exports and the report."""

from __future__ import annotations

import json
import math
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realtime.errors import OutputError

Range = tuple[float, float]
QUALITY = ("size_px", "yaw_deg", "pitch_deg", "roll_deg", "sharpness", "brightness")


@dataclass(slots=True)
class FaceSeries:
    """One face's predictions in order of time.

    Attributes:
        labels: class names, as the first prediction has them.
        t: seconds, on the clock of the events.
        shown: number of the label shown, -1 for "unsure".
        scores: probabilities, row after row.
        confidence, intensity: 0 to 1.
        size_px, brightness, yaw_deg: of the picture.
        hints: how many predictions had each hint.
    """

    labels: tuple[str, ...]
    t: array[float] = field(default_factory=lambda: array("d"))
    shown: array[int] = field(default_factory=lambda: array("h"))
    scores: array[float] = field(default_factory=lambda: array("f"))
    confidence: array[float] = field(default_factory=lambda: array("f"))
    intensity: array[float] = field(default_factory=lambda: array("f"))
    size_px: array[float] = field(default_factory=lambda: array("f"))
    brightness: array[float] = field(default_factory=lambda: array("f"))
    yaw_deg: array[float] = field(default_factory=lambda: array("f"))
    hints: Counter[str] = field(default_factory=Counter)
    good: int = 0
    calibrated: int = 0
    taught: int = 0


@dataclass(slots=True)
class Recording:
    """What a file of events says, without what was left out.

    Attributes:
        start, end: its first and last object; empty where it has none.
        first_t, last_t: seconds, on the clock of the events.
        excluded: ranges that were left out, sorted and joined.
        markers: time and label.
        faces: each face's predictions by its id.
        came, gone: how many faces came and went.
        figures: how the program was doing, one object every some seconds.
        left_out: predictions that lie in excluded ranges.
        broken: lines that are no event.
    """

    start: dict[str, Any] = field(default_factory=dict)
    end: dict[str, Any] = field(default_factory=dict)
    first_t: float = 0.0
    last_t: float = 0.0
    excluded: list[Range] = field(default_factory=list)
    markers: list[tuple[float, str]] = field(default_factory=list)
    faces: dict[int, FaceSeries] = field(default_factory=dict)
    figures: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0
    broken: int = 0


def lines_of(path: Path) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Each line of the file with its object; None where it holds none.

    Raises:
        OutputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for line in file:
                yield line, _event(line)
    except OSError as error:
        raise OutputError(f"events {path}: expected a file to read, got: {error.strerror}") from None


def excluded_in(path: Path) -> list[Range]:
    """The ranges that were left out, sorted and joined."""
    found = []
    for line, event in _wanted(path, b'"excluded"'):
        del line
        if event.get("event") == "excluded" and _numbers(event, "from", "to"):
            found.append((float(event["from"]), float(event["to"])))
    return join(found)


def join(ranges: list[Range]) -> list[Range]:
    """The same ranges, sorted, with those that touch made one."""
    joined: list[Range] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def is_excluded(event: Mapping[str, Any], ranges: list[Range]) -> bool:
    """Whether an event lies in a range; a prediction does as soon as its window reaches into one."""
    if not ranges or event.get("event") in ("session_start", "session_end", "excluded"):
        return False
    to_t = float(event["t"])
    window = event.get("window")
    from_t = float(window[0]) if isinstance(window, list) and window else to_t
    return any(from_t <= high and to_t >= low for low, high in ranges)


def read(path: Path) -> Recording:
    """Reads a file of events; what lies in excluded ranges is left out.

    Raises:
        OutputError: the file cannot be read, or holds no event.
    """
    made = Recording(excluded=excluded_in(path))
    seen = False
    for line, event in lines_of(path):
        if event is None:
            made.broken += bool(line.strip())
            continue
        t = float(event["t"])
        made.first_t, made.last_t = (min(made.first_t, t), max(made.last_t, t)) if seen else (t, t)
        seen = True
        kind = event.get("event")
        if kind == "session_start":
            made.start = event
        elif kind == "session_end":
            made.end = event
        elif is_excluded(event, made.excluded):
            made.left_out += "label" in event and "face" in event
        elif kind == "marker":
            made.markers.append((t, str(event.get("label", ""))))
        elif kind == "figures":
            made.figures.append(event)
        elif kind is None and not _take(made, event):
            made.broken += 1
    if not seen:
        raise OutputError(f"events {path}: expected one JSON object a line with a time, got none")
    return made


def _take(made: Recording, event: dict[str, Any]) -> bool:
    """Adds a prediction; False if it is none."""
    try:
        scores, quality = event["probabilities"], event.get("quality") or {}
        labels, label, face = tuple(scores), event["label"], int(event["face"])
        row = [float(each) for each in scores.values()]
        numbers = [float(event[key]) for key in ("t", "confidence", "intensity")]
        picture = [float(quality.get(key, math.nan)) for key in ("size_px", "brightness", "yaw_deg")]
        hints = [str(each) for each in quality.get("hints", ())]
    except (KeyError, TypeError, ValueError, AttributeError):
        return False
    series = made.faces.setdefault(face, FaceSeries(labels))
    if labels != series.labels:
        return False  # the model was changed: a file has one
    series.scores.extend(row)
    for store, value in zip((series.t, series.confidence, series.intensity), numbers, strict=True):
        store.append(value)
    for store, value in zip((series.size_px, series.brightness, series.yaw_deg), picture, strict=True):
        store.append(value)
    series.shown.append(labels.index(label) if label in labels else -1)
    series.hints.update(hints)
    series.good += not hints
    series.calibrated += event.get("calibrated") is True
    series.taught += event.get("taught") is True
    return True


def _wanted(path: Path, word: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Lines that hold a word, with their objects; the others are not even parsed."""
    try:
        with path.open("rb") as file:
            for line in file:
                if word in line and (event := _event(line)) is not None:
                    yield line, event
    except OSError as error:
        raise OutputError(f"events {path}: expected a file to read, got: {error.strerror}") from None


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and _numbers(event, "t") else None


def _numbers(event: Mapping[str, Any], *keys: str) -> bool:
    return all(isinstance(event.get(key), (int, float)) for key in keys)
