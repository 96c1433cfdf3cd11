"""The cache of encoded crops: one preallocated tensor on the device for all faces of all streams."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import torch
from torch import Tensor


class FeatureStore:
    """Features (C,h,w) by face and crop serial. One thread uses it.

    They lie in one (slots,C,h,w) tensor, so that a batch of windows is one gather.
    """

    def __init__(self, slots: int = 64) -> None:
        """Makes an empty store for so many features; it doubles when it is full."""
        self._slots = slots
        self._store: Tensor | None = None
        self._held: dict[Hashable, dict[int, int]] = {}  # face -> serial -> slot
        self._free = list(range(slots))

    def missing(self, key: Hashable, serials: Iterable[int]) -> list[int]:
        """Those of the serials, rising and each once, that are not held."""
        return sorted(set(serials) - self._held.get(key, {}).keys())

    def put(self, owners: Sequence[tuple[Hashable, int]], features: Tensor) -> None:
        """Takes features in.

        Args:
            owners: face and serial of each row, none of them held yet.
            features: (N,C,h,w); further rows are padding and ignored.
        """
        if self._store is None:
            self._store = features.new_zeros((self._slots, *features.shape[1:]))
        while len(self._free) < len(owners):
            self._store = torch.cat([self._store, torch.zeros_like(self._store)])
            self._free = [*range(self._slots, 2 * self._slots), *self._free]
            self._slots *= 2
        slots = []
        for key, serial in owners:
            slots.append(self._free.pop())
            self._held.setdefault(key, {})[serial] = slots[-1]
        self._store.index_copy_(0, self._index(slots), features[: len(owners)])

    def gather(self, windows: Sequence[tuple[Hashable, Sequence[int]]]) -> Tensor:
        """Windows as (B,T,C,h,w).

        Args:
            windows: face and T serials of each, all of them held.
        """
        assert self._store is not None, "gather: expected features, got an empty store"
        slots = [self._held[key][serial] for key, serials in windows for serial in serials]
        found = self._store.index_select(0, self._index(slots))  # B*T C h w
        return found.view(len(windows), -1, *found.shape[1:])

    def drop_before(self, key: Hashable, serial: int) -> None:
        """Forgets a face's crops before a serial: windows only move forward."""
        held = self._held.get(key, {})
        for old in [each for each in held if each < serial]:
            self._free.append(held.pop(old))

    def retain(self, keys: Iterable[Hashable]) -> None:
        """Forgets every face that is not among `keys`."""
        for key in self._held.keys() - set(keys):
            self._free.extend(self._held.pop(key).values())

    def __len__(self) -> int:
        return sum(len(held) for held in self._held.values())

    def _index(self, slots: list[int]) -> Tensor:
        assert self._store is not None
        index = torch.tensor(slots, dtype=torch.int64)
        if self._store.is_cuda:  # without waiting for the device
            index = index.pin_memory().to(self._store.device, non_blocking=True)
        return index
