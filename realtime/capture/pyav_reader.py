"""Decoded pictures of a file or a network stream, through PyAV, with its many errors made one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import av
import av.error
import numpy as np
from av.container import InputContainer

from realtime.clock import NS_PER_S, to_ns
from realtime.errors import SourceError
from realtime.values import ImageU8

FALLBACK_FPS = 30.0


class BrokenMediaError(Exception):
    """Decoding failed or timed out in the middle; the text says how."""


class MediaReader:
    """One open medium with a video stream. Used by one thread."""

    def __init__(
        self,
        address: str,
        name: str,
        *,
        options: Mapping[str, str] | None = None,
        timeout_s: tuple[float, float] | None = None,
    ) -> None:
        """Opens it.

        Args:
            address: path or URL for FFmpeg.
            name: what to call it in messages (no password in it).
            options: FFmpeg's, for container and codec.
            timeout_s: longest wait for opening and for reading; None: forever.

        Raises:
            SourceError: it cannot be opened or holds no video.
        """
        self.name = name
        try:
            container = av.open(address, options=dict(options or {}), timeout=timeout_s)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceError(f"{name}: expected a readable video, got: {_reason(error)}") from None
        if not isinstance(container, InputContainer) or not container.streams.video:
            kinds = ", ".join(sorted({each.type for each in container.streams})) or "nothing"
            container.close()
            raise SourceError(f"{name}: expected a video stream, got only {kinds}")
        self._stream = container.streams.video[0]
        if getattr(self._stream, "codec_context", None) is None:
            container.close()
            raise SourceError(f"{name}: expected a video of a known codec, got an unknown one")
        self._container: InputContainer | None = container
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.interval_ns = to_ns(1 / float(rate or FALLBACK_FPS))
        self.duration_ns = None if container.duration is None else container.duration * 1000
        self.size_wh = (self._stream.width, self._stream.height)
        self.frame_count: int = self._stream.frames  # as the header says; 0: it does not

    def pictures(self) -> Iterator[tuple[av.VideoFrame, int]]:
        """Decoded frames with their time from the medium's start in ns, never falling.

        Raises:
            BrokenMediaError: the data ends or breaks in the middle, or none came in time.
        """
        if self._container is None or not self._stream.time_base:
            return
        start: int | None = None
        t_ns = -self.interval_ns
        decoded = self._container.decode(self._stream)
        while True:
            try:
                frame = next(decoded)
            except (StopIteration, av.error.EOFError):
                return
            except (av.error.FFmpegError, OSError, ValueError) as error:
                raise BrokenMediaError(_reason(error)) from None
            if frame.pts is None:  # raw H.264 has no times
                t_ns += self.interval_ns
            else:
                start = frame.pts if start is None else start
                t_ns = max(t_ns, round((frame.pts - start) * self._stream.time_base * NS_PER_S))
            yield frame, t_ns

    def rewind(self) -> None:
        """Back to the start.

        Raises:
            BrokenMediaError: it cannot go back.
        """
        if self._container is not None:
            try:
                self._container.seek(self._stream.start_time or 0, stream=self._stream)
            except (av.error.FFmpegError, OSError) as error:
                raise BrokenMediaError(_reason(error)) from None

    def close(self) -> None:
        """Closes the medium; can be called twice."""
        container, self._container = self._container, None
        if container is not None:
            container.close()


def to_rgb(frame: av.VideoFrame) -> ImageU8:
    """A decoded frame as (H,W,3) uint8 RGB, upright as its rotation note says."""
    image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    quarter_turns = round(frame.rotation / 90) % 4  # counter-clockwise, as np.rot90 counts too
    return np.ascontiguousarray(np.rot90(image, quarter_turns)) if quarter_turns else image


def _reason(error: BaseException) -> str:
    """What went wrong without FFmpeg's copy of the address, which can hold a password."""
    if isinstance(error, av.error.ExitError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error)
