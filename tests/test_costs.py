from __future__ import annotations

import sys
from pathlib import Path

import av
import pytest

from realtime.bench import costs
from realtime.bench.costs import RUNS, Used, make_clip, summary
from realtime.config import Config
from realtime.errors import IfddLiveError


def used(fps: int, faces: int, viewers: int) -> Used:
    """Ten seconds of a program whose costs are known."""
    pictures = 10 * fps
    cpu_ms = {
        "capture": 1.0 * pictures,
        "vision": (2.0 + 1.5 * (faces > 0) + 1.0 * max(0, faces - 1)) * pictures,
        "native": 0.5 * pictures,
        "composer": 1.25 * pictures,
        "encoder": 1.75 * pictures,
        "server": (0.25 + 0.125 * viewers) * pictures,
        "inference": 9.0 * 75 * faces,
    }
    cpu_s = {name: value / 1000 for name, value in cpu_ms.items()}
    return Used(10.0, cpu_s, pictures, 75 * faces, packets_per_s=200, kbit_per_s=1600)


def test_the_costs_are_found_again_in_what_was_used() -> None:
    found = summary({run: used(*run) for run in RUNS})
    assert found["picture_ms"] == {
        "capture": 1.0,
        "composer": 1.25,
        "encoder": 1.75,
        "server": 0.25,
        "vision": 2.5,
    }
    assert (found["first_face_ms"], found["next_face_ms"]) == (1.5, 1.0)
    assert (found["window_ms"], found["viewer_ms"], found["predictions_hz"]) == (9.0, 0.125, 7.5)
    assert found["network"]["wire_to_payload"] == pytest.approx(1 + 200 * 68 * 8 / 1_600_000, abs=0.001)
    assert len(found["runs"]) == len(RUNS)


@pytest.mark.parametrize(("fps", "faces"), [(30, 0), (15, 1), (30, 4)])
def test_clips_have_the_rate_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fps: int, faces: int
) -> None:
    monkeypatch.setattr(costs, "CLIP_S", 0.5)
    make_clip(tmp_path / "clip.mp4", fps, faces)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        pictures = list(container.decode(video=0))
        assert stream.average_rate == fps
        assert len(pictures) in (fps // 2, fps // 2 + 1)
        assert (pictures[0].width, pictures[0].height) == (640, 480)


def test_no_other_number_of_faces(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected 0, 1, 2 or 4, got 3"):
        make_clip(tmp_path / "clip.mp4", 30, 3)


def test_another_system_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(IfddLiveError, match="expected Linux"):
        costs.costs(Config(), 1.0)


def test_the_program_is_measured_thread_by_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "RUNS", ((30, 1, 1),))
    monkeypatch.setattr(costs, "SETTLE_S", 0.5)
    monkeypatch.setattr(costs, "summary", lambda found: found)
    found = costs.costs(Config(port=0), 1.0)[30, 1, 1]  # type: ignore[index]
    assert found.pictures > 0
    assert found.packets_per_s > 0
    for stage in ("capture", "vision", "composer", "encoder", "server", "inference"):
        assert 0 < found.cpu_s[stage] < 1.5 * found.seconds
