"""Where results go when they are kept: JSON lines and annotated video, never half-written."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import av
import av.error

from realtime.errors import OutputError
from realtime.values import Picture

TIME_BASE = Fraction(1, 90_000)


class _Finished:
    """A file that appears under its name only when it is complete; until then it has a `.part` name."""

    def __init__(self, path: Path) -> None:
        if path.is_dir() or not path.parent.is_dir():
            raise OutputError(f"output {path}: expected a file name in an existing folder")
        self._path = path
        # the ending stays last, because the video writer chooses its format by it
        self._part = path.with_name(f".{path.stem}.part{path.suffix}")

    def _keep(self, complete: bool) -> None:
        if complete:
            os.replace(self._part, self._path)
        else:
            self._part.unlink(missing_ok=True)


class JsonLines(_Finished):
    """Writes one JSON object a line. Leaving the `with` block by an exception leaves no file."""

    _file: TextIO

    def __enter__(self) -> JsonLines:
        try:
            self._file = self._part.open("w", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"output {self._path}: cannot be written: {error.strerror}") from None
        return self

    def write(self, event: dict[str, Any]) -> None:
        """Appends one object."""
        self._file.write(json.dumps(event, separators=(",", ":")) + "\n")

    def flush(self) -> None:
        """Hands what was written to the system, so that it outlives this process."""
        self._file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._keep(complete=kind is None)


class VideoFile(_Finished):
    """Writes pictures as H.264 with their own times. Leaving by an exception leaves no file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> VideoFile:
        try:
            self._container = av.open(str(self._part), "w")
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise OutputError(
                f"output {self._path}: expected a video file name such as .mp4: {error}"
            ) from None
        return self

    def write(self, picture: Picture) -> None:
        """Encodes one picture; the first one sets the size, later ones must have it too."""
        if self._stream is None:
            width, height = picture.size_wh
            self._stream = self._container.add_stream("libx264", options={"preset": "veryfast", "crf": "20"})
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = TIME_BASE
        frame = av.VideoFrame.from_ndarray(picture.yuv420p, format="yuv420p")
        frame.pts, frame.time_base = round(picture.t_ns * 90_000 / 1e9), TIME_BASE
        self._container.mux(self._stream.encode(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        complete = kind is None
        try:
            if complete and self._stream is not None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()
            self._keep(complete and self._stream is not None)
