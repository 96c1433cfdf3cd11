"""The frames of one clip, from a folder of pictures or from a video file, with what could not be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from models.errors import ModelError
from realtime.capture.pyav_reader import BrokenMediaError, MediaReader, to_rgb
from realtime.errors import SourceError
from realtime.values import ImageU8

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
FOLDER_FPS = 25.0  # of frame folders, which do not say; films and television of the data sets have 24 to 30
MAX_FRAMES = 3000  # two minutes: a clip shows one expression, and is held in memory while it is aligned
SIDES = (16, 8192)  # px: what is smaller or larger is no picture of a face


@dataclass(frozen=True, eq=False)
class MediaFrame:
    """One frame: (H,W,3) uint8 RGB and its time from the clip's start, seconds."""

    image: ImageU8
    t_s: float


@dataclass
class ClipMedia:
    """Where a clip's frames come from; `frames` can be called again and gives the same.

    Attributes:
        path: a folder of pictures or a video file.
        fps: of a folder's pictures.
        damaged: what the last reading could not read, one line each.
    """

    path: Path
    fps: float = FOLDER_FPS
    damaged: list[str] = field(default_factory=list)

    def frames(self) -> Iterator[MediaFrame]:
        """The readable frames in order.

        Raises:
            ModelError: there is none at all, and the message says why; or more than MAX_FRAMES.
        """
        self.damaged = []
        count = 0
        for frame in self._pictures() if self.path.is_dir() else self._video():
            count += 1
            if count > MAX_FRAMES:
                raise ModelError(
                    f"{self.path.name}: expected at most {MAX_FRAMES} frames, got more: cut it up"
                )
            yield frame
        if count == 0:
            why = (
                self.damaged[0]
                if self.damaged
                else "no pictures in the folder"
                if self.path.is_dir()
                else "none"
            )
            raise ModelError(f"{self.path.name}: expected frames, got none: {why}")

    def _pictures(self) -> Iterator[MediaFrame]:
        for number, path in enumerate(picture_files(self.path)):
            image = self._picture(path)
            if image is not None:
                yield MediaFrame(image, number / self.fps)

    def _picture(self, path: Path) -> ImageU8 | None:
        try:
            with Image.open(path) as file:  # Pillow, because it does not fill a torn JPEG with grey
                width, height = file.size
                if not (SIDES[0] <= min(width, height) and max(width, height) <= SIDES[1]):
                    raise ValueError(f"{width}x{height} pixels")
                return np.asarray(file.convert("RGB"), np.uint8)
        except Exception as error:  # Pillow's readers raise many kinds for damaged files
            self.damaged.append(f"{path.name}: {_line(error)}")
            return None

    def _video(self) -> Iterator[MediaFrame]:
        try:
            reader = MediaReader(str(self.path), self.path.name)
        except SourceError as error:
            self.damaged.append(_line(error))
            return
        number = 0
        try:
            for picture, t_ns in reader.pictures():
                number += 1
                image = to_rgb(picture)
                if min(image.shape[:2]) < SIDES[0] or max(image.shape[:2]) > SIDES[1]:
                    self.damaged.append(f"{self.path.name}: {image.shape[1]}x{image.shape[0]} pixels")
                    return
                yield MediaFrame(image, t_ns / 1e9)
        except BrokenMediaError as error:
            self.damaged.append(f"{self.path.name}: breaks after {number} frames: {error}")
        finally:
            reader.close()


def picture_files(folder: Path) -> list[Path]:
    """A folder's pictures in the order of the numbers in their names: 2.jpg before 10.jpg."""
    return sorted(
        (each for each in folder.iterdir() if is_picture(each)), key=lambda each: natural(each.name)
    )


def is_picture(path: Path) -> bool:
    """Whether a name is that of a picture; macOS's "._1.jpg" is none."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def is_video(path: Path) -> bool:
    """Whether a name is that of a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key that compares the numbers in names as numbers."""
    return tuple(
        (0, int(each), "") if each.isdigit() else (1, 0, each) for each in re.split(r"([0-9]+)", name) if each
    )


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
