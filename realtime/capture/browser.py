"""Pictures that somebody else pushes in: the viewer's own webcam, sent by the browser."""

from __future__ import annotations

from collections.abc import Callable

from realtime.capture.source import NoPicture, Reading
from realtime.clock import now_ns, to_ns
from realtime.slot import Slot
from realtime.values import ImageU8, check_image


class PushSource:
    """Newest wins: pictures pushed on one thread, read on another. No sender yet, or none any more, is fine.

    It outlives its senders and is closed by whoever made it last use it; after close, read gives the end.
    """

    def __init__(
        self, *, wait_s: float = 0.25, silent_s: float = 2.0, clock: Callable[[], int] = now_ns
    ) -> None:
        """Makes it, waiting.

        Args:
            wait_s: how long a read waits for a picture.
            silent_s: after this long without a picture the sender counts as gone.
            clock: monotonic ns, the same as that of the pushed times.
        """
        self.live, self.choice_reason = True, ""
        self._wait_s, self._silent_ns, self._clock = wait_s, to_ns(silent_s), clock
        self._slot: Slot[tuple[ImageU8, int]] = Slot()
        self._newest: tuple[int, tuple[int, int]] | None = None  # when it came, width and height
        self._closed = False

    @property
    def dropped(self) -> int:
        """Pictures replaced by newer ones before they were read."""
        return self._slot.dropped

    @property
    def waiting(self) -> bool:
        """True while no sender sends. Any thread."""
        newest = self._newest
        return newest is None or self._clock() - newest[0] > self._silent_ns

    @property
    def description(self) -> str:
        """The picture's size, or that it waits. Any thread."""
        newest = self._newest
        if newest is None or self.waiting:
            return "waiting for a browser camera"
        return f"browser camera {newest[1][0]}x{newest[1][1]}"

    def push(self, image_rgb: ImageU8, t_ns: int) -> None:
        """Hands a picture over; the caller must not write into it afterwards. Any thread; never blocks.

        Raises:
            ValueError: not an (H,W,3) uint8 picture.
        """
        check_image("PushSource.push", image_rgb)
        self._newest = (self._clock(), (image_rgb.shape[1], image_rgb.shape[0]))
        self._slot.put((image_rgb, t_ns))

    def sender_gone(self) -> None:
        """Says that the sender left, without waiting for the silence. Any thread."""
        self._newest = None
        self._slot.clear()

    def read(self) -> Reading:
        """The newest picture not read before; see Source.read."""
        if self._closed:
            return None
        found = self._slot.take(self._wait_s)
        if found is not None:
            return found
        if self._closed:
            return None
        return NoPicture.NO_SENDER if self.waiting else NoPicture.YET

    def close(self) -> None:
        """Ends it and wakes a waiting read; can be called twice. Any thread."""
        self._closed = True
        self._slot.close()
