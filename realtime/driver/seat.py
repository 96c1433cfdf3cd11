"""Which of several faces is the driver's: the largest, and then the same one."""

from __future__ import annotations

from collections.abc import Mapping

from realtime.clock import to_ns


class Seat:
    """Keeps to one face until it has been gone for `gone_s`; then the largest takes the seat."""

    def __init__(self, gone_s: float) -> None:
        self._gone_ns = to_ns(gone_s)
        self._face_id: int | None = None
        self._seen_ns = 0

    def choose(self, t_ns: int, sizes_px: Mapping[int, float]) -> int | None:
        """The driver's face in this frame, or None.

        Args:
            t_ns: the frame's time.
            sizes_px: each face's width by its id.
        """
        if self._face_id in sizes_px:
            self._seen_ns = t_ns
            return self._face_id
        if not sizes_px or (self._face_id is not None and t_ns - self._seen_ns < self._gone_ns):
            return None
        self._face_id, self._seen_ns = max(sizes_px, key=lambda each: sizes_px[each]), t_ns
        return self._face_id
