import dataclasses

import numpy as np
import pytest

from models import ModelError
from models.training.clip_cache import ClipCache
from models.training.folds import divide, hold_out
from models.training.recipe import Validation
from tests.clip_recipes import face_cache


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ClipCache:
    return face_cache(tmp_path_factory.mktemp("cache") / "tiny", clips=20)


def test_what_is_held_out_is_of_each_class_alike_and_never_learnt_from() -> None:
    targets = np.repeat(np.arange(3), (40, 20, 4))
    kept, held = hold_out(targets, np.arange(64), 0.25, 1)
    assert np.bincount(targets[held]).tolist() == [10, 5, 1]
    assert sorted([*kept, *held]) == list(range(64))
    again = hold_out(targets, np.arange(64), 0.25, 1)[1]
    other = hold_out(targets, np.arange(64), 0.25, 2)[1]
    assert held.tolist() == again.tolist() != other.tolist()


def test_a_class_of_one_clip_keeps_it_to_learn_from() -> None:
    kept, held = hold_out(np.array([0, 0, 0, 1]), np.arange(4), 0.9, 1)
    assert 3 in kept
    assert len(held) == 2


def test_nothing_to_hold_out_is_an_error() -> None:
    with pytest.raises(ModelError, match="hold out a clip of 4"):
        hold_out(np.arange(4), np.arange(4), 0.1, 1)


def test_parts_of_a_fold(cache: ClipCache) -> None:
    train, test = cache.split("1", "train"), cache.split("1", "test")
    held = divide(cache, "1", Validation(share=0.25), 1)
    assert len(held.validation) == 4
    assert not set(held.validation) & {*held.train, *held.test}
    assert {*held.train, *held.validation} == set(train)
    published = divide(cache, "1", Validation(on="test"), 1)
    assert published.validation.tolist() == published.test.tolist() == test.tolist()
    assert published.train.tolist() == train.tolist()
    assert len(divide(cache, "1", Validation(on="none", share=0.0), 1).validation) == 0
    for each in dataclasses.astuple(held):
        assert (np.diff(each) > 0).all()
