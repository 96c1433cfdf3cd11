from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.training import clip_prepare
from models.training.clip_cache import ClipCache
from models.training.clip_faces import Sighting
from models.training.clip_media import MediaFrame
from models.training.clip_prepare import ClipOptions, prepare_clips, read_clips, table
from models.training.prepare import main
from tests.faces import face_landmarks
from tests.tiny_datasets import make_dfew, make_ferv39k, make_mafw, make_videos

CLIPS, FRAMES, SIDE = 10, 4, 64


class FakeSearcher:
    """Sees a face in the middle of every frame."""

    def follow(self, frames: Iterator[MediaFrame]) -> Iterator[Sighting]:
        for frame in frames:
            height, width = frame.image.shape[:2]
            yield [face_landmarks(width / 2, height / 2, height / 2)]

    def search(self, frames: Iterator[MediaFrame]) -> Iterator[Sighting]:
        return self.follow(frames)


@pytest.fixture(autouse=True)
def fake_searcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_prepare, "_SEARCHER", [FakeSearcher()])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_dfew(tmp_path / "dfew", CLIPS, FRAMES, side=SIDE)


def clip_folder(root: Path, number: int) -> Path:
    return root / "Clip" / "clip_224x224" / f"{number:05d}"


def run(data: str, out: Path, *options: str) -> int:
    return main(["--data", data, "--out", str(out), *options])


@pytest.mark.parametrize("kind", ["dfew", "ferv39k", "mafw", "videos"])
def test_each_layout_becomes_a_cache_and_a_table(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    makers: dict[str, Callable[..., Path]] = {
        "dfew": make_dfew,
        "ferv39k": make_ferv39k,
        "mafw": make_mafw,
        "videos": make_videos,
    }
    makers[kind](tmp_path / kind, CLIPS, FRAMES, side=SIDE)
    assert run(f"{kind}:{tmp_path / kind}", tmp_path / "out", "--side", "48") == 0
    cache = ClipCache.open(tmp_path / "out")
    assert (cache.dataset, len(cache), cache.side, cache.count(0)) == (kind, CLIPS, 48, FRAMES)
    assert {cache.labels[target] for target in cache.targets} == {"happy", "surprise"}
    shown = capsys.readouterr().out
    happy = next(line.split() for line in shown.splitlines() if line.startswith("happy"))
    assert happy[:3] == ["happy", "5", str(5 * FRAMES)]
    assert [int(each) for each in happy[3:]] == [4, 1] * len(cache.folds)
    assert "missing or unreadable: 0" in shown
    assert "no face found: 0 of 40 frames; in none of the frames of 0 clips" in shown


def test_missing_clips_stop_before_the_work_and_are_listed_when_skipped(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(clip_folder(root, 3))
    assert run(f"dfew:{root}", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "prepare: dfew: expected everything listed, got 1 problem: 3: no folder of pictures" in error
    assert not (tmp_path / "out").exists()
    assert run(f"dfew:{root}", tmp_path / "out", "--missing", "skip", "--side", "48") == 0
    shown = capsys.readouterr().out
    assert "clips: 9 of 11697 published" in shown
    assert "missing or unreadable: 1\n  3: no folder of pictures and no video of that name" in shown
    facts = json.loads((tmp_path / "out" / "cache.json").read_text())
    assert [each["name"] for each in facts["missing"]] == ["3"]
    assert facts["label_map"]["7"] == "fear"


def test_what_cannot_be_read_stops_and_the_next_run_goes_on(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = clip_folder(root, 4) / "2.jpg"
    picture.write_bytes(picture.read_bytes()[:300])
    for path in clip_folder(root, 6).iterdir():
        path.unlink()
    assert run(f"dfew:{root}", tmp_path / "out", "--side", "48") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("prepare: clip 4: expected readable frames, got 1 damaged: 2.jpg: ")
    assert error.endswith("(--missing skip goes on without)")
    made = (tmp_path / "out" / "frames.bin.part").read_bytes()
    assert made
    assert run(f"dfew:{root}", tmp_path / "out", "--side", "48", "--missing", "skip") == 0
    assert (tmp_path / "out" / "frames.bin").read_bytes().startswith(made)
    shown = capsys.readouterr().out
    assert "damaged frames left out: 1 in 1 clips" in shown
    assert "  6: 00006: expected frames, got none: no pictures in the folder" in shown
    cache = ClipCache.open(tmp_path / "out")
    number = cache.names.index("4")
    assert (cache.count(number), cache.damaged[number]) == (FRAMES - 1, 1)
    assert len(cache) == CLIPS - 1


@pytest.mark.timeout(300)  # starts processes, which take their time on a busy machine
def test_aligned_pictures_workers_and_one_fold(root: Path, tmp_path: Path) -> None:
    options = ClipOptions(folds=("2",), aligned=True, side=SIDE, workers=2, coding="raw")
    source = read_clips(f"dfew:{root}", options)
    two = prepare_clips(source, tmp_path / "two", options, progress=False)
    one = prepare_clips(
        source, tmp_path / "one", ClipOptions(("2",), aligned=True, side=SIDE, coding="raw"), progress=False
    )
    assert (two.folds, two.names) == (("2",), one.names)
    for number in range(CLIPS):
        np.testing.assert_array_equal(two.frames(number), one.frames(number))
    assert "as they are" in table(two)
    assert "no face found" not in table(two)


def test_a_long_list_of_missing_clips_is_cut_short(root: Path, tmp_path: Path) -> None:
    for path in root.rglob("*.csv"):
        more = "".join(f"{number},1\n" for number in range(100, 115))
        path.write_text(path.read_text() + (more if path.parent.name.startswith("train") else ""))
    options = ClipOptions(missing="skip", side=48)
    cache = prepare_clips(read_clips(f"dfew:{root}", options), tmp_path / "out", options, progress=False)
    assert "missing or unreadable: 15" in table(cache)
    assert "and 5 more, all in" in table(cache)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"missing": "ask"}, "missing: expected stop or skip, got 'ask'"),
        ({"side": 4}, r"side: expected 8\.\.1024, got 4"),
        ({"fps": 0}, "fps: expected a number above 0, up to 1000, got 0"),
        ({"workers": 0}, "workers: expected at least 1, got 0"),
        ({"coding": "png"}, "coding: expected one of jpeg, raw, got 'png'"),
    ],
)
def test_wrong_options_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ClipOptions(**changes)  # type: ignore[arg-type]


