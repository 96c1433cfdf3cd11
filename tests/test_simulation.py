from __future__ import annotations

from dataclasses import replace

import pytest

from realtime.bench.simulation import Costs, Load, most, simulate

COSTS = Costs(
    capture_ms=1.0,
    vision_ms=3.0,
    first_face_ms=2.0,
    next_face_ms=2.0,
    composer_ms=1.0,
    encoder_ms=1.0,
    server_ms=0.5,
    viewer_ms=0.2,
    window_ms=10.0,
    predictions_hz=7.5,
)


def test_a_stream_s_cost_is_the_sum_of_its_parts() -> None:
    assert COSTS.stream_ms(30, 0, 0) == pytest.approx(30 * 6.5)
    assert COSTS.stream_ms(30, 1, 0) == pytest.approx(30 * 8.5 + 75)
    assert COSTS.stream_ms(15, 2, 3, windows=False) == pytest.approx(15 * (10.5 + 0.6))


def test_a_light_load_has_all_it_wants_and_uses_what_it_costs() -> None:
    found = simulate(COSTS, Load(), cores=2)
    assert found.lacks == ""
    assert found.pictures == pytest.approx(1, abs=0.02)
    assert found.used["cores"] == pytest.approx(COSTS.stream_ms(30, 1, 1) / 2000, rel=0.05)
    assert found.used["vision"] == pytest.approx(0.15, rel=0.05)
    assert found.late_s == pytest.approx(0.0007, rel=0.01)


def test_the_same_load_comes_to_the_same() -> None:
    assert simulate(COSTS, Load(streams=5), 2) == simulate(COSTS, Load(streams=5), 2)


def test_too_many_streams_lose_predictions_first_and_pictures_last() -> None:
    count, beyond = most(lambda n: Load(streams=n), COSTS, cores=2)
    assert 4 <= count <= 6
    assert (beyond.lacks, beyond.full) == ("predictions", "cores")
    assert beyond.pictures > 0.99
    assert simulate(COSTS, Load(streams=3 * count), 2).pictures < 0.9


def test_with_cores_enough_the_one_inference_thread_is_the_limit() -> None:
    count, beyond = most(lambda n: Load(streams=n), COSTS, cores=64)
    assert count == pytest.approx(1000 / 75, abs=1)
    assert (beyond.lacks, beyond.full) == ("predictions", "inference")


def test_many_viewers_fill_the_event_loop() -> None:
    count, beyond = most(lambda n: Load(viewers=n), COSTS, cores=64)
    assert count == pytest.approx(1000 / 30 / 0.2, rel=0.05)
    assert (beyond.lacks, beyond.full) == ("viewers' pictures are late", "server")


def test_a_slow_landmarker_drops_pictures_of_its_own_and_no_others() -> None:
    found = simulate(replace(COSTS, vision_ms=60.0), Load(), cores=4)
    assert found.pictures > 0.99, "the composer does not wait for it"
    assert found.used["vision"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("guess", [1, 3, 5, 40])
def test_the_search_ends_at_the_same_number_wherever_it_begins(guess: int) -> None:
    def load(number: int) -> Load:
        return Load(streams=number)

    assert most(load, COSTS, 2, guess)[0] == most(load, COSTS, 2)[0]


def test_nothing_can_be_too_much() -> None:
    count, beyond = most(lambda n: Load(streams=n), replace(COSTS, encoder_ms=50.0), 2)
    assert count == 0
    assert beyond.lacks == "pictures"
