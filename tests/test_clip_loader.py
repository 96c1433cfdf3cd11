from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.errors import ModelError
from models.training.clip_cache import ClipCache
from models.training.clip_loader import clip_loader, epoch_order
from models.training.sampling import Sampling
from tests.tiny_datasets import make_cache

CLIPS, FRAMES = 12, 20


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ClipCache:
    return make_cache(tmp_path_factory.mktemp("loader") / "cache", CLIPS, FRAMES, side=32)


def read(cache: ClipCache, **options: Any) -> tuple[list[list[int]], torch.Tensor]:
    """The clips of each batch, and all pictures."""
    defaults = {"frames": 16, "batch": 2, "seed": 3}
    batches = list(clip_loader(cache, cache.split("1", "train"), **{**defaults, **options}))
    return [batch[2].tolist() for batch in batches], torch.cat([batch[0] for batch in batches])


def test_batches_hold_pictures_labels_and_clips(cache: ClipCache) -> None:
    pictures, labels, clips = next(iter(clip_loader(cache, cache.split("1", "train"), frames=8, batch=3)))
    assert (pictures.shape, pictures.dtype) == ((3, 8, 32, 32, 3), torch.uint8)
    assert (labels.dtype, clips.dtype) == (torch.int64, torch.int64)
    assert labels.tolist() == cache.targets[clips.numpy()].tolist()
    for picture, clip in zip(pictures, clips.tolist(), strict=True):
        whole = cache.frames(clip)
        assert all((whole == frame.numpy()).all((1, 2, 3)).any() for frame in picture)


@pytest.mark.timeout(300)  # starts processes, which take their time on a busy machine
def test_the_number_of_workers_changes_nothing(cache: ClipCache) -> None:
    order, pictures = read(cache)
    order_two, pictures_two = read(cache, workers=2)
    assert order == order_two
    assert torch.equal(pictures, pictures_two)


def test_each_epoch_is_another_and_comes_again(cache: ClipCache) -> None:
    first, again, second, seeded = (read(cache, epoch=0), read(cache, epoch=0), read(cache, epoch=1),
                                    read(cache, seed=4))  # fmt: skip
    assert first[0] == again[0]
    assert torch.equal(first[1], again[1])
    assert first[0] != second[0]
    assert first[0] != seeded[0]
    for order, _ in (first, second):
        assert sorted(np.concatenate(order).tolist()) == cache.split("1", "train").tolist()


def test_two_processes_read_together_what_one_reads(cache: ClipCache) -> None:
    one, pictures = read(cache, batch=1)
    parts = [read(cache, batch=1, rank=rank, world=2) for rank in range(2)]
    assert [batch for pair in zip(parts[0][0], parts[1][0], strict=True) for batch in pair] == one
    assert torch.equal(torch.stack([parts[0][1], parts[1][1]], 1).flatten(0, 1), pictures)


def test_a_stopped_epoch_goes_on(cache: ClipCache) -> None:
    order, pictures = read(cache)
    rest, last = read(cache, first=2)
    assert rest == order[2:]
    assert torch.equal(last, pictures[4:])
    assert list(clip_loader(cache, cache.split("1", "train"), frames=16, batch=2, first=99)) == []


def test_a_step_is_whole_in_training(cache: ClipCache) -> None:
    assert len(epoch_order(np.arange(10), 4, 0, 0, 0, 1)[0]) == 8
    few = [epoch_order(np.arange(3), 4, 0, 0, rank, 2)[0] for rank in range(2)]
    assert [len(each) for each in few] == [4, 4]
    assert set(np.concatenate(few).tolist()) == {0, 1, 2}


def test_a_test_reads_every_clip_in_all_its_views(cache: ClipCache) -> None:
    clips = cache.split("1", "test")
    loader = clip_loader(cache, clips, frames=8, batch=4, train=False, sampling=Sampling(views=3))
    batches = list(loader)
    assert torch.cat([each[2] for each in batches]).tolist() == np.repeat(clips, 3).tolist()
    pictures = torch.cat([each[0] for each in batches])
    assert torch.equal(pictures, torch.cat([each[0] for each in loader]))
    assert not torch.equal(pictures[0], pictures[1])
    shares = [
        clip_loader(cache, clips, frames=8, batch=4, train=False, rank=rank, world=4) for rank in range(4)
    ]
    assert sorted(int(clip) for share in shares for each in share for clip in each[2]) == clips.tolist()


def test_a_clip_of_three_frames_is_read(tmp_path: Path) -> None:
    cache = make_cache(tmp_path / "short", 4, 3, side=32)
    for sampling in ("segments", "consecutive", "timed"):
        loader = clip_loader(cache, np.arange(4), frames=16, batch=4, sampling=sampling)
        assert next(iter(loader))[0].shape == (4, 16, 32, 32, 3)


def test_wrong_numbers_are_named(cache: ClipCache) -> None:
    with pytest.raises(ModelError, match="clips: expected some to read, got none"):
        clip_loader(cache, np.array([], np.int64), frames=16, batch=2)
    with pytest.raises(ModelError, match="batch: expected at least 1, got 0"):
        read(cache, batch=0)
    with pytest.raises(ModelError, match=r"rank: expected 0\.\.1, got 2"):
        read(cache, rank=2, world=2)
