"""What the program writes survives signals, kills and a full disk. Whole processes, real signals."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import av.error
import pytest

from models.checkpoint import load_checkpoint, read_spec
from realtime.driver import trace
from realtime.driver.scenarios import microsleep
from realtime.files import part_of

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "assets" / "demo" / "demo.mp4"
PATIENCE_S = 90.0
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of Unix"),
]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def begin(*command: str, **keywords: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **keywords,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def recording(folder: Path) -> tuple[list[str], Path, Path]:
    """The command line of a run over the demo clip, without a model, and its two outputs."""
    events, video = folder / "out.jsonl", folder / "out.mp4"
    options = ["--source", "demo", "--profile", "driver", "--no-serve", "--no-progress"]
    return ["run_stream.py", *options, "--events", str(events), "--video", str(video)], events, video


def wait_for_lines(path: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def events_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def pictures_in(path: Path) -> int:
    """Pictures up to the end, or to where the file breaks off."""
    count = 0
    with av.open(str(path)) as container, contextlib.suppress(av.error.InvalidDataError):
        for _ in container.decode(video=0):
            count += 1
    return count


def test_sigterm_in_the_middle_ends_the_files_as_they_should(start: Start, tmp_path: Path) -> None:
    command, events, video = recording(tmp_path)
    process = start(*command)
    wait_for_lines(part_of(events), 40, process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "ended early: " in errors
    assert "Traceback" not in errors
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.jsonl", "out.mp4"]
    said = int(errors.split("ended early: ")[1].split()[0])
    assert pictures_in(video) == said
    assert events_in(events)[-1]["frame"] <= said


def test_a_killed_process_leaves_files_that_open_and_the_older_ones_as_they_were(
    start: Start, tmp_path: Path
) -> None:
    command, events, video = recording(tmp_path)
    for path in (events, video):
        path.write_bytes(b"of an earlier run")
    process = start(*command)
    wait_for_lines(part_of(events), 80, process)
    process.kill()
    process.communicate()
    found = events_in(part_of(events))
    assert len(found) >= 80
    assert pictures_in(part_of(video)) > 0.5 * found[-1]["frame"]
    for path in (events, video):
        assert path.read_bytes() == b"of an earlier run"


def test_a_full_disk_is_one_line_and_what_was_written_opens(start: Start, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk: the same error comes from the same call."""
    command, events, video = recording(tmp_path)
    limit = 100_000

    process = start(*command, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 4
    lines = [line for line in errors.splitlines() if not line.startswith("W0000")]
    assert len(lines) == 1, errors
    assert "cannot be written on: File too large; what there is so far is in" in lines[0]
    assert sorted(each.name for each in tmp_path.iterdir()) == [".out.part.jsonl", ".out.part.mp4"]
    assert len(part_of(events).read_text().splitlines()) > 10
    for line in part_of(events).read_text().splitlines()[:-1]:
        json.loads(line)
    assert pictures_in(part_of(video)) > 5


def test_a_process_killed_while_it_saves_weights_leaves_whole_ones(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    code = (
        "import itertools, models\n"
        "from models.checkpoint import save_checkpoint\n"
        "model = models.create_model('ifdd-stream')\n"
        "for k in itertools.count():\n"
        f"    save_checkpoint({str(path)!r}, model, origin=str(k))\n"
        "    print(k, flush=True)"
    )
    process = start("-c", code)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 3:
            break
    process.kill()
    process.communicate()
    assert int(read_spec(path).origin) >= 3
    load_checkpoint(path)


def test_a_trace_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = microsleep()
    path = tmp_path / "trace.jsonl"
    trace.write(made, path)
    before = path.read_bytes()

    def fail(_row: object) -> dict[str, Any]:
        raise OSError("no space left")

    monkeypatch.setattr(trace, "_to_json", fail)
    with pytest.raises(OSError, match="no space left"):
        trace.write(made, path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["trace.jsonl"]
