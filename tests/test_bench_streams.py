from __future__ import annotations

import av
import pytest

from realtime.bench import report, streams
from realtime.config import Config

HELD = {"capture": 30.0, "vision": 29.5, "picture": 29.0, "encode": 28.9, "predictions": 7.4, "age_ms": 40.0}


@pytest.mark.parametrize(
    ("worse", "gave"),
    [
        ({}, ""),
        ({"vision": 28.0, "picture": 20.0}, "picture"),
        ({"capture": 28.4, "vision": 28.4}, "capture"),
        ({"encode": 20.0}, "encode"),
        ({"predictions": 6.0}, "predictions"),
        ({"age_ms": 151.0}, "frame age"),
    ],
)
def test_what_gives_first_is_the_stage_farthest_below_its_bound(worse: dict[str, float], gave: str) -> None:
    assert streams.what_gave({**HELD, **worse}, 30.0, 7.5) == gave


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 5, 6, 7, 8, 9])
def test_the_largest_number_that_holds_is_found_with_few_tries(limit: int) -> None:
    tried: list[int] = []

    def holds(count: int) -> bool:
        tried.append(count)
        return count <= limit

    assert streams.most_held(holds, most=8) == min(limit, 8)
    assert len(tried) == len(set(tried)) <= 6


def test_the_clip_has_the_rate_that_is_asked_for() -> None:
    with streams.clip_of(15.0) as clip, av.open(str(clip)) as made:
        assert made.streams.video[0].average_rate == 15
        assert (made.streams.video[0].width, made.streams.video[0].height) == (640, 480)


@pytest.mark.timeout(300)
def test_a_number_of_streams_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SETTLE_S", 0.1)
    found = streams.measure(Config(source="demo"), 2, 30.0, 1.0)
    assert found.streams == 2
    assert 0 < found.picture <= 40
    assert found.cpu_percent > 1
    told = report.table(
        {"streams": {"15 fps": {"held": 2, "gave_first": "vision", "tried": [found_as(found)]}}}
    )
    assert "at 15 fps    2 streams, then gives: vision" in told
    assert "  2 streams  pictures" in told


def found_as(found: streams.Found) -> dict[str, object]:
    return {name: getattr(found, name) for name in found.__slots__}
