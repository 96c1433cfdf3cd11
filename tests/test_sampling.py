from __future__ import annotations

import numpy as np
import pytest

from models.errors import ModelError
from models.training.sampling import Sampling, consecutive, segments, timed, views


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_segments_take_the_middle_of_each_sixteenth() -> None:
    assert segments(160, 16).tolist() == list(range(5, 160, 10))
    assert segments(16, 16).tolist() == list(range(16))  # not sixteen times the first


@pytest.mark.parametrize("count", [1, 3, 15, 16, 17, 97])
def test_drawn_segments_lie_in_their_segments_and_differ(count: int) -> None:
    drawn = np.stack([segments(count, 16, random(seed)) for seed in range(200)])
    low, high = np.floor(np.arange(16) * count / 16), np.ceil(np.arange(1, 17) * count / 16) - 1
    assert (drawn >= low).all()
    assert (drawn <= high).all()
    assert (np.diff(drawn, axis=1) >= 0).all()
    assert (drawn.min(0) == low).all()  # each frame of a segment is drawn at some time
    assert (drawn.max(0) == high).all()


def test_a_clip_of_three_frames_repeats_them_in_order() -> None:
    assert consecutive(3, 16).tolist() == [0] * 6 + [1] * 5 + [2] * 5
    assert np.bincount(segments(3, 16)).tolist() == [5, 6, 5]
    chosen = timed(np.array([0, 0.04, 0.08]), 16, 1.0)
    assert (np.diff(chosen) >= 0).all()
    assert (chosen[0], chosen[-1]) == (0, 2)


def test_consecutive_windows_lie_in_the_clip() -> None:
    assert consecutive(40, 16).tolist() == list(range(12, 28))
    assert consecutive(40, 16, place=1).tolist() == list(range(24, 40))
    assert consecutive(64, 16, 2, place=0).tolist() == list(range(0, 32, 2))
    assert consecutive(20, 16, 2).tolist() == list(range(2, 18))  # stride 2 does not fit
    starts = {int(consecutive(20, 16, 1, random(seed))[0]) for seed in range(100)}
    assert starts == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("fps", [15.0, 25.0, 60.0])
def test_timed_frames_stand_on_an_even_grid_whatever_the_rate(fps: float) -> None:
    times = np.arange(int(4 * fps)) / fps
    chosen = times[timed(times, 16, 1.0)]
    grid = chosen[0] + np.arange(16) / 15
    assert np.abs(chosen - grid).max() <= 1 / fps
    assert abs(chosen.mean() - times.mean()) <= 1 / fps
    drawn = [times[timed(times, 16, 1.0, random(seed))] for seed in range(50)]
    assert min(each[0] for each in drawn) < 0.5
    assert max(each[-1] for each in drawn) > 3.4


def test_timed_frames_keep_the_speed_of_a_short_clip() -> None:
    chosen = timed(np.arange(10) / 20, 16, 1.5)  # the clip lasts 0.45 s
    assert np.bincount(chosen)[[0, 9]].min() >= 5  # ends repeated on both sides
    grid = np.clip(0.225 + np.linspace(-0.75, 0.75, 16), 0, 0.45)  # 0.1 s a step, about the clip's middle
    assert np.abs(chosen / 20 - grid).max() <= 0.5 / 20 + 1e-9


def test_views_are_spread_and_always_the_same() -> None:
    times = np.arange(50) / 25
    assert views(times, 16, Sampling()).tolist() == [segments(50, 16).tolist()]
    many = views(times, 16, Sampling(views=3))
    assert many.shape == (3, 16)
    assert (many[0] <= many[1]).all()
    assert (many[0] < many[2]).all()
    windows = views(times, 16, Sampling("consecutive", views=0))
    assert windows[:, 0].tolist() == [0, 17, 34]
    assert windows[-1, -1] == 49
    assert views(times[:3], 16, Sampling("consecutive", views=0)).shape == (1, 16)
    assert views(times, 16, Sampling("timed", views=2))[:, [0, -1]].tolist() == [[0, 25], [24, 49]]


def test_wrong_numbers_are_named() -> None:
    with pytest.raises(ModelError, match=r"expected at least 1 frame .* got 0, 16"):
        segments(0, 16)
    with pytest.raises(ModelError, match="stride: expected a whole number of at least 1, got 0"):
        consecutive(20, 16, 0)
    with pytest.raises(ModelError, match="span_s: expected a number above 0, got 0"):
        timed(np.zeros(3), 16, 0)
    with pytest.raises(ModelError, match="expected one of segments, consecutive, timed, got 'all'"):
        Sampling("all")
    with pytest.raises(ModelError, match="views >= 1"):
        Sampling("segments", views=0)
