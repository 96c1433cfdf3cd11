from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from realtime.clock import to_ns
from realtime.errors import OutputError
from realtime.session.sinks import JsonLines, VideoFile
from realtime.values import Picture


def a_picture(number: int, t_s: float) -> Picture:
    yuv = np.full((96, 64), 40 + 10 * number, np.uint8)
    return Picture(number, to_ns(t_s), yuv, np.zeros((64, 64, 3), np.uint8))


def test_events_are_one_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with JsonLines(path) as sink:
        sink.write({"t": 1.5, "label": "happy"})
        sink.write({"t": 2.0, "event": "face_lost"})
        assert not path.exists(), "nothing half-written under the final name"
    assert [json.loads(line)["t"] for line in path.read_text().splitlines()] == [1.5, 2.0]
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]


def test_video_keeps_the_pictures_times(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    times = [0.0, 0.1, 0.15, 0.4]
    with VideoFile(path) as sink:
        for number, t_s in enumerate(times):
            sink.write(a_picture(number, t_s))
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-3)
    assert (frames[0].width, frames[0].height) == (64, 64)


def test_an_exception_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_text("kept")

    def fail_while_writing() -> None:
        with JsonLines(tmp_path / "old.jsonl") as events, VideoFile(tmp_path / "out.mp4") as video:
            events.write({})
            video.write(a_picture(0, 0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_writing()
    assert [each.name for each in tmp_path.iterdir()] == ["old.jsonl"]
    assert (tmp_path / "old.jsonl").read_text() == "kept"


def test_a_folder_a_missing_folder_and_an_unknown_format_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "x.jsonl"):
        with pytest.raises(OutputError, match="expected a file name in an existing folder"):
            JsonLines(path)
    with pytest.raises(OutputError, match="expected a video file name"), VideoFile(tmp_path / "out.xyz"):
        raise AssertionError("not reached")
    assert list(tmp_path.iterdir()) == []
