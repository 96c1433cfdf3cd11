"""One browser that sends its camera: the newest picture only, converted off the loop."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import av
import cv2
import numpy as np
from aiortc import MediaStreamTrack, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from realtime.clock import now_ns
from realtime.serving import aiortc_internals as internals
from realtime.serving.limits import DEFAULT_LIMITS, PeerLimits
from realtime.serving.liveness import Liveness
from realtime.serving.media import Media, media
from realtime.serving.offer import Offer
from realtime.serving.served import Stream
from realtime.serving.trickle import Trickle
from realtime.serving.viewer import new_connection
from realtime.slot import Slot
from realtime.stats import Rate
from realtime.values import ImageU8
from realtime.worker import Worker

log = logging.getLogger(__name__)


def to_rgb(frame: av.VideoFrame) -> ImageU8:
    """The frame as (H,W,3) uint8 RGB, read as BT.601 limited range, which browsers send.

    cv2 takes 0.4 ms at 640x480 where PyAV's conversion takes 3; it needs even sides.
    """
    if frame.format.name == "yuv420p" and frame.width % 2 == 0 and frame.height % 2 == 0:
        planes = frame.to_ndarray(format="yuv420p")
        return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.uint8)
    return np.ascontiguousarray(frame.to_ndarray(format="rgb24"), np.uint8)


class CameraSender:
    """A WHIP session. The loop drains what was decoded; a thread converts the newest and pushes it."""

    def __init__(
        self,
        stream: Stream,
        offer: Offer,
        limits: PeerLimits = DEFAULT_LIMITS,
        where: Media | None = None,
    ) -> None:
        """Makes the session without connecting; the arguments are as for a viewer."""
        self.stream_name = stream.name
        self.skipped = 0
        self.rate = Rate()
        self._stream, self._offer = stream, offer
        self._limits, self._where = limits, where or media("127.0.0.1")
        self._connection = new_connection()
        self.trickle = Trickle(self._connection, offer.parsed, limits.candidates)
        self._violation: str | None = None
        self._slot: Slot[tuple[av.VideoFrame, int]] = Slot()
        self._worker = Worker(f"camera-sender-{stream.name}", self._convert, wake=self._slot.close)
        self._reader: asyncio.Task[None] | None = None
        self._live = Liveness(now_ns(), limits.silence_seconds, limits.connect_seconds)
        self._closed = False

    async def answer(self) -> str:
        """The SDP answer, with all candidates in it.

        Raises:
            ValueError: the offer cannot be answered; one clear line.
        """
        self._connection.on("track", self._on_track)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(self._offer.text, "offer"))
            for transceiver in self._connection.getTransceivers():
                if transceiver.kind != "video":
                    transceiver.direction = "inactive"
            internals.bind_media(self._connection, self._where.addresses, self._where.accept)
            await self._connection.setLocalDescription()
        except Exception as error:  # as for viewers: an SDP from outside is no bug
            raise ValueError(f"expected an SDP offer to send, got one that fails: {error}") from error
        self._worker.start()
        return internals.with_message_limit(
            str(self._connection.localDescription.sdp), self._limits.message_bytes
        )

    def problem(self, t_ns: int) -> str | None:
        """Why the sender counts as gone at `t_ns`, or None."""
        if self._connection.connectionState in ("failed", "closed"):
            return f"connection {self._connection.connectionState}"
        if internals.unread_bytes(self._connection) > self._limits.message_bytes:
            return "data channel: unfinished messages"
        if self._violation is not None:
            return self._violation
        if not self._stream.accepts_push:
            return "the source was changed"
        if self._worker.error is not None:
            return f"conversion failed: {self._worker.error}"
        self._live.sent(t_ns)
        return "silent" if self._live.gone(t_ns) else None

    def status(self) -> dict[str, Any]:
        """What the status says of this sender."""
        return {
            "state": self._connection.connectionState,
            "fps": round(self.rate.per_s(now_ns()), 1),
            "skipped": self.skipped + self._slot.dropped,
        }

    async def close(self) -> None:
        """Ends the session, its task and its thread. Can be called twice."""
        if self._closed:
            return
        self._closed = True
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        self._worker.request_stop()
        await internals.close(self._connection)
        self._worker.stop()

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "video" and self._reader is None:
            self._reader = asyncio.create_task(self._read(track), name="camera-sender-read")

    async def _read(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame, skipped = await internals.newest_frame(track)
                t_ns = now_ns()
                self._live.heard(t_ns)
                self.rate.mark(t_ns)
                self.skipped += skipped
                if frame.width * frame.height > self._limits.sender_pixels:
                    self._violation = (
                        f"picture: expected at most {self._limits.sender_pixels} pixels, "
                        f"got {frame.width}x{frame.height}"
                    )
                    self.skipped += 1
                    continue
                self._slot.put((frame, t_ns))
        except MediaStreamError:
            log.info("the camera's track has ended")

    def _convert(self) -> None:
        item = self._slot.take(timeout_s=0.5)
        if item is not None:
            frame, t_ns = item
            self._stream.push(to_rgb(frame), t_ns)
