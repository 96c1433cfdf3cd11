"""Predictions of a recording in bins of time, few enough to draw however long it was; changes of label."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from realtime.session.plots import Floats
from realtime.session.recording import FaceSeries

# Bins of a plot: about two pixels each, however long the recording was.
MOST_BINS = 450
# A prediction stands until the next one, but no longer than this: after that nobody was seen.
MOST_HOLD_S = 0.6


@dataclass(frozen=True, slots=True)
class Binned:
    """One face's predictions in bins of time.

    Attributes:
        edges: (N+1,) seconds from the beginning.
        scores: (N,K) means, NaN where a bin is empty.
        shown: (N,) label shown longest, -1 unsure, -2 empty.
        confidence, intensity, size_px, brightness: (N,) means, NaN where a bin is empty.
    """

    edges: Floats
    scores: Floats
    shown: npt.NDArray[np.int64]
    confidence: Floats
    intensity: Floats
    size_px: Floats
    brightness: Floats


def holds(times: Floats) -> Floats:
    """How long each prediction stands, seconds: until the next one, before a pause as long as usually."""
    steps = np.diff(times)
    short = steps[steps <= MOST_HOLD_S]
    usual = float(np.median(short)) if len(short) else MOST_HOLD_S / 4
    steps[steps > MOST_HOLD_S] = usual
    return np.append(steps, usual)


def into_bins(series: FaceSeries, begun: float, seconds: float) -> Binned:
    """A face's predictions in at most `MOST_BINS` bins over the whole recording."""
    count = max(1, min(MOST_BINS, int(seconds / 0.25)))
    edges = np.linspace(0, seconds, count + 1)
    times = np.asarray(series.t, float) - begun
    held = holds(times)
    labels = len(series.labels)
    totals = np.zeros((count, labels + 4))
    shown = np.zeros((count, labels + 1))
    weight = np.zeros(count)
    columns = np.column_stack(
        [
            np.asarray(series.scores, float).reshape(-1, labels),
            *(np.asarray(each, float) for each in
              (series.confidence, series.intensity, series.size_px, series.brightness)),
        ]
    )  # fmt: skip
    # a prediction counts in each bin that it stands in
    width = seconds / count
    first = np.clip((times / width).astype(int), 0, count - 1)
    last = np.clip(((times + held - 1e-9) / width).astype(int), 0, count - 1)
    for offset in range(int((last - first).max()) + 1):
        bins = first + offset
        part = np.minimum(times + held, edges[np.minimum(bins + 1, count)]) - np.maximum(
            times, edges[np.minimum(bins, count)]
        )
        use = (bins <= last) & (part > 0)
        np.add.at(totals, bins[use], columns[use] * part[use, None])
        np.add.at(shown, (bins[use], np.asarray(series.shown, int)[use]), part[use])
        np.add.at(weight, bins[use], part[use])
    there = weight > 0
    means = np.full_like(totals, np.nan)
    means[there] = totals[there] / weight[there, None]
    longest = shown.argmax(axis=1)
    longest[longest == labels] = -1  # number -1 counted in the last column
    longest[~there] = -2
    return Binned(edges, means[:, :labels], longest, *means[:, labels:].T)


def changes_of(series: FaceSeries) -> Counter[tuple[str, str]]:
    """How often the label shown changed from which to which, while the face was in view."""
    names = [*series.labels, "unsure"]  # number -1 is the last
    times, shown = np.asarray(series.t, float), np.asarray(series.shown, int)
    places = np.flatnonzero((np.diff(shown) != 0) & (np.diff(times) <= MOST_HOLD_S))
    return Counter((names[shown[k]], names[shown[k + 1]]) for k in places)
