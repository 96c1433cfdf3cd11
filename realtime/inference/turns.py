"""Whose windows are read next when there are more than the model can read in time.

While it can, all that is due goes into one batch. Where it cannot, streams take turns, and within a
stream the face that has waited longest comes first: many faces of one stream cost its own rate only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
# a window needs about one crop that was not encoded ahead, and its reading takes about as long as that
WINDOW_COST = 2
# how much a new measurement counts
NEWS = 0.2


def in_turns(waiting: Sequence[tuple[str, int, T]], most: int) -> list[T]:
    """At most `most` of those that wait, but one of each stream at least.

    Args:
        waiting: stream, time since when (any unit), and what waits.
        most: how many are wanted.

    Returns:
        The first of each stream, then the second of each, and so on, each stream's oldest first.
    """
    by_stream: dict[str, list[tuple[int, int, T]]] = {}
    for number, (stream, since, each) in enumerate(waiting):
        by_stream.setdefault(stream, []).append((since, number, each))
    rounds: list[tuple[int, int, int, T]] = []
    for own in by_stream.values():
        own.sort(key=lambda entry: entry[:2])
        rounds += [(turn, since, number, each) for turn, (since, number, each) in enumerate(own)]
    rounds.sort(key=lambda entry: entry[:3])
    return [each for _, _, _, each in rounds[: max(most, len(by_stream))]]


class Pace:
    """How much work fits into a batch, by what batches have cost so far. One thread uses it."""

    def __init__(self, budget_s: float) -> None:
        """Takes how long a batch may last, seconds."""
        self.budget_s = budget_s
        self._unit_s = 0.0  # of encoding one crop

    def room(self) -> int:
        """Units of work that fit into a batch: a crop is one, a window WINDOW_COST."""
        if self._unit_s * 100_000 < self.budget_s:
            return 100_000
        return int(self.budget_s / self._unit_s)

    def note(self, windows: int, ahead: int, took_s: float) -> None:
        """Takes what a batch held and how long it took."""
        units = WINDOW_COST * windows + ahead
        if units:
            self._unit_s += NEWS * (took_s / units - self._unit_s)