def test_wrong_sources_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"mafw:{tmp_path / 'nowhere'}", tmp_path / "out") == 2
    assert "prepare: data: expected a folder" in capsys.readouterr().err
    assert run("films:x", tmp_path / "out") == 2
    assert (
        "folder:ROOT, dfew:ROOT, ferv39k:ROOT, mafw:ROOT, videos:ROOT, got 'films:x'"
        in capsys.readouterr().err
    )
    assert run(f"dfew:{tmp_path}", tmp_path / "out") == 2
    assert "expected the lists in EmoLabel_DataSplit, got no such folder" in capsys.readouterr().err


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_run_that_is_killed_goes_on_to_the_same_bytes(tmp_path: Path, workers: str) -> None:
    root = make_mafw(tmp_path / "mafw", CLIPS, 20)  # real faces, found by the real mesh

    def start(out: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "models.training.prepare", "--data", f"mafw:{root}"]
        return subprocess.Popen([*command, "--out", str(out), "--workers", workers])

    assert start(tmp_path / "straight").wait() == 0
    first = start(tmp_path / "killed")
    journal = tmp_path / "killed" / "journal.jsonl"
    while not journal.exists() or journal.read_bytes().count(b"\n") < 4:
        with pytest.raises(subprocess.TimeoutExpired):
            first.wait(0.05)  # and it has not ended by itself
    first.kill()
    first.wait()
    assert not (tmp_path / "killed" / "cache.json").exists()
    assert start(tmp_path / "killed").wait() == 0
    for name in ("frames.bin", "cache.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()
    cache = ClipCache.open(tmp_path / "killed")
    assert all(cache.found(number).all() for number in range(CLIPS))
