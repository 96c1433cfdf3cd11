"""A recording as one HTML page that opens anywhere: no script, no server, nothing from outside.

`python -m realtime.session.report events.jsonl report.html` makes one of any file of events.
"""

from __future__ import annotations

import math
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from realtime.errors import IfddLiveError
from realtime.session.bins import MOST_BINS, Binned, changes_of, holds, into_bins
from realtime.session.plots import (
    Floats,
    TimeAxis,
    bands,
    bars,
    clock,
    flags,
    frame,
    line,
    stacked,
    strip,
    text,
)
from realtime.session.recording import FaceSeries, Recording, read
from realtime.session.report_style import policy, style_sheet

MOST_FACES = 8
MOST_ROWS = 200


def build(recording: Recording, name: str) -> str:
    """The page.

    Args:
        recording: what `recording.read` gave.
        name: of the recording.
    """
    labels: tuple[str, ...] = next((each.labels for each in recording.faces.values()), ())
    style = style_sheet(labels)
    seconds = max(0.5, recording.last_t - recording.first_t)
    axis = TimeAxis(seconds)
    body = [_head(recording, seconds), _key(labels, recording)]
    busiest = sorted(recording.faces, key=lambda face: -len(recording.faces[face].t))
    for face in sorted(busiest[:MOST_FACES]):
        series = recording.faces[face]
        if series.labels == labels:
            body.append(_face(face, series, recording, axis))
    if len(busiest) > MOST_FACES:
        body.append(f"<p class='soft'>{len(busiest) - MOST_FACES} more faces, seen for less time.</p>")
    if not recording.faces:
        body.append("<section><p>No facial expressions were read in this recording.</p></section>")
    body += [_markers(recording), _figures(recording, axis), _reading(recording)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{text(policy(style))}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>IFDD Live recording {text(name)}</title><style>{style}</style></head><body>"
        '<svg width="0" height="0" aria-hidden="true"><defs><pattern id="hatch" width="8" height="8" '
        'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line class="hatch" x1="0" x2="0" y1="0" y2="8"/></pattern></defs></svg>'
        f"<h1>IFDD Live: a recording</h1>{''.join(body)}</body></html>\n"
    )


def _head(recording: Recording, seconds: float) -> str:
    start = recording.start
    source, model = start.get("source") or {}, start.get("model") or {}
    told = []
    if start.get("started"):
        told.append(_date(str(start["started"])))
    if isinstance(source, dict) and source.get("name"):
        told.append(f"source: {source['name']}")
    if isinstance(model, dict) and model.get("name"):
        weights = "trained weights" if model.get("trained") else "untrained weights"
        told.append(f"model: {model['name']}, {weights}")
    cut = sum(high - low for low, high in _out(recording, seconds))
    faces = recording.faces.values()
    facts = {
        "length": clock(seconds),
        "faces": len(recording.faces),
        "readings": f"{sum(len(each.t) for each in faces):,}",
        "changes": sum(sum(changes_of(each).values()) for each in faces),
        "markers": len(recording.markers),
        "left out": clock(cut) if cut else "nothing",
    }
    if recording.end.get("dropped"):
        facts["dropped"] = f"{int(recording.end['dropped']):,}"
    cells = "".join(f"<div><dt>{text(key)}</dt><dd>{text(value)}</dd></div>" for key, value in facts.items())
    notes = (
        "<p>The scores say how people would label a <b>facial expression</b>; "
        "what a person feels they do not say.</p>"
    )
    if recording.end.get("interrupted"):
        notes += "<p><b>The program was ended while it recorded:</b> the last second may be missing.</p>"
    told_line = f"<p class='soft'>{text(' · '.join(told))}</p>"
    return f"{told_line}<section><dl class='facts'>{cells}</dl>{notes}</section>"


def _key(labels: tuple[str, ...], recording: Recording) -> str:
    if not labels:
        return ""
    entries = [(f"c{number}", name) for number, name in enumerate(labels)] + [("unsure", "unsure")]
    if recording.excluded:
        entries.append(("out", "left out"))
    items = "".join(
        f'<li><svg viewBox="0 0 22 12" aria-hidden="true">'
        f'<rect class="{kind}" width="22" height="12" rx="2"/></svg>'
        f"{text(name)}</li>"
        for kind, name in entries
    )
    return f"<ul class='key'>{items}</ul>"


