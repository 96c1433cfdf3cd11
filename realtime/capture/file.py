"""Pictures from a video file, in real time or every one."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av

from realtime.capture.pacer import Pacer
from realtime.capture.pyav_reader import BrokenMediaError, MediaReader, to_rgb
from realtime.capture.source import NoPicture, Reading
from realtime.clock import now_ns, to_s
from realtime.errors import SourceError

log = logging.getLogger(__name__)


class FileSource:
    """A video file. Live it is paced by its own times and late pictures are dropped; else nothing is.

    Live, a picture's time is the clock's; offline, it is the time in the file, which goes on rising when the
    file is looped.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        live: bool = True,
        loop: bool = False,
        clock: Callable[[], int] = now_ns,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Opens the file and decodes its first picture.

        Args:
            path: the file.
            live: see the class.
            loop: start again at the end.
            clock, sleep: monotonic ns, and waiting for s; for tests.

        Raises:
            SourceError: no such file, not a file, not readable, empty, no video in it, or broken.
        """
        self.live, self.choice_reason, self.dropped = live, "", 0
        self._name, self._loop, self._clock = str(path), loop, clock
        check_file(Path(path))
        self._reader = MediaReader(f"file:{path}", self._name)
        self._pacer = Pacer(clock, sleep)
        self._decoded = self._reader.pictures()
        self._offset_ns = self._last_ns = 0
        self._count = 1  # pictures decoded in this round
        self._ended = False
        try:
            self._held: tuple[av.VideoFrame, int] | None = next(self._decoded, None)
        except BrokenMediaError as error:
            self.close()
            raise SourceError(f"{path}: expected a readable video, got: {error}") from None
        if self._held is None:
            self.close()
            raise SourceError(f"{path}: expected at least one picture, got none")

    @property
    def description(self) -> str:
        """The file's name and size."""
        width, height = self._reader.size_wh
        return f"{Path(self._name).name} {width}x{height}"

    @property
    def frame_count(self) -> int:
        """How many pictures the file says it holds, 0 where it does not say; for a progress bar."""
        return self._reader.frame_count

    def read(self) -> Reading:
        """The next picture; see Source.read. Offline, a file that breaks off raises SourceError."""
        while True:
            if self._held is None:
                self._held = self._next()
                if self._held is None:
                    return None
            frame, t_ns = self._held
            if not self.live:
                self._held = None
                return to_rgb(frame), t_ns
            if not self._pacer.wait(t_ns):
                return NoPicture.YET
            self._held = None
            if self._pacer.is_late(t_ns, self._reader.interval_ns):
                self.dropped += 1
                continue
            return to_rgb(frame), self._clock()

    def close(self) -> None:
        """Closes the file; can be called twice."""
        self._ended, self._held = True, None
        self._reader.close()

    def _next(self) -> tuple[av.VideoFrame, int] | None:
        """The next decoded picture with a time that goes on over the loops; None at the end."""
        if self._ended:
            return None
        found = self._decode(self._decoded)
        if found is None and self._loop:
            self._offset_ns = self._last_ns + self._reader.interval_ns
            try:
                self._reader.rewind()
            except BrokenMediaError as error:
                log.warning("%s: cannot be looped: %s", self._name, error)
                self._ended = True
                return None
            self._decoded = self._reader.pictures()
            found = self._decode(self._decoded)
        if found is None:
            self._ended = True
            return None
        self._last_ns = found[1] + self._offset_ns
        return found[0], self._last_ns

    def _decode(self, decoded: Iterator[tuple[av.VideoFrame, int]]) -> tuple[av.VideoFrame, int] | None:
        problem = ""
        try:
            found = next(decoded, None)
            if found is not None:
                self._count += 1
                return found
        except BrokenMediaError as error:
            problem = str(error)
        # A cut-off MP4 often just ends; its header knows how many pictures there should be.
        at_s, expected, got = to_s(self._last_ns), self.frame_count, self._count
        self._count = 0
        if not problem and 0 < got < 0.9 * expected:
            problem = f"an end after {got} of {expected} pictures"
        if problem:
            text = f"{self._name}: expected a whole video, got at {at_s:.1f} s: {problem}"
            if not self.live:
                raise SourceError(text)
            log.warning("%s", text)
        return None


def check_file(path: Path) -> None:
    """Raises SourceError unless `path` is a readable file that is not empty."""
    try:
        exists = path.exists()
    except (OSError, ValueError) as error:  # a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{str(path)[:200]!r}: expected a video file, got: {reason}") from None
    if not exists:
        raise SourceError(f"{path}: expected a video file, got no such file")
    if path.is_dir():
        raise SourceError(f"{path}: expected a video file, got a directory")
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(f"{path}: expected a video file, got an empty file")
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path}: expected a readable file, got no permission to read it")
