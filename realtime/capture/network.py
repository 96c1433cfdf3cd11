"""Pictures from an address: rtsp:// cameras, http:// streams and files."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import av

from realtime.capture.pacer import Pacer
from realtime.capture.pyav_reader import BrokenMediaError, MediaReader, to_rgb
from realtime.capture.source import NoPicture, Reading
from realtime.clock import now_ns
from realtime.errors import SourceError, SourceLostError

SCHEMES = ("rtsp", "rtsps", "http", "https")
OPEN_TIMEOUT_S, READ_TIMEOUT_S = 4.0, 3.0  # together with closing, a stop waits no longer than about 5 s
LOW_DELAY = {"fflags": "nobuffer", "flags": "low_delay"}


class NetworkSource:
    """A network stream, read as it comes. What has a length (a file on a web server) is paced and ends."""

    def __init__(
        self,
        url: str,
        *,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        clock: Callable[[], int] = now_ns,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Connects.

        Args:
            url: rtsp://, rtsps://, http:// or https://.
            open_timeout_s, read_timeout_s: longest wait for the connection and for data.
            clock, sleep: monotonic ns, and waiting for s; for tests.

        Raises:
            SourceError: another scheme, no connection, or no video there.
        """
        scheme = url.partition("://")[0].lower()
        self._name = without_password(url)
        if scheme not in SCHEMES:
            raise SourceError(f"{self._name}: expected {', '.join(each + '://' for each in SCHEMES)}")
        self.live, self.choice_reason, self.dropped = True, "", 0
        self._clock = clock
        options = {**LOW_DELAY, "rtsp_transport": "tcp"} if scheme.startswith("rtsp") else LOW_DELAY
        self._reader = MediaReader(
            url, self._name, options=options, timeout_s=(open_timeout_s, read_timeout_s)
        )
        self._decoded = self._reader.pictures()
        self._pacer = Pacer(clock, sleep) if self._reader.duration_ns else None
        self._held: tuple[av.VideoFrame, int] | None = None

    @property
    def description(self) -> str:
        """The address without its password, and the size."""
        width, height = self._reader.size_wh
        return f"{self._name} {width}x{height}"

    def read(self) -> Reading:
        """The next picture; see Source.read."""
        while True:
            if self._held is None:
                try:
                    self._held = next(self._decoded, None)
                except BrokenMediaError as error:
                    raise SourceLostError(f"{self._name}: {error}") from None
            if self._held is None:
                if self._pacer is not None:
                    return None
                raise SourceLostError(f"{self._name}: the stream ended")
            frame, t_ns = self._held
            if self._pacer is not None:
                if not self._pacer.wait(t_ns):
                    return NoPicture.YET
                if self._pacer.is_late(t_ns, self._reader.interval_ns):
                    self._held = None
                    self.dropped += 1
                    continue
            self._held = None
            return to_rgb(frame), self._clock()

    def close(self) -> None:
        """Ends the connection; can be called twice."""
        self._held, self._decoded = None, iter(())
        self._reader.close()


def without_password(url: str) -> str:
    """The address as it may be shown: no user name, no password, no query (where keys are put)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://…"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
