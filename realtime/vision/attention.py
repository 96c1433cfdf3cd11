"""Which of the faces in view are read, and whether one that was there cannot be found."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from realtime.clock import to_ns


@dataclass(frozen=True, slots=True)
class Change:
    """Faces that are read from this frame on, and those that are no longer, in the order of their ids."""

    found: tuple[int, ...]
    lost: tuple[int, ...]


class Attention:
    """Chooses the faces to read: up to a number of them, or the chosen one only. One thread uses it.

    A face once passed over for the chosen one stays so: when the chosen one leaves, only somebody who comes
    after that takes its place, unless a viewer picks another.
    """

    def __init__(self, limit: int, *, back_s: float = 10.0, back_share: float = 0.5) -> None:
        """Makes it.

        Args:
            limit: how many faces are read at most where bystanders are shown.
            back_s: for this long after the chosen face went, only a face of about its size follows it.
            back_share: what counts as that: at least this share of its width.
        """
        self._limit, self._back_ns, self._back_share = limit, to_ns(back_s), back_share
        self._read: tuple[int, ...] = ()
        self._passed_over: set[int] = set()
        self._gone: tuple[int, float] | None = None  # when the chosen one went, and its width
        self._width = 0.0
        self._chosen: int | None = None

    def update(
        self,
        t_ns: int,
        widths: Mapping[int, float],
        lost: tuple[int, ...],
        *,
        only_chosen: bool,
        chosen: int | None,
    ) -> Change:
        """Takes one frame's faces.

        Args:
            t_ns: its time.
            widths: width in pixels of each face found in it, by id.
            lost: ids that were given up.
            only_chosen: read one face only.
            chosen: the one that a viewer picked; None: the largest of those that came first.
        """
        before = self._read
        present = [face_id for face_id in before if face_id not in lost]
        if only_chosen:
            present = self._choose(t_ns, widths, present, chosen)
        else:
            self._passed_over.clear()
            # those that are read go on being read; a place is free while its face cannot be found
            seen = [face_id for face_id in present if face_id in widths][: self._limit]
            others = sorted((key for key in widths if key not in seen), key=lambda key: -widths[key])
            seen += others[: self._limit - len(seen)]
            waiting = [face_id for face_id in present if face_id not in widths]
            present = seen + waiting[: max(0, self._limit - len(seen))]
        self._passed_over -= set(lost)
        self._read = tuple(sorted(present))
        return Change(
            tuple(each for each in self._read if each not in before),
            tuple(each for each in before if each not in self._read),
        )

    @property
    def read(self) -> tuple[int, ...]:
        """The faces to read, in the order of their ids; some may not be found just now."""
        return self._read

    def drop_all(self) -> tuple[int, ...]:
        """Forgets everybody, because the source changed; the ids that were read."""
        before = self._read
        self._read, self._gone = (), None
        self._passed_over.clear()
        return before

    def _choose(
        self, t_ns: int, widths: Mapping[int, float], present: list[int], chosen: int | None
    ) -> list[int]:
        if chosen != self._chosen:
            self._chosen = chosen
            self._passed_over.clear()
        if chosen is not None:
            self._gone = None
            picked = [chosen] if chosen in widths or chosen in present else []
        elif present:
            present.sort(key=lambda key: (key not in self._read, -widths.get(key, 0.0), key))
            picked = present[:1]
        else:
            if self._read:
                self._gone = (t_ns, self._width)
            picked = self._follow(t_ns, widths)
        if chosen is not None or (picked and picked[0] in widths):
            # while it cannot be found, a newcomer may be the chosen one under a new id
            self._passed_over |= widths.keys() - set(picked)
        for face_id in picked:
            self._width = widths.get(face_id, self._width)
        return picked

    def _follow(self, t_ns: int, widths: Mapping[int, float]) -> list[int]:
        """Who takes the empty place: the largest that nobody has passed over yet."""
        least = 0.0
        if self._gone is not None and t_ns - self._gone[0] <= self._back_ns:
            least = self._back_share * self._gone[1]
        new = [key for key in widths if key not in self._passed_over and widths[key] >= least]
        return sorted(new, key=lambda key: -widths[key])[:1]


class HeadCount:
    """How many faces that were found within the last seconds are not found now. One thread uses it.

    It counts heads and not ids, for a fast movement may give a face that is found again another id.
    """

    def __init__(self, memory_s: float = 2.0) -> None:
        self._memory_ns = to_ns(memory_s)
        self._counts: deque[tuple[int, int]] = deque()  # times, and counts that only fall

    def missing(self, t_ns: int, count: int) -> int:
        """Takes the number of faces found at `t_ns`; how many more there were within the memory."""
        while self._counts and self._counts[-1][1] <= count:
            self._counts.pop()
        self._counts.append((t_ns, count))
        while self._counts[0][0] < t_ns - self._memory_ns:
            self._counts.popleft()
        return self._counts[0][1] - count
