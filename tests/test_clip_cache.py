from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.training.clip_cache import JOURNAL, CachedClip, ClipCache, ClipWriter, encode_pictures
from tests.tiny_datasets import CLASSES, clip_frames

SIDE = 48


def start(folder: Path, coding: str = "jpeg", side: int = SIDE) -> ClipWriter:
    return ClipWriter(folder, dataset="tiny", labels=CLASSES, side=side, coding=coding, facts={"source": "x"})


def times(count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.arange(count) / 25.0


def named(name: str, target: int = 0, part: str = "train") -> CachedClip:
    return CachedClip(name, target, {"1": part})


def write_two(folder: Path, coding: str = "jpeg") -> ClipCache:
    writer = start(folder, coding)
    writer.add("b", clip_frames("surprise", 1, 5, SIDE), times(5), np.array([False, True, True, True, False]))
    writer.add("a", clip_frames("happy", 0, 3, SIDE), times(3))
    return writer.finish(
        [named("a"), named("b", 1, "test")], ["1"], [{"name": "c", "reason": "no such file"}]
    )


@pytest.mark.parametrize(("coding", "tolerance"), [("raw", 0), ("jpeg", 3)])
def test_what_is_written_comes_back(tmp_path: Path, coding: str, tolerance: float) -> None:
    cache = pickle.loads(pickle.dumps(write_two(tmp_path / "cache", coding)))
    assert (len(cache), cache.dataset, cache.labels, cache.side) == (2, "tiny", CLASSES, SIDE)
    assert (cache.names, cache.folds, cache.targets.tolist()) == (("a", "b"), ("1",), [0, 1])
    assert [cache.count(0), cache.count(1)] == [3, 5]
    for number, (label, seed, count) in enumerate((("happy", 0, 3), ("surprise", 1, 5))):
        difference = cache.frames(number).astype(int) - clip_frames(label, seed, count, SIDE)
        assert float(np.abs(difference).mean()) <= tolerance
        np.testing.assert_allclose(cache.times_s(number), times(count))
    assert cache.found(1).tolist() == [False, True, True, True, False]
    assert cache.split("1", "test").tolist() == [1]
    assert cache.facts["missing"] == [{"name": "c", "reason": "no such file"}]


def test_chosen_frames_are_those_of_the_whole_clip(tmp_path: Path) -> None:
    cache = write_two(tmp_path)
    whole = cache.frames(1)
    np.testing.assert_array_equal(cache.frames(1, np.array([0, 0, 4, 2, 4])), whole[[0, 0, 4, 2, 4]])
    with pytest.raises(ModelError, match=r"b: expected frames 0\.\.4, got"):
        cache.frames(1, np.array([5]))


def test_a_stopped_run_goes_on_and_the_half_written_clip_is_cut_off(tmp_path: Path) -> None:
    writer = start(tmp_path)
    writer.add("a", clip_frames("happy", 0, 3, SIDE), times(3))
    writer.close()
    whole = (tmp_path / "frames.bin.part").stat().st_size
    with (tmp_path / "frames.bin.part").open("ab") as data, (tmp_path / JOURNAL).open("ab") as journal:
        data.write(b"half a picture")
        journal.write(b'{"name": "b", "start": 12')
    with pytest.raises(ModelError, match=r"expected a clip cache .*, got an unfinished one"):
        ClipCache.open(tmp_path)
    again = start(tmp_path)
    assert again.done == {"a"}
    assert (tmp_path / "frames.bin.part").stat().st_size == whole
    with pytest.raises(ModelError, match="a: expected each clip once"):
        again.add("a", clip_frames("happy", 0, 3, SIDE), times(3))
    again.add("b", clip_frames("surprise", 1, 5, SIDE), times(5))
    resumed = again.finish([named("a"), named("b", 1)], ["1"])
    straight = write_two(tmp_path / "straight")
    for number in range(2):
        np.testing.assert_array_equal(resumed.frames(number), straight.frames(number))
    assert not (tmp_path / JOURNAL).exists()


def test_a_run_told_otherwise_does_not_go_on(tmp_path: Path) -> None:
    start(tmp_path).close()
    with pytest.raises(ModelError, match=r"side: expected 48 as in the run that was stopped, got 64"):
        start(tmp_path, side=64)
    write_two(tmp_path / "whole")
    with pytest.raises(ModelError, match="expected no finished cache there, got one"):
        start(tmp_path / "whole")


def test_clips_that_are_not_named_are_left_out(tmp_path: Path) -> None:
    writer = start(tmp_path)
    for name in "abc":
        writer.add(name, clip_frames("happy", ord(name), 3, SIDE), times(3))
    cache = writer.finish([named("c"), named("a")], ["1"])
    assert cache.names == ("c", "a")
    difference = cache.frames(0).astype(int) - clip_frames("happy", ord("c"), 3, SIDE)
    assert float(np.abs(difference).mean()) < 3


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    writer = start(tmp_path)
    pictures = clip_frames("happy", 0, 3, SIDE)
    with pytest.raises(ModelError, match="a: expected at least one frame, got none"):
        writer.add("a", pictures[:0], times(0))
    with pytest.raises(
        ModelError, match=r"a: expected pictures \(3, 48, 48, 3\) uint8, got \(3, 48, 24, 3\)"
    ):
        writer.add("a", pictures[:, :, :24], times(3))
    with pytest.raises(ModelError, match="a: expected 3 rising times and flags"):
        writer.add("a", pictures, times(3)[::-1])
    writer.add("a", pictures, times(3))
    for clip, message in (
        (named("z"), "expected clip 'z' to be added, got none"),
        (named("a", 2), "a: expected a label 0..1, got 2"),
        (CachedClip("a", 0, {"1": "val"}), "a: expected a fold and part that are known, got 1 val"),
    ):
        with pytest.raises(ModelError, match=message):
            writer.finish([clip], ["1"])
    with pytest.raises(ModelError, match="expected each clip once"):
        writer.finish([named("a"), named("a")], ["1"])
    with pytest.raises(ModelError, match="coding: expected one of jpeg, raw, got 'png'"):
        start(tmp_path / "other", "png")
    cache = writer.finish([named("a")], ["1"])
    with pytest.raises(ModelError, match="fold: expected one of 1, got '2'"):
        cache.split("2", "train")
    with pytest.raises(ModelError, match="part: expected one of train, test, got 'val'"):
        cache.split("1", "val")
    with pytest.raises(ModelError, match="expected test clips in fold 1, got none"):
        cache.split("1", "test")


def test_a_damaged_cache_is_told_in_one_line(tmp_path: Path) -> None:
    cache = write_two(tmp_path)
    data = tmp_path / "frames.bin"
    content = data.read_bytes()
    coded = encode_pictures(clip_frames("happy", 0, 3, SIDE)[:1])[0]
    place = content.index(coded)
    data.write_bytes(content[:place] + bytes(len(coded)) + content[place + len(coded) :])
    with pytest.raises(ModelError, match="expected clip 'a' whole, got a damaged picture: prepare anew"):
        cache.frames(0)
    data.write_bytes(content[:-10])
    with pytest.raises(ModelError, match=f"expected at least {len(content)} bytes, got {len(content) - 10}"):
        ClipCache.open(tmp_path)
    data.write_bytes(content)
    facts = json.loads((tmp_path / "cache.json").read_text())
    (tmp_path / "cache.json").write_text(json.dumps({**facts, "version": 9}))
    with pytest.raises(ModelError, match="expected a cache of version 1, got 9"):
        ClipCache.open(tmp_path)
    (tmp_path / "cache.json").write_text("{")
    with pytest.raises(ModelError, match="expected a clip cache, got: JSONDecodeError"):
        ClipCache.open(tmp_path)
    with pytest.raises(ModelError, match="got none"):
        ClipCache.open(tmp_path / "nowhere")
