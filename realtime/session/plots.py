"""Inline SVG plots over time: plain text in, plain text out, no script and no outside resource."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WIDTH, LEFT, RIGHT = 960, 64, 24
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
MOST_TICKS = 9


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, seconds_ = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds_:02}" if hours else f"{minutes}:{seconds_:02}"


def text(value: object) -> str:
    """Safe between tags and inside quotes."""
    return html.escape(str(value), quote=True)


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The time of all plots of a report, seconds from the recording's beginning."""

    seconds: float

    def x(self, seconds: float) -> float:
        """Where a time lies, user units."""
        share = min(1.0, max(0.0, seconds / self.seconds))
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> list[float]:
        """Round times, at most nine."""
        step = next((each for each in STEPS_S if self.seconds / each <= MOST_TICKS), STEPS_S[-1])
        return [float(each) for each in range(0, math.floor(self.seconds) + 1, step)]


def frame(
    axis: TimeAxis,
    title: str,
    height: int,
    body: Sequence[str],
    *,
    y_ticks: Sequence[tuple[float, str]] = (),
    times: bool = True,
) -> str:
    """A whole plot: axes, grid and what is in it.

    Args:
        axis: of time.
        title: what the plot shows, for those who do not see it.
        height: of the plot's area, user units.
        body: what is drawn, from y = 0 (top) to `height`.
        y_ticks: share of the height from the bottom, 0 to 1, and what stands there.
        times: whether times stand below.
    """
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height + (30 if times else 12)}" role="img" '
        f'aria-label="{text(title)}"><g transform="translate(0 8)">'
    ]
    for share, label in y_ticks:
        y = height * (1 - share)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text(label)}</text>'
        )
    for tick in axis.ticks():
        x = axis.x(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"/>')
        if times:
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{height + 16}" text-anchor="middle">{clock(tick)}</text>'
            )
    return "".join([*parts, *body, "</g></svg>"])


def bands(axis: TimeAxis, ranges: Sequence[tuple[float, float]], height: int) -> list[str]:
    """Ranges that were left out."""
    return [
        f'<rect class="out" x="{axis.x(low):.1f}" y="0" '
        f'width="{max(1.0, axis.x(high) - axis.x(low)):.1f}" height="{height}"/>'
        for low, high in ranges
    ]


def flags(axis: TimeAxis, times: Sequence[float], height: int, *, numbers: bool) -> list[str]:
    """Markers as lines from top to bottom, with their numbers where there is room for them."""
    parts, free = [], -math.inf
    for number, seconds in enumerate(times, 1):
        x = axis.x(seconds)
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"/>')
        if numbers and x - free > 18:
            free = x
            parts.append(
                f'<circle class="flag" cx="{x:.1f}" cy="9" r="9"/>'
                f'<text class="number" x="{x:.1f}" y="13" text-anchor="middle">{number}</text>'
            )
    return parts


def stacked(axis: TimeAxis, times: Floats, rows: Floats, height: int) -> list[str]:
    """Areas that add up to 1, one path a class, with gaps where there is nothing.

    Args:
        axis: of time.
        times: (N+1,) the bins' edges, seconds.
        rows: (N,K), NaN where a bin is empty.
        height: user units for 1.
    """
    there = ~np.isnan(rows[:, 0])
    runs = _runs(there)
    top = np.cumsum(rows, axis=1)
    parts = []
    for number in range(rows.shape[1]):
        path = []
        for start, end in runs:
            edges = [axis.x(each) for each in times[start : end + 1]]
            upper = height * (1 - top[start:end, number])
            lower = height * (1 - (top[start:end, number] - rows[start:end, number]))
            there_and_back = [
                *(
                    f"{edges[k]:.1f} {upper[k]:.1f} {edges[k + 1]:.1f} {upper[k]:.1f}"
                    for k in range(end - start)
                ),
                *(
                    f"{edges[k + 1]:.1f} {lower[k]:.1f} {edges[k]:.1f} {lower[k]:.1f}"
                    for k in reversed(range(end - start))
                ),
            ]
            path.append("M" + " ".join(there_and_back) + "Z")
        parts.append(f'<path class="c{number}" d="{"".join(path)}"/>')
    return parts


def strip(axis: TimeAxis, times: Floats, classes: npt.NDArray[np.int64], height: int) -> list[str]:
    """One coloured block for each run of bins of the same class.

    Args:
        axis: of time.
        times: (N+1,) the bins' edges, seconds.
        classes: (N,) class, -1 for unsure, -2 where a bin is empty.
        height: user units.
    """
    parts = []
    start = 0
    for k in range(1, len(classes) + 1):
        if k < len(classes) and classes[k] == classes[start]:
            continue
        if classes[start] > -2:
            name = "unsure" if classes[start] < 0 else f"c{classes[start]}"
            low, high = axis.x(times[start]), axis.x(times[k])
            parts.append(
                f'<rect class="{name}" x="{low:.1f}" y="0" width="{high - low:.1f}" height="{height}"/>'
            )
        start = k
    return parts


def line(
    axis: TimeAxis, times: Floats, values: Floats, height: int, low: float, high: float, name: str
) -> str:
    """A line through bins, broken where one is empty.

    Args:
        axis: of time.
        times: (N,) seconds.
        values: (N,), NaN where there is none.
        height: user units.
        low, high: values at bottom and top.
        name: the line's class.
    """
    path = []
    for start, end in _runs(~np.isnan(values)):
        shares = np.clip((values[start:end] - low) / (high - low), 0, 1)
        points = [
            f"{axis.x(seconds):.1f} {height * (1 - share):.1f}"
            for seconds, share in zip(times[start:end], shares, strict=True)
        ]
        if len(points) == 1:
            points *= 2  # a lone point is a dot
        path.append("M" + "L".join(points))
    return f'<path class="line {name}" d="{"".join(path)}"/>'


def bars(rows: Sequence[tuple[str, str, float, str]], title: str) -> str:
    """Horizontal bars: name, class, share 0 to 1, what stands at the end."""
    height = 26
    parts = [f'<svg viewBox="0 0 560 {height * len(rows) + 4}" role="img" aria-label="{text(title)}">']
    for number, (name, kind, share, label) in enumerate(rows):
        y = number * height + 4
        parts.append(
            f'<text class="name" x="78" y="{y + 14}" text-anchor="end">{text(name)}</text>'
            f'<rect class="track" x="88" y="{y}" width="330" height="18" rx="3"/>'
            f'<rect class="{kind}" x="88" y="{y}" width="{330 * min(1.0, share):.1f}" height="18" rx="3"/>'
            f'<text class="name" x="428" y="{y + 14}">{text(label)}</text>'
        )
    return "".join([*parts, "</svg>"])


def _runs(there: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and one past last of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], there, [False])).astype(np.int8)))
    return [(int(edges[k]), int(edges[k + 1])) for k in range(0, len(edges), 2)]