def _face(face: int, series: FaceSeries, recording: Recording, axis: TimeAxis) -> str:
    begun, seconds = recording.first_t, axis.seconds
    out = _out(recording, seconds)
    marks = [t - begun for t, _ in recording.markers]
    binned = into_bins(series, begun, seconds)
    middles = (binned.edges[1:] + binned.edges[:-1]) / 2
    held = holds(np.asarray(series.t, float))
    shown, total = np.asarray(series.shown, int), float(held.sum())
    rows = []
    for number, name in [*enumerate(series.labels), (-1, "unsure")]:
        spent = float(held[shown == number].sum())
        kind = "unsure" if number < 0 else f"c{number}"
        rows.append((name, kind, spent / total, f"{clock(spent)}  ({spent / total:.0%})"))
    changes = changes_of(series)
    minutes = total / 60
    table = "".join(
        f"<tr><td>{text(before)} &rarr; {text(after)}</td><td>{count}</td></tr>"
        for (before, after), count in changes.most_common(8)
    )
    marked = [_share("measured from the person's own rest", series.calibrated, series)] * bool(
        series.calibrated
    )
    marked += [_share("with a head taught on the person", series.taught, series)] * bool(series.taught)
    plots = [
        "<h3>Timeline: label shown, and scores</h3>",
        frame(axis, f"Label shown over time, face {face}", 22,
              [*strip(axis, binned.edges, binned.shown, 22), *bands(axis, out, 22)], times=False),
        frame(axis, f"Scores of the facial expressions over time, face {face}", 170,
              [*stacked(axis, binned.edges, binned.scores, 170), *bands(axis, out, 170),
               *flags(axis, marks, 170, numbers=True)],
              y_ticks=((0, "0"), (0.5, "0.5"), (1, "1"))),
        "<h3>Confidence and intensity</h3>",
        _lines_key((("one", "confidence"), ("two", "intensity"))),
        frame(axis, f"Confidence and intensity over time, face {face}", 80,
              [*bands(axis, out, 80), line(axis, middles, binned.confidence, 80, 0, 1, "one"),
               line(axis, middles, binned.intensity, 80, 0, 1, "two")],
              y_ticks=((0, "0"), (0.5, "0.5"), (1, "1"))),
    ]  # fmt: skip
    return (
        f"<section><h2>Face {face}</h2><p class='soft'>seen for {clock(total)}"
        f"{''.join(', ' + each for each in marked)}</p><div class='side'>"
        f"<div><h3>Time in each expression</h3>{bars(rows, f'Time in each expression, face {face}')}</div>"
        f"<div><h3>Changes of the label shown</h3><p>{sum(changes.values())} in all"
        f"{f', {sum(changes.values()) / minutes:.1f} a minute' if minutes > 0.5 else ''}</p>"
        f"<table>{table}</table></div></div>{''.join(plots)}"
        f"{_quality(face, series, binned, axis, out)}</section>"
    )


def _quality(
    face: int, series: FaceSeries, binned: Binned, axis: TimeAxis, out: list[tuple[float, float]]
) -> str:
    middles = (binned.edges[1:] + binned.edges[:-1]) / 2
    most = float(np.nanmax(binned.size_px)) if not np.isnan(binned.size_px).all() else 1.0
    top = max(50.0, 50 * np.ceil(most / 50))
    hints = "".join(
        f"<tr><td>{text(hint)}</td><td>{count / len(series.t):.0%}</td></tr>"
        for hint, count in series.hints.most_common(8)
    )
    complaints = f"<table><tr><th>hint</th><th>of readings</th></tr>{hints}</table>" if hints else ""
    return (
        f"<h3>Picture quality</h3><p>good in {series.good / len(series.t):.0%} of the readings</p>"
        + complaints
        + _lines_key((("one", f"face width, 0 to {top:.0f} pixels"), ("two", "brightness, 0 to 1")))
        + frame(axis, f"Face width and brightness over time, face {face}", 70,
                [*bands(axis, out, 70), line(axis, middles, binned.size_px, 70, 0, top, "one"),
                 line(axis, middles, binned.brightness, 70, 0, 1, "two")],
                y_ticks=((0, "0"), (1, f"{top:.0f} px")))
    )  # fmt: skip


def _markers(recording: Recording) -> str:
    if not recording.markers:
        return ""
    rows = "".join(
        f"<tr><td>{number}</td><td>{clock(t - recording.first_t)}</td><td>{text(label)}</td></tr>"
        for number, (t, label) in enumerate(recording.markers[:MOST_ROWS], 1)
    )
    more = len(recording.markers) - MOST_ROWS
    rest = f"<p class='soft'>and {more} more</p>" if more > 0 else ""
    return (
        f"<section><h2>Markers</h2><table><tr><th>number</th><th>time</th><th>label</th></tr>{rows}</table>"
        f"{rest}</section>"
    )


