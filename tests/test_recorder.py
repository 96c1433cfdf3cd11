from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.clock import now_ns, to_s
from realtime.errors import NotNowError
from realtime.session import recorder as module
from realtime.session.library import Library
from realtime.session.recorder import Recorder
from realtime.slot import Fanout
from tests.recordings import a_reading

ROOT = Path(__file__).resolve().parents[1]
STATUS = {
    "source": {"name": "demo"}, "profile": "expression", "model": {"name": "m"},
    "rates": {"capture_fps": 30.0}, "drops": {"vision": 1},
    "latency_ms": {"vision": {"median": 4.0, "p95": 6.0}}, "other": "not recorded",
}  # fmt: skip


class Bench:
    """A recorder in a folder of its own, and what it is fed."""

    def __init__(self, folder: Path) -> None:
        self.events: Fanout[dict[str, Any]] = Fanout()
        self.library = Library(folder / "sessions")
        self.origin_ns = now_ns()
        self.recorder = Recorder("main", self.events, self.library, lambda: STATUS, origin_ns=self.origin_ns)

    def say(self, count: int = 1) -> None:
        for _ in range(count):
            self.events.publish(a_reading(to_s(now_ns() - self.origin_ns), "happy"))

    def part(self) -> Path:
        return next(self.library.folder.glob(".*.part.jsonl"))

    def written(self) -> list[dict[str, Any]]:
        (path,) = self.library.folder.glob("2*.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.recorder.stop()
    assert not [each for each in threading.enumerate() if each.name.startswith("recorder")]


def wait_for(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.01)


def test_nothing_is_written_and_nothing_listened_to_until_it_is_started(bench: Bench) -> None:
    bench.say(3)
    status = bench.recorder.status()
    assert (status["state"], status["id"], status["events"]) == ("off", None, 0)
    assert any("No pictures" in each for each in status["stores"])
    assert status["folder"] == str(bench.library.folder)
    assert not bench.library.folder.exists()
    assert len(bench.events) == 0
    with pytest.raises(NotNowError, match="expected a recording"):
        bench.recorder.marker("x")
    with pytest.raises(NotNowError, match="expected a recording"):
        bench.recorder.exclude(0, 1)
    bench.recorder.stop()


def test_a_recording_has_beginning_results_markers_ranges_and_end(bench: Bench) -> None:
    bench.recorder.start()
    with pytest.raises(NotNowError, match="no recording to be running"):
        bench.recorder.start()
    bench.say(3)
    bench.recorder.marker("clip begins")
    bench.recorder.exclude(0.5, 2)
    running = bench.recorder.status()
    assert (running["state"], running["events"]) == ("recording", 5)
    assert [each["label"] for each in running["markers"]] == ["clip begins"]
    assert running["excluded"] == [{"from": 0.5, "to": 2}]
    bench.recorder.stop()
    bench.recorder.stop()
    bench.say(5)
    events = bench.written()
    kinds = [each.get("event", "reading") for each in events]
    assert kinds == ["session_start", "reading", "reading", "reading", "marker", "excluded", "session_end"]
    first, marker, excluded, last = events[0], events[4], events[5], events[6]
    assert (first["schema"], first["source"], first["model"]) == (1, {"name": "demo"}, {"name": "m"})
    assert "other" not in first
    assert first["session"] == last["session"] == running["id"]
    assert (last["events"], last["dropped"], last["interrupted"]) == (5, 0, False)
    assert marker["label"] == "clip begins"
    assert excluded["from"] - first["t"] == pytest.approx(0.5, abs=1e-3)  # on the events' own clock
    assert [each["t"] for each in events[:5]] == sorted(each["t"] for each in events[:5])
    done = bench.recorder.status()
    assert (done["state"], done["id"], done["events"]) == ("off", running["id"], 5)
    assert [each["id"] for each in bench.recorder.sessions()] == [running["id"]]


def test_it_is_on_disk_within_a_second_under_a_name_that_is_not_final(bench: Bench) -> None:
    bench.recorder.start()
    bench.say(4)
    wait_for(lambda: bench.part().read_bytes().count(b"\n") == 5, 5.0)
    assert not list(bench.library.folder.glob("2*.jsonl"))
    if os.name == "posix":
        assert bench.part().stat().st_mode & 0o077 == 0
    assert bench.recorder.sessions() == [], "what is being written is no recording yet"


def test_figures_are_written_every_some_seconds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIGURES_S", 0.0)
    bench.recorder.start()
    wait_for(lambda: b'"figures"' in bench.part().read_bytes())
    bench.recorder.stop()
    figures = next(each for each in bench.written() if each.get("event") == "figures")
    assert figures["latency_ms"] == {"vision": {"median": 4.0, "p95": 6.0}}
    assert figures["drops"] == {"vision": 1}
    assert "other" not in figures


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_EVENTS", 10)
    held = threading.Event()

    def hang(*_: object) -> None:
        held.wait(20)

    monkeypatch.setattr(Recorder, "_step", hang)
    bench.recorder.start()
    bench.say(25)  # the writer hangs, the live path does not
    status = bench.recorder.status()
    assert (status["events"], status["dropped"]) == (10, 15)
    held.set()
    bench.recorder.stop()
    assert bench.written()[-1]["dropped"] == 15


def test_a_disk_that_fails_ends_the_recording_and_keeps_what_was_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench.recorder.start()
    bench.say(2)
    wait_for(lambda: bench.part().read_bytes().count(b"\n") == 3)
    write = module._Session.write

    def full(self: Any, event: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module._Session, "write", full)
    bench.say()
    wait_for(lambda: bench.recorder.status()["state"] == "failed")
    assert "No space left" in bench.recorder.status()["problem"]
    bench.say(3)
    monkeypatch.setattr(module._Session, "write", write)
    bench.recorder.stop()
    (found,) = bench.recorder.sessions()
    assert (found["interrupted"], found["events"]) == (True, 2)
    bench.recorder.start()
    assert bench.recorder.status()["state"] == "recording"
    assert "No space left" in caplog.text


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("a file")
    recorder = Bench(tmp_path).recorder
    with pytest.raises(NotNowError, match="cannot be written"):
        recorder.start()
    assert recorder.status()["state"] == "off"


@pytest.mark.parametrize("label", ["", " ", "x" * 81, "two\nlines", "bell\a", "\ud800"])
def test_a_label_is_one_short_line(bench: Bench, label: str) -> None:
    bench.recorder.start()
    with pytest.raises(ValueError, match="label: expected one line"):
        bench.recorder.marker(label)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1), (-1, 1), (0, 1e9), (float("nan"), 1)])
