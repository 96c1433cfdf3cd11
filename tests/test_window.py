from __future__ import annotations

import numpy as np
import pytest

from realtime.clock import to_ns
from realtime.vision.window import choose_window, newest_index

FRAMES, SPAN_NS = 16, to_ns(1.0)


def times(fps: float, seconds: float, jitter_s: float = 0.0, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    ideal = np.arange(round(fps * seconds)) / fps
    ideal[1:] += rng.uniform(-jitter_s, jitter_s, len(ideal) - 1)
    return (ideal * 1e9).astype(np.int64)


@pytest.mark.parametrize("fps", [10, 15, 24, 29.97, 30, 60])
def test_span_and_spacing_do_not_depend_on_the_camera_rate(fps: float) -> None:
    history = times(fps, 3)
    chosen = choose_window(history, int(history[0]), FRAMES, SPAN_NS)
    assert chosen is not None
    picked = history[chosen.index]
    assert abs((picked[-1] - picked[0]) / 1e9 - 1.0) <= 1 / fps
    grid = chosen.grid_ns - SPAN_NS + np.arange(FRAMES) * SPAN_NS // (FRAMES - 1)
    assert np.abs(picked - grid).max() <= 0.5e9 / fps + 1e6
    assert history[-1] - chosen.grid_ns < SPAN_NS / (FRAMES - 1)


def test_too_short_a_history_gives_no_window_and_never_a_padded_one() -> None:
    history = times(30, 3)
    for count in range(1, len(history)):
        chosen = choose_window(history[:count], int(history[0]), FRAMES, SPAN_NS)
        assert (chosen is None) == (history[count - 1] - history[0] < SPAN_NS - 7_000_000)


def test_a_chosen_crop_never_changes_and_overlapping_windows_share_their_crops() -> None:
    history = times(30, 4, jitter_s=0.012)
    at_grid: dict[int, int] = {}
    for count in range(31, len(history)):
        chosen = choose_window(history[:count], int(history[0]), FRAMES, SPAN_NS)
        if chosen is None:
            continue
        for step, index in enumerate(chosen.index):
            point = round((chosen.grid_ns - history[0]) * (FRAMES - 1) / SPAN_NS) - (FRAMES - 1 - step)
            assert at_grid.setdefault(point, int(index)) == index
    assert len(at_grid) > 50
    assert len(set(at_grid.values())) == len(at_grid)


@pytest.mark.parametrize("early_ns", [0, 1, 1_000_000])
def test_a_camera_in_step_with_the_grid_is_not_kept_waiting(early_ns: int) -> None:
    history = np.arange(31, dtype=np.int64) * to_ns(1 / 30)
    history[-1] = SPAN_NS - early_ns
    chosen = choose_window(history, 0, FRAMES, SPAN_NS)
    assert chosen is not None
    assert chosen.index[-1] == 30


def test_a_history_that_has_lost_its_beginning_gives_no_window() -> None:
    history = times(30, 3)
    assert choose_window(history[-20:], int(history[0]), FRAMES, SPAN_NS) is None
    assert choose_window(history[-40:], int(history[0]), FRAMES, SPAN_NS) is not None


def test_the_newest_choice_is_the_last_crop_of_the_next_window() -> None:
    times = np.cumsum(np.random.default_rng(2).integers(23, 45, 60)).astype(np.int64) * 1_000_000
    anchor, span = int(times[0]), 1_000_000_000
    for count in range(1, len(times) + 1):
        newest = newest_index(times[:count], anchor, 16, span)
        chosen = choose_window(times[:count], anchor, 16, span)
        if chosen is not None:
            assert newest == chosen.index[-1]
    assert newest_index(times[:1], anchor, 16, span) == 0
