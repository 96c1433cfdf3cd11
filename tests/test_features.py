from __future__ import annotations

import pytest
import torch

from realtime.inference.features import FeatureStore


def rows(*values: int) -> torch.Tensor:
    """Features (N,2,3,3) that are told apart by their value."""
    return torch.stack([torch.full((2, 3, 3), float(each)) for each in values])


def test_what_is_put_is_gathered_as_windows() -> None:
    store = FeatureStore()
    store.put([("a", 1), ("a", 2), ("b", 1)], rows(10, 20, 30))
    windows = store.gather([("a", [1, 2]), ("b", [1, 1])])
    assert windows.shape == (2, 2, 2, 3, 3)
    assert windows[:, :, 0, 0, 0].tolist() == [[10, 20], [30, 30]]


def test_only_what_is_missing_is_asked_for_once_and_in_order() -> None:
    store = FeatureStore()
    store.put([("a", 2)], rows(0))
    assert store.missing("a", [3, 2, 1, 3]) == [1, 3]
    assert store.missing("b", [2]) == [2]


def test_rows_beyond_the_owners_are_padding() -> None:
    store = FeatureStore()
    store.put([("a", 1)], rows(5, 0, 0, 0))
    assert len(store) == 1
    assert set(store.gather([("a", [1])]).flatten().tolist()) == {5}


def test_slots_are_used_again_and_the_store_grows_without_losing_any() -> None:
    store = FeatureStore(slots=4)
    for serial in range(100):
        store.put([("a", serial)], rows(serial))
        store.drop_before("a", serial - 2)
    assert store._slots == 4
    store.put([("b", each) for each in range(20)], rows(*range(100, 120)))
    assert store._slots == 32
    assert store.gather([("a", [97, 98, 99])])[0, :, 0, 0, 0].tolist() == [97, 98, 99]
    assert store.gather([("b", list(range(20)))])[0, :, 0, 0, 0].tolist() == list(range(100, 120))


def test_faces_that_are_gone_are_forgotten() -> None:
    store = FeatureStore()
    store.put([("a", 1), ("b", 1)], rows(1, 2))
    store.retain(["b"])
    assert store.missing("a", [1]) == [1]
    assert len(store) == 1
    with pytest.raises(KeyError):
        store.gather([("a", [1])])
