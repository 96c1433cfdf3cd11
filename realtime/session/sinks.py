"""Where results go when they are kept: JSON lines and annotated video, never lost and never half-written.

Until a file is complete it has a `.part` name beside its own. What is in it can be read at any time, also
after the process was killed or the disk was full; an older file of the same name is replaced only by a
complete one.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import av
import av.error

from realtime.errors import OutputError
from realtime.files import finish, part_of
from realtime.values import Picture

TIME_BASE = Fraction(1, 90_000)
# a piece of an MP4 that can be played whatever follows: at most so much is lost with a killed process
FRAGMENT_S = 0.5
MP4_OPTIONS = {
    # fragments while it is written, an ordinary file with one index when it is closed
    "movflags": "hybrid_fragmented",
    "frag_duration": str(round(FRAGMENT_S * 1_000_000)),
    "flush_packets": "1",
}
WRITE_ERRORS = (OSError, ValueError, av.error.FFmpegError)


class _Finished:
    """A file that appears under its name only when it is complete; until then it has a `.part` name."""

    def __init__(self, path: Path) -> None:
        if path.is_dir() or not path.parent.is_dir():
            raise OutputError(f"output {path}: expected a file name in an existing folder")
        self._path = path
        self._part = part_of(path)

    def _broken(self, error: BaseException) -> OutputError:
        reason = getattr(error, "strerror", None) or str(error)
        return OutputError(
            f"output {self._path}: cannot be written on: {reason}; what there is so far is in {self._part}"
        )

    def _keep(self, kind: type[BaseException] | None, something: bool = True) -> None:
        """Names the file, leaves its part where a disk is full, or removes it where the run has failed."""
        if kind is not None and issubclass(kind, OutputError) and something:
            return
        if kind is None and something:
            try:
                finish(self._part, self._path)
            except OSError as error:
                raise self._broken(error) from None
        else:
            self._part.unlink(missing_ok=True)


class JsonLines(_Finished):
    """Writes one JSON object a line, at once. Leaving by an exception leaves no file, but see the module."""

    _file: TextIO

    def __enter__(self) -> JsonLines:
        try:
            self._file = self._part.open("w", encoding="utf-8", buffering=1)  # a line at a time
        except OSError as error:
            raise OutputError(f"output {self._path}: cannot be written: {error.strerror}") from None
        return self

    def write(self, event: dict[str, Any]) -> None:
        """Appends one object.

        Raises:
            OutputError: the disk does not take it; what was written stays.
        """
        try:
            self._file.write(json.dumps(event, separators=(",", ":")) + "\n")
        except OSError as error:
            raise self._broken(error) from None

    def flush(self) -> None:
        """Hands what was written to the system, so that it outlives this process.

        Raises:
            OutputError: the disk does not take it; what was written stays.
        """
        try:
            self._file.flush()
        except OSError as error:
            raise self._broken(error) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as problem:  # closing writes what a full disk did not take before
            if kind is None:
                raise self._broken(problem) from None
        self._keep(kind)


class VideoFile(_Finished):
    """Writes pictures as H.264 with their own times. Leaving by an exception leaves no file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> VideoFile:
        options = MP4_OPTIONS if self._path.suffix.lower() in (".mp4", ".m4v", ".mov") else {}
        try:
            self._container = av.open(str(self._part), "w", options=options)
        except WRITE_ERRORS as error:
            raise OutputError(
                f"output {self._path}: expected a video file name such as .mp4: {error}"
            ) from None
        return self

    def write(self, picture: Picture) -> None:
        """Encodes one picture; the first one sets the size, later ones must have it too.

        Raises:
            OutputError: the disk does not take it; what was written stays.
        """
        if self._stream is None:
            width, height = picture.size_wh
            # without B-frames, whose delay a fragmented file cannot take out of the times again
            options = {"preset": "veryfast", "crf": "20", "bf": "0"}
            self._stream = self._container.add_stream("libx264", options=options)
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = TIME_BASE
        frame = av.VideoFrame.from_ndarray(picture.yuv420p, format="yuv420p")
        frame.pts, frame.time_base = round(picture.t_ns * 90_000 / 1e9), TIME_BASE
        try:
            self._container.mux(self._stream.encode(frame))
        except WRITE_ERRORS as error:
            raise self._broken(error) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        something = self._stream is not None
        try:
            if kind is None and self._stream is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        except WRITE_ERRORS as problem:
            if kind is None:
                raise self._broken(problem) from None
        self._keep(kind, something)