def test_a_range_begins_before_it_ends(bench: Bench, low: float, high: float) -> None:
    bench.recorder.start()
    with pytest.raises(ValueError, match="expected 0 <= from < to"):
        bench.recorder.exclude(low, high)


def test_marks_and_ranges_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MARKERS", 2)
    monkeypatch.setattr(module, "MOST_RANGES", 1)
    bench.recorder.start()
    bench.recorder.marker("a")
    bench.recorder.marker("b")
    with pytest.raises(NotNowError, match="at most 2"):
        bench.recorder.marker("c")
    bench.recorder.exclude(0, 1)
    with pytest.raises(NotNowError, match="at most 1"):
        bench.recorder.exclude(0, 1)


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from realtime.clock import now_ns
from realtime.session.library import Library
from realtime.session.recorder import Recorder
from realtime.slot import Fanout
events = Fanout()
Recorder("main", events, Library(Path({folder!r})), dict, origin_ns=now_ns()).start()
print("recording", flush=True)
while True:
    events.publish({{"t": 1.0, "face": 1, "label": "happy"}})
    time.sleep(0.01)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_killed_process_leaves_a_file_that_the_next_start_lists(bench: Bench) -> None:
    code = textwrap.dedent(KILLED).format(root=str(ROOT), folder=str(bench.library.folder))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"recording"
            wait_for(lambda: bench.part().read_bytes().count(b"\n") > 10)
            assert bench.recorder.sessions() == [], "it is still being written"
        finally:
            process.send_signal(signal.SIGKILL)
    (found,) = bench.recorder.sessions()
    assert found["interrupted"]
    assert found["events"] > 9
    assert bench.written()[-1]["event"] == "session_end"
