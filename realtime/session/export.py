"""Recordings as files for others: JSON lines with what was left out marked, CSV and report without it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from realtime.session import report
from realtime.session.recording import QUALITY, excluded_in, is_excluded, lines_of, read

CHUNK_BYTES = 1 << 18
# a cell that begins so would be taken for a formula by a spreadsheet
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def jsonl(path: Path) -> Iterator[bytes]:
    """The events as they were written; those in excluded ranges get `"excluded": true`."""
    ranges = excluded_in(path)

    def lines() -> Iterator[bytes]:
        for line, event in lines_of(path):
            if event is not None and is_excluded(event, ranges):
                yield (json.dumps({**event, "excluded": True}, separators=(",", ":")) + "\n").encode()
            else:
                yield line

    return _chunks(lines())


def to_csv(path: Path) -> Iterator[bytes]:
    """One row a prediction, without excluded ranges; `markers` holds those set since the row before.

    `t` is the events' clock, `session_s` counts from the recording's beginning.
    """
    ranges = excluded_in(path)

    def lines() -> Iterator[bytes]:
        labels: tuple[str, ...] = ()
        begun: float | None = None
        markers: list[str] = []
        for _, event in lines_of(path):
            if event is None:
                continue
            begun = float(event["t"]) if begun is None else begun
            if is_excluded(event, ranges):
                continue
            if event.get("event") == "marker":
                markers.append(str(event.get("label", "")))
            if "event" in event or not isinstance(event.get("probabilities"), dict):
                continue
            if not labels:
                labels = tuple(event["probabilities"])
                yield _row(_columns(labels))
            yield _row(_values(event, labels, begun, markers))
            markers = []

    return _chunks(lines())


def to_report(path: Path) -> Iterator[bytes]:
    """The report as one HTML page."""
    yield report.build(read(path), path.stem).encode()


KINDS: dict[str, Callable[[Path], Iterator[bytes]]] = {
    "events.jsonl": jsonl,
    "events.csv": to_csv,
    "report.html": to_report,
}


def _columns(labels: tuple[str, ...]) -> list[object]:
    scores = [f"score_{name}" for name in labels]
    fixed = ["t", "session_s", "frame", "face", "label", "confidence", "intensity"]
    return [*fixed, *scores, *QUALITY, "hints", "box", "cost_ms", "calibrated", "taught", "markers"]


def _values(event: dict[str, Any], labels: tuple[str, ...], begun: float, markers: list[str]) -> list[object]:
    quality = event.get("quality") or {}
    scores = event["probabilities"]
    return [
        event["t"],
        round(float(event["t"]) - begun, 4),
        *(event.get(key) for key in ("frame", "face", "label", "confidence", "intensity")),
        *(scores.get(name) for name in labels),
        *(quality.get(name) for name in QUALITY),
        "; ".join(quality.get("hints") or ()),
        " ".join(str(each) for each in event.get("box") or ()),
        event.get("cost_ms"),
        int(event.get("calibrated") is True),
        int(event.get("taught") is True),
        "; ".join(markers),
    ]


def _row(values: list[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        "'" + each if isinstance(each, str) and each.startswith(FORMULA) else each for each in values
    )
    return text.getvalue().encode()


def _chunks(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in few large parts."""
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= CHUNK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)