def _figures(recording: Recording, axis: TimeAxis) -> str:
    figures = recording.figures[:: max(1, len(recording.figures) // MOST_BINS)]
    if not figures:
        return ""
    times = np.array([float(each["t"]) - recording.first_t for each in figures])
    stages = {
        "picture": ("frame to finished picture", "frame_to_picture", "one"),
        "vision": ("face tracking", "vision", "three"),
        "inference": ("expression model", "inference", "two"),
    }
    rows, lines, keys, top = "", [], [], 10.0
    columns = {key: _column(figures, ("latency_ms", place)) for key, (_, place, _) in stages.items()}
    for key, (name, _, kind) in stages.items():
        medians, worst = columns[key]
        if np.isnan(medians).all():
            continue
        top = max(top, float(np.nanmax(medians)) * 1.15)
        keys.append((kind, name))
        rows += (
            f"<tr><td>{name}</td><td>{np.nanmedian(medians):.1f} ms</td>"
            f"<td>{np.nanmedian(worst):.1f} ms</td><td>{np.nanmax(worst):.1f} ms</td></tr>"
        )
    top = float(10 * np.ceil(top / 10))
    for key, (_, _, kind) in stages.items():
        if not np.isnan(columns[key][0]).all():
            lines.append(line(axis, times, columns[key][0], 90, 0, top, kind))
    rates = "".join(
        f"<tr><td>{name}</td><td>{_mean(figures, ('rates', key)):.1f} a second</td></tr>"
        for key, name in (("capture_fps", "camera pictures"), ("picture_fps", "shown pictures"),
                          ("prediction_hz", "readings"))
    )  # fmt: skip
    drops = "".join(
        f"<tr><td>dropped before {text(key)}</td><td>{_grown(figures, ('drops', key)):.0f}</td></tr>"
        for key in (figures[-1].get("drops") or {})
    )
    return (
        "<section><h2>The program itself</h2><h3>Latency of each stage (medians)</h3>"
        + _lines_key(tuple(keys))
        + frame(axis, "Latency of each stage over time", 90, lines,
                y_ticks=((0, "0"), (1, f"{top:.0f} ms")))
        + "<table><tr><th>stage</th><th>median</th><th>95th percentile</th><th>its worst</th></tr>"
        + f"{rows}</table>"
        + f"<h3>Rates and drops</h3><table>{rates}{drops}</table></section>"
    )  # fmt: skip


def _reading(recording: Recording) -> str:
    out = (
        "<p>Ranges that were left out are in no figure here; a reading is left out as soon as its second of "
        "pictures reaches into one.</p>"
        if recording.excluded
        else ""
    )
    return (
        "<section><h2>How to read this</h2><p>Each reading is of about one second of pictures. A label is "
        "<i>unsure</i> where no score is high enough. Confidence is the largest score; intensity says how "
        "clearly the strongest expression leads. Time and changes count the label shown, which is smoothed "
        f"so that it does not flicker.</p>{out}<p class='soft'>Made from results alone; no pictures were "
        "stored.</p></section>"
    )


def _out(recording: Recording, seconds: float) -> list[tuple[float, float]]:
    """Ranges left out, in seconds of the recording and within it."""
    ranges = [(low - recording.first_t, high - recording.first_t) for low, high in recording.excluded]
    return [(max(0.0, low), min(seconds, high)) for low, high in ranges if low < seconds and high > 0]


def _share(name: str, count: int, series: FaceSeries) -> str:
    return f"{name} in {count / len(series.t):.0%} of the readings"


def _lines_key(entries: tuple[tuple[str, str], ...]) -> str:
    items = "".join(
        f'<li><svg viewBox="0 0 22 12" aria-hidden="true"><path class="line {kind}" d="M0 6L22 6"/></svg>'
        f"{text(name)}</li>"
        for kind, name in entries
    )
    return f"<ul class='key'>{items}</ul>"


def _date(started: str) -> str:
    try:
        moment = datetime.fromisoformat(started.replace("Z", "+00:00")).astimezone(timezone.utc)
    except ValueError:
        return started
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _at(figure: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = figure
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _column(figures: list[dict[str, Any]], path: tuple[str, str]) -> tuple[Floats, Floats]:
    """Medians and 95th percentiles of one stage, NaN where there are none."""
    found = [[_number(_at(each, (*path, key))) for key in ("median", "p95")] for each in figures]
    columns = np.array(found, float)
    return columns[:, 0], columns[:, 1]


def _mean(figures: list[dict[str, Any]], path: tuple[str, ...]) -> float:
    values = [each for each in (_number(_at(figure, path)) for figure in figures) if not math.isnan(each)]
    return sum(values) / len(values) if values else 0.0


def _grown(figures: list[dict[str, Any]], path: tuple[str, ...]) -> float:
    first, last = _number(_at(figures[0], path)), _number(_at(figures[-1], path))
    return max(0.0, last - first) if math.isfinite(last - first) else 0.0


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def main(arguments: list[str]) -> int:
    """Makes a report of a file of events; returns the exit code."""
    if len(arguments) != 2:
        print("usage: python -m realtime.session.report EVENTS.jsonl REPORT.html", file=sys.stderr)
        return 2
    source, target = (Path(each) for each in arguments)
    try:
        target.write_text(build(read(source), source.stem), encoding="utf-8")
    except IfddLiveError as error:
        print(f"report: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"report: {target}: cannot be written: {error.strerror}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
