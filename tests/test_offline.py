from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest

from realtime.cli import main
from realtime.config import Config
from realtime.errors import SourceError
from realtime.offline import Summary, process_file

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"


@pytest.fixture(scope="module")
def short_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo clip's first three seconds, without encoding them again."""
    path = tmp_path_factory.mktemp("clip") / "short.mp4"
    with av.open(str(DEMO)) as given, av.open(str(path), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None and packet.pts * packet.time_base < 3.0:
                packet.stream = stream
                made.mux(packet)
    return path


def run(source: Path, folder: Path, name: str = "out", **settings: Any) -> list[dict[str, Any]]:
    return run_and_sum(source, folder, name, **settings)[1]


def run_and_sum(
    source: Path, folder: Path, name: str = "out", **settings: Any
) -> tuple[Summary, list[dict[str, Any]]]:
    events = folder / f"{name}.jsonl"
    config = Config(source=str(source), serve=False, events=str(events), progress=False, **settings)
    summary = process_file(config)
    return summary, [json.loads(line) for line in events.read_text().splitlines()]


def predictions(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in events if "label" in each]


def test_every_frame_is_seen_and_predictions_come_every_hop(short_demo: Path, tmp_path: Path) -> None:
    video = tmp_path / "out.mp4"
    events = run(short_demo, tmp_path, video=str(video))
    assert events[0] == {"t": 0.0, "frame": 0, "event": "face_found", "face": 1, "stream": "main"}
    found = predictions(events)
    assert found[0]["t"] == pytest.approx(1.0, abs=0.05)
    assert len(found) == pytest.approx((3.0 - 1.0) / 0.1333, abs=2)
    for each in found:
        assert each["face"] == 1
        assert sum(each["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert each["window"][1] - each["window"][0] == pytest.approx(1.0, abs=0.04)
        assert len(each["static_index"]) == len(each["dynamic_index"]) == 8
        assert all(0 <= index <= 15 for index in each["static_index"] + each["dynamic_index"])
    with av.open(str(video)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 90
    assert (frames[0].width, frames[0].height) == (640, 556)


def test_the_same_file_gives_the_same_events(short_demo: Path, tmp_path: Path) -> None:
    runs = [run(short_demo, tmp_path, name) for name in ("first", "second")]
    for events in runs:
        for each in events:
            each.pop("cost_ms", None)
    assert runs[0] == runs[1]


def test_a_real_face_is_found_in_every_frame_under_one_id(shared_data: Path, tmp_path: Path) -> None:
    summary, events = run_and_sum(shared_data / "clips" / "single_face.mp4", tmp_path)
    assert summary.with_face == summary.frames == 72
    assert [each["event"] for each in events if "event" in each] == ["face_found"]
    found = predictions(events)
    assert {each["face"] for each in found} == {1}
    assert found[-1]["t"] > 2.2


def test_no_face_no_event_no_prediction(shared_data: Path, tmp_path: Path) -> None:
    assert run(shared_data / "clips" / "no_face.mp4", tmp_path) == []
    assert main(["--source", str(shared_data / "clips" / "no_face.mp4"), "--no-serve", "--no-progress"]) == 0


def test_a_truncated_file_leaves_no_output_behind(short_demo: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(short_demo.read_bytes()[:20_000])
    events = tmp_path / "out.jsonl"
    with pytest.raises(SourceError):
        process_file(Config(source=str(cut), serve=False, events=str(events), progress=False))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cut.mp4"]


def test_an_output_that_cannot_be_written_has_its_own_exit_code(
    short_demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--source", str(short_demo), "--no-serve", "--events", str(tmp_path / "none" / "out.jsonl")])
    assert code == 4
    assert capsys.readouterr().err.count("expected a file name in an existing folder") == 1
