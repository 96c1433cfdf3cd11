"""Files from outside, cut and flipped at random: one clear line each, no traceback, no hang, no leak."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import checkpoint, spec
from models.convert import read_pickle
from models.errors import ModelError
from models.registry import build
from models.training.prepared import load_prepared
from realtime.capture.file import FileSource
from realtime.cli import main
from realtime.config import from_mapping, read_toml
from realtime.driver import replay, trace
from realtime.driver.scenarios import microsleep
from realtime.driver.settings import load as load_driver_settings
from realtime.errors import ConfigError, OutputError, SourceError, WeightsError
from realtime.inference import personal
from realtime.session.library import Library
from realtime.session.recording import read as read_recording
from realtime.session.report import build as build_report
from tests.damage import check_line, damaged, examples, judge, near_the_head, no_leak, put
from tests.picture_producer import result
from tests.small_models import small

pytestmark = pytest.mark.timeout(1800)
FEW, MANY = 20, 1000
RUNS = [pytest.param(False, id="few"), pytest.param(True, id="many", marks=pytest.mark.nightly)]

CONFIG = b"""source = "demo"
port = 9000
fps = 25.0
loop = true
unsure_below = 0.4
profile = "driver"
mqtt = "localhost:1883"
"""
DRIVER = b"soft_s = 1.0\nmicrosleep_s = 1.5\nglance_fast_s = 3.5\nperclos_long = 0.1\n"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def run(strategy: st.SearchStrategy[Any], many: bool, check: Any, few: int = FEW, most: int = MANY) -> None:
    """Checks inputs of a strategy, and that nothing is left open after all of them."""

    @examples(few, most if many else 0)
    @given(strategy)
    def each(value: Any) -> None:
        check(value)

    with no_leak():
        each()


@pytest.mark.parametrize("many", RUNS)
def test_configuration(tmp_path: Path, many: bool, capsys: pytest.CaptureFixture[str]) -> None:
    def check(data: bytes) -> None:
        path = put(tmp_path, "c.toml", data)
        if judge(lambda: from_mapping(read_toml(path)), (ConfigError,)):
            return
        assert main(["--config", str(path), "--no-serve", "--source", "none.mp4"]) == 2
        check_line(capsys.readouterr().err)

    run(damaged(CONFIG) | st.binary(max_size=60), many, check)


@pytest.mark.parametrize("many", RUNS)
def test_settings_of_any_type(many: bool) -> None:
    names = st.sampled_from(["port", "fps", "source", "loop", "profile", "faces", "unknown"])
    run(
        st.dictionaries(names, JSON_VALUES, max_size=3),
        many,
        lambda values: judge(lambda: from_mapping(values), (ConfigError,)),
    )


@pytest.mark.parametrize("many", RUNS)
def test_driver_settings(tmp_path: Path, many: bool) -> None:
    def check(data: bytes) -> None:
        path = put(tmp_path, "d.toml", data)
        judge(lambda: load_driver_settings(str(path)), (ConfigError,))

    run(damaged(DRIVER) | st.binary(max_size=60), many, check)


def short_trace(folder: Path) -> bytes:
    made = microsleep()
    made.rows = made.rows[:5]
    trace.write(made, folder / "t.jsonl")
    return (folder / "t.jsonl").read_bytes()


@st.composite
def changed_json(draw: st.DrawFn, good: bytes) -> bytes:
    """A JSON-lines file in which one value anywhere is another one."""
    lines = [json.loads(line) for line in good.decode().splitlines()]
    at: Any = lines
    key: Any = draw(st.integers(0, len(lines) - 1))
    while isinstance(at[key], (dict, list)) and at[key] and draw(st.integers(0, 3)):
        at = at[key]
        key = draw(st.sampled_from(sorted(at))) if isinstance(at, dict) else draw(st.integers(0, len(at) - 1))
    at[key] = draw(JSON_VALUES)
    return "\n".join(json.dumps(line) for line in lines).encode()


@pytest.mark.parametrize("many", RUNS)
def test_replay_traces(tmp_path: Path, many: bool, capsys: pytest.CaptureFixture[str]) -> None:
    good = short_trace(tmp_path)

    def check(data: bytes) -> None:
        path = put(tmp_path, "x.jsonl", data)
        code = replay.main([str(path)])
        told = capsys.readouterr()
        assert code in (0, 1, 2)
        if code == 2:
            check_line(told.err)

    run(damaged(good) | changed_json(good), many, check)


def small_weights(folder: Path) -> bytes:
    path = folder / "good.safetensors"
    checkpoint.save_checkpoint(path, small("ifdd-stream"))
    return path.read_bytes()


@pytest.mark.parametrize("many", RUNS)
def test_weights(tmp_path: Path, many: bool) -> None:
    good = small_weights(tmp_path)
    head = 8 + int.from_bytes(good[:8], "little")

    def check(data: bytes) -> None:
        path = put(tmp_path, "w.safetensors", data)
        judge(lambda: checkpoint.load_checkpoint(path), (ModelError,))

    run(damaged(good) | near_the_head(good, head) | near_the_head(good, 64), many, check)


@pytest.mark.parametrize("many", RUNS)
def test_weights_from_elsewhere(tmp_path: Path, many: bool) -> None:
    import torch

    torch.save({"state_dict": {"a.weight": torch.ones(3, 2), "a.bias": torch.ones(3)}}, tmp_path / "good.pth")
    good = (tmp_path / "good.pth").read_bytes()

    def check(data: bytes) -> None:
        path = put(tmp_path, "w.pth", data)
        judge(lambda: read_pickle(path), (ModelError,))

    run(damaged(good), many, check)


@pytest.mark.parametrize("many", RUNS)
def test_specifications(many: bool) -> None:
    values = json.loads(small("ifdd-stream").spec.to_json())

    def check(change: tuple[str, Any]) -> None:
        text = json.dumps({**values, change[0]: change[1]})
        judge(lambda: spec.from_json(text), (ModelError,))

    run(st.tuples(st.sampled_from(sorted(values)) | st.text(max_size=6), JSON_VALUES), many, check)


@pytest.mark.parametrize("many", RUNS)
def test_specifications_that_build_no_model(many: bool) -> None:
    values = json.loads(small("ifdd-stream").spec.to_json())
    numbers = st.integers(-3, 70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)

    def check(changes: dict[str, Any]) -> None:
        text = json.dumps({**values, "options": {**values["options"], **changes}})
        judge(lambda: build(spec.from_json(text)), (ModelError,))

    names = st.sampled_from([*sorted(values["options"]), "unknown"])
    run(st.dictionaries(names, numbers, min_size=1, max_size=2), many, check, most=MANY // 3)


@pytest.mark.parametrize("many", RUNS)
def test_prepared_pictures(tmp_path: Path, many: bool) -> None:
    from models.training.prepared import Prepared

    Prepared(
        crops=np.zeros((2, 112, 112), np.uint8),
        labels=np.zeros(2, np.int64),
        splits=np.zeros(2, np.int64),
        found=np.ones(2, bool),
        landmarks=np.zeros((2, 478, 3), np.float16),
        inside=np.zeros((2, 2, 3), np.float32),
    ).save(tmp_path / "good.npz")
    good = (tmp_path / "good.npz").read_bytes()

    def check(data: bytes) -> None:
        path = put(tmp_path, "p.npz", data)
        judge(lambda: load_prepared(path), (ModelError,))

    run(damaged(good), many, check)


def clip(path: Path) -> bytes:
    """Half a second of a moving gradient, 64x48."""
    codec = "libvpx" if path.suffix == ".webm" else "libx264"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(15):
            row = (np.arange(64) * 3 + number * 7).astype(np.uint8)
            image = np.broadcast_to(row[None, :, None], (48, 64, 3))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image))))
        container.mux(stream.encode(None))
    return path.read_bytes()


def read_all(path: Path) -> int:
    """Every picture of a file, as an offline run reads it."""
    source = FileSource(path, live=False)
    try:
        count = 0
        while source.read() is not None:
            count += 1
        return count
    finally:
        source.close()


@pytest.mark.parametrize("many", RUNS)
@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".ts", ".avi", ".webm"])
def test_video_files(tmp_path: Path, ending: str, many: bool) -> None:
    good = clip(tmp_path / f"good{ending}")

    def check(data: bytes) -> None:
        path = put(tmp_path, f"v{ending}", data)
        judge(lambda: read_all(path), (SourceError,))

    run(damaged(good) | near_the_head(good, 400), many, check, few=8, most=400)


@pytest.mark.parametrize("name", ["../secret.toml", "/etc/passwd", "a\x00b", "x" * 5000, "~root/x", "."])
def test_names_that_lead_elsewhere_are_no_weights(name: str) -> None:
    from realtime.build import ASSETS
    from realtime.inference.engine import make_engine

    with pytest.raises(WeightsError) as caught:
        make_engine("ifdd-stream", name, "cpu", ASSETS / "weights")
    check_line(str(caught.value))


def recorded() -> bytes:
    """A short session's file: its beginning, predictions, a marker, an excluded range, figures, its end."""
    lines: list[dict[str, Any]] = [
        {"t": 0.0, "event": "session_start", "started": "2026-01-02T03:04:05+00:00", "model": "ifdd-stream"},
        *(result(seq, seq * 33_000_000, face=1) for seq in range(1, 60, 12)),
        {"t": 1.0, "event": "marker", "label": "a smile"},
        {"t": 1.2, "event": "exclude", "from": 0.2, "to": 0.4},
        {"t": 1.5, "event": "figures", "rates": {"picture_fps": 30.0}, "drops": {"vision": 1}},
        {"t": 2.0, "event": "session_end", "seconds": 2.0, "events": 5, "dropped": 0, "interrupted": False},
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@pytest.mark.parametrize("many", RUNS)
def test_recorded_events_and_their_report(tmp_path: Path, many: bool) -> None:
    library = Library(tmp_path / "sessions")
    session = library.new_id(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))
    path = library.new_path(session)
    good = recorded()

    def check(data: bytes) -> None:
        path.write_bytes(data)
        judge(lambda: build_report(read_recording(path), "x"), (OutputError,))
        library.recover()
        library.sessions()

    run(damaged(good) | changed_json(good), many, check)


@pytest.mark.parametrize("many", RUNS)
def test_heads_taught_by_a_person(tmp_path: Path, many: bool) -> None:
    labels = spec.BASIC_LABELS
    width = 16
    adapter = personal.Adapter(
        "m" * 64,
        labels,
        np.zeros((len(labels), width), np.float32),
        np.zeros(len(labels), np.float32),
        personal.Accuracy(0.5, 20),
        personal.Accuracy(0.9, 20),
    )
    good = adapter.to_bytes()
    head = 8 + int.from_bytes(good[:8], "little")

    def check(data: bytes) -> None:
        path = put(tmp_path, "p.safetensors", data)
        judge(lambda: personal.load(path, "m" * 64, labels), (WeightsError,))

    run(damaged(good) | near_the_head(good, head), many, check)
