"""What the model does next when more is due than it can do in time.

While it can, all that is due goes into one batch. Where it cannot, a batch gets as much work as fits into
its time, streams share that evenly, and within a stream the face that has waited longest comes first. A
window whose crops are too many for one batch is prepared over several: so many faces of one stream cost its
own rate, and hardly that of another. Work is counted in units: encoding a crop is one, reading a window one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
# how much a new measurement counts
NEWS = 0.2
UNLIMITED = 100_000
# a window that was prepared in time needs one or two crops and its reading: less is no share
LEAST_SHARE = 4
# a window that was prepared in so many batches is read in the next, however long that takes: it moves on
# with time, and a slow machine would never have all its crops
MOST_PREPARED = 8


@dataclass(frozen=True, slots=True)
class Waiting(Generic[T]):
    """A window that is due.

    Attributes:
        stream: whose it is.
        since: when its face was read last, in any unit; the smallest comes first.
        crops: how many of its crops are not encoded yet.
        what: the window.
    """

    stream: str
    since: int
    crops: int
    what: T


@dataclass(slots=True)
class Plan(Generic[T]):
    """What goes into a batch.

    Attributes:
        read: windows to read.
        prepare: windows of which only so many crops are encoded now.
        room: units that are left.
    """

    read: list[T] = field(default_factory=list)
    prepare: list[tuple[T, int]] = field(default_factory=list)
    room: int = 0


class Turns:
    """Shares batches among the streams. One thread uses it."""

    def __init__(self) -> None:
        self._prepared: Counter[str] = Counter()  # batches since a stream's first window was begun
        self._batches = 0
        self._served: dict[str, int] = {}  # the last batch with something of a stream

    def plan(self, waiting: Sequence[Waiting[T]], room: int) -> Plan[T]:
        """Chooses from what waits as much as there is room for, of at least one stream.

        Streams that got nothing in the last batches come first.
        """
        made: Plan[T] = Plan(room=room)
        streams = {each.stream for each in waiting}
        for gone in set(self._prepared) - streams:
            del self._prepared[gone]
        self._served = {each: at for each, at in self._served.items() if each in streams}
        self._batches += 1
        share = max(LEAST_SHARE, room // max(1, len(streams)))
        first_ones, stopped = len(streams), set[str]()
        for turn, each in in_turns(waiting, self._served):
            first_ones -= turn == 0
            if each.stream in stopped or (made.room <= 0 and (made.read or made.prepare)):
                continue
            # what the streams after this one will need is left to them
            allowed = max(share, made.room - share * first_ones) if turn == 0 else made.room
            cost = 1 + each.crops
            if cost <= allowed or (turn == 0 and self._prepared[each.stream] >= MOST_PREPARED):
                made.read.append(each.what)
                if turn == 0:
                    self._prepared[each.stream] = 0
            else:
                cost = min(allowed, each.crops)
                made.prepare.append((each.what, cost))
                self._prepared[each.stream] += turn == 0
                stopped.add(each.stream)  # one window ready is better than two halves
            self._served[each.stream] = self._batches
            made.room -= cost
        made.room = max(0, made.room)
        return made


def in_turns(
    waiting: Sequence[Waiting[T]], served: Mapping[str, int] | None = None
) -> list[tuple[int, Waiting[T]]]:
    """The first of each stream, then the second of each, and so on, each with the number of its turn.

    Args:
        waiting: what waits; of a stream the one that waits longest comes first.
        served: when streams had something last; those that had nothing for longest come first.
    """
    taken: Counter[str] = Counter()
    turns: list[tuple[int, Waiting[T]]] = []
    for each in sorted(waiting, key=lambda each: each.since):
        turns.append((taken[each.stream], each))
        taken[each.stream] += 1
    at = served or {}
    return sorted(turns, key=lambda entry: (entry[0], at.get(entry[1].stream, -1)))


class Pace:
    """How much work fits into a batch, by what batches have cost so far. One thread uses it."""

    def __init__(self, budget_s: float) -> None:
        """Takes how long a batch may last, seconds."""
        self._budget_s = budget_s
        self._unit_s = 0.0

    def room(self) -> int:
        """Units of work that fit into a batch."""
        if self._unit_s * UNLIMITED <= self._budget_s:
            return UNLIMITED
        return int(self._budget_s / self._unit_s)

    def note(self, units: int, took_s: float) -> None:
        """Takes how much a batch held and how long it took."""
        if units:
            self._unit_s += NEWS * (took_s / units - self._unit_s)
