"""What one viewer is sent: a bounded queue of already encoded pictures. Event loop only."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from realtime.serving.encoder import Codec, EncodedPicture

# One second at 30 pictures/s: longer, and the viewer would see the past.
QUEUE_PICTURES = 30


class PacketTrack(MediaStreamTrack):
    """Gives one viewer the pictures of a shared encoder, beginning with a keyframe and never with a gap.

    A viewer that cannot keep up loses what waits for it and goes on at the next keyframe, which is asked
    for; nobody else notices. Pictures are taken only once the connection reads from the track.
    """

    kind = "video"

    def __init__(
        self,
        codec: Codec,
        *,
        on_reading: Callable[[PacketTrack], None],
        ask_keyframe: Callable[[Codec], None],
        capacity: int = QUEUE_PICTURES,
    ) -> None:
        """Makes the track.

        Args:
            codec: the negotiated codec; pictures of another are a programming error.
            on_reading: called once, when the connection reads for the first time.
            ask_keyframe: called when this viewer cannot go on without one.
            capacity: how many pictures may wait.
        """
        super().__init__()
        self.codec = codec
        self.sent = 0
        self.dropped = 0
        self._on_reading, self._ask_keyframe, self._capacity = on_reading, ask_keyframe, capacity
        self._queue: deque[EncodedPicture] = deque()
        self._filled = asyncio.Event()
        self._reading = False
        self._need_keyframe = True
        self._last_index = 0

    def push(self, picture: EncodedPicture) -> None:
        """Queues a picture for the viewer, or drops it where it could not be decoded."""
        if picture.codec != self.codec:
            raise ValueError(f"track: expected {self.codec}, got {picture.codec}")
        gap = picture.index != self._last_index + 1
        self._last_index = picture.index
        if gap and not picture.keyframe and not self._need_keyframe:
            self._resynchronise()
        if picture.keyframe:
            self._need_keyframe = False
        if self._need_keyframe:
            self.dropped += 1
            return
        if len(self._queue) >= self._capacity:
            self._resynchronise()
            if not picture.keyframe:
                self.dropped += 1
                return
            self._need_keyframe = False
        self._queue.append(picture)
        self._filled.set()

    async def recv(self) -> av.Packet[Any]:
        """The next packet, waiting for it.

        Raises:
            MediaStreamError: the track has ended.
        """
        if not self._reading:
            self._reading = True
            self._on_reading(self)
            self._ask_keyframe(self.codec)
        while not self._queue:
            if self.readyState != "live":
                raise MediaStreamError
            self._filled.clear()
            await self._filled.wait()
        if self.readyState != "live":
            raise MediaStreamError
        self.sent += 1
        return self._queue.popleft().packet

    def stop(self) -> None:
        """Ends the track and wakes its reader. Can be called twice."""
        super().stop()
        self._queue.clear()
        self._filled.set()

    @property
    def waiting(self) -> int:
        """How many pictures wait."""
        return len(self._queue)

    def _resynchronise(self) -> None:
        self.dropped += len(self._queue)
        self._queue.clear()
        self._need_keyframe = True
        self._ask_keyframe(self.codec)
