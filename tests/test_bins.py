from __future__ import annotations

import numpy as np
import pytest

from realtime.session.bins import MOST_BINS, changes_of, holds, into_bins
from realtime.session.recording import FaceSeries


def series(times: list[float], shown: list[int], scores: list[tuple[float, float]]) -> FaceSeries:
    made = FaceSeries(("a", "b"))
    for t, label, row in zip(times, shown, scores, strict=True):
        made.t.append(t)
        made.shown.append(label)
        made.scores.extend(row)
        for store in (made.confidence, made.intensity, made.size_px, made.brightness, made.yaw_deg):
            store.append(row[0])
    return made


def steady(seconds: float, hz: float = 10.0) -> FaceSeries:
    count = round(seconds * hz)
    times = [k / hz for k in range(count)]
    return series(times, [k % 2 for k in range(count)], [(0.25, 0.75)] * count)


def test_bins_are_few_however_long_it_was() -> None:
    for seconds in (1.0, 60.0, 7200.0):
        binned = into_bins(steady(seconds), 0.0, seconds)
        assert 1 <= len(binned.shown) <= MOST_BINS
        assert len(binned.edges) == len(binned.shown) + 1
        np.testing.assert_allclose(binned.scores, [[0.25, 0.75]] * len(binned.shown), rtol=1e-6)


def test_a_bin_has_the_mean_over_time_and_the_label_shown_longest() -> None:
    # two bins of a quarter second: 0.2 s of "a", then "b"
    made = series([0.0, 0.2, 0.4], [0, 1, 1], [(1.0, 0.0), (0.0, 1.0), (0.0, 1.0)])
    binned = into_bins(made, 0.0, 0.5)
    assert binned.shown.tolist() == [0, 1]
    np.testing.assert_allclose(binned.scores[:, 0], [0.8, 0.0], atol=1e-6)


def test_where_nobody_was_seen_there_is_nothing() -> None:
    made = series([0.0, 0.1, 0.2, 9.0, 9.1], [0, 0, -1, 1, 1], [(1.0, 0.0)] * 5)
    binned = into_bins(made, 0.0, 10.0)
    assert np.isnan(binned.scores[8, 0])
    assert (binned.shown[4:30] == -2).all()
    assert binned.shown[0] == 0
    assert binned.shown[36] == 1
    unsure = into_bins(series([0.0, 0.1], [-1, -1], [(0.5, 0.5)] * 2), 0.0, 0.2)
    assert unsure.shown.tolist() == [-1]


def test_a_prediction_stands_until_the_next_but_not_through_a_pause() -> None:
    assert holds(np.array([0, 0.1, 0.2, 9, 9.1])) == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.1])
    assert holds(np.array([0.0])) == pytest.approx([0.15])
    assert holds(np.array([0, 0.5, 0.6])).sum() == pytest.approx(0.5 + 0.1 + 0.3)


def test_changes_are_counted_from_which_to_which_and_not_over_a_pause() -> None:
    times = [0.0, 0.1, 0.2, 0.3, 9.0, 9.1]
    made = series(times, [0, 1, 1, -1, 0, 1], [(0.5, 0.5)] * 6)
    assert changes_of(made) == {("a", "b"): 2, ("b", "unsure"): 1}
