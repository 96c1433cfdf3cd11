"""Files that appear under their names only when they are whole: a temporary name, flushed, renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def part_of(path: Path) -> Path:
    """The name under which a file is written until it is whole; its ending stays, which tells its format."""
    return path.with_name(f".{path.stem}.part{path.suffix}")


def finish(part: Path, path: Path) -> None:
    """Hands the part to the disk and gives it its name, in place of any older file.

    Raises:
        OSError: the disk does not take it; the part and the older file stay as they are.
    """
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives the name to write under; the file takes the place of `path` when the block ends well.

    Raises:
        OSError: it cannot be written; an older file stays as it is.
    """
    part = part_of(path)
    try:
        yield part
        finish(part, path)
    finally:
        part.unlink(missing_ok=True)
