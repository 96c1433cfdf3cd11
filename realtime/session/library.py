"""The folder of recordings: safe names, what is there, what a killed process left, deleting."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from realtime.errors import NotNowError, UnknownError
from realtime.session.events import session_end

if sys.platform != "win32":
    import fcntl

SUFFIX = ".jsonl"
ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")
PART = re.compile(r"\.([0-9]{8}-[0-9]{6}-[0-9a-f]{4})\.part\.jsonl")
TAIL_BYTES = 4096


def default_folder() -> Path:
    """Where recordings of this user belong on this system."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        given = os.environ.get("XDG_DATA_HOME", "")
        base = Path(given) if given.startswith("/") else Path.home() / ".local" / "share"
    return base / "ifdd-live" / "sessions"


def lock(file: BinaryIO | Any) -> bool:
    """Takes the file for this process until it is closed; False where another process writes it.

    On Windows an open file cannot be renamed or removed by others, which comes to the same.
    """
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


class Library:
    """Recordings in one folder, one file each. Any thread; calls read and write files."""

    def __init__(self, folder: Path) -> None:
        """Makes it; the folder is made with the first recording."""
        self.folder = folder

    def new_id(self, now: datetime) -> str:
        """A name for a recording that begins now: date, time, and four digits for those of one second."""
        while True:
            name = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            if not any(
                os.path.exists(self.folder / each) for each in (name + SUFFIX, f".{name}.part{SUFFIX}")
            ):
                return name

    def new_path(self, session: str) -> Path:
        """Where a new recording goes; makes the folder, for this user alone.

        Raises:
            OSError: the folder cannot be made.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.folder / (session + SUFFIX)

    def path(self, session: str) -> Path:
        """The file of a finished recording.

        Raises:
            UnknownError: there is no such recording; nothing else in the file system can be named.
        """
        path = self.folder / (session + SUFFIX) if ID.fullmatch(session) else None
        if path is None or path.is_symlink() or not path.is_file():
            raise UnknownError(f"session: expected one of those listed, got {session[:40]!r}")
        return path

    def sessions(self) -> list[dict[str, Any]]:
        """What is there, newest first: id, started, seconds, events, bytes, dropped, interrupted."""
        found: list[dict[str, Any]] = []
        for path in sorted(self._files(), reverse=True):
            try:
                found.append(_summary(path))
            except (OSError, ValueError, KeyError, TypeError):
                found.append(_unreadable(path))
        return found

    def delete(self, session: str) -> dict[str, Any]:
        """Removes a recording and says what went: file names and bytes.

        Raises:
            UnknownError: there is no such recording.
            NotNowError: the system does not let it go.
        """
        path = self.path(session)
        size = path.stat().st_size
        try:
            path.unlink()
        except OSError as error:
            raise NotNowError(f"session {session}: cannot be removed: {error.strerror}") from None
        return {"id": session, "deleted": [path.name], "bytes": size}

    def recover(self) -> list[str]:
        """Finishes what processes left that were killed while they recorded; the names of those.

        A line that was half written is cut off, and an end is added that says "interrupted".
        """
        found: list[str] = []
        if not self.folder.is_dir():
            return found
        for path in sorted(self.folder.iterdir()):
            named = PART.fullmatch(path.name)
            if named is None or path.is_symlink() or not path.is_file():
                continue
            try:
                if self._finish(path, named[1]):
                    found.append(named[1])
            except OSError:
                continue  # not ours to read, or another process's; it stays where it is
        return found

    def _finish(self, path: Path, session: str) -> bool:
        with path.open("r+b") as file:
            if not lock(file):
                return False
            whole, lines, first, last = 0, 0, 0.0, 0.0
            begun = b""
            for line in file:
                if not line.endswith(b"\n"):
                    break
                t = _time(line)
                if t is None:
                    break
                whole, lines, last = whole + len(line), lines + 1, t
                first, begun = (t, line) if lines == 1 else (first, begun)
            file.truncate(whole)
            if lines:
                end = {**session_end(last, session, last - first, lines - 1, 0), "interrupted": True}
                if stream := json.loads(begun).get("stream"):
                    end["stream"] = stream
                file.seek(whole)
                file.write((json.dumps(end, separators=(",", ":")) + "\n").encode())
        if lines:
            os.replace(path, self.folder / (session + SUFFIX))
        else:
            path.unlink()  # killed before a line was written
        return lines > 0

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [
            path
            for path in self.folder.iterdir()
            if path.suffix == SUFFIX and ID.fullmatch(path.stem) and path.is_file() and not path.is_symlink()
        ]


def _time(line: bytes) -> float | None:
    try:
        return float(json.loads(line)["t"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _summary(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = json.loads(file.readline(1_000_000))
        file.seek(max(0, size - TAIL_BYTES))
        end = json.loads(file.read().splitlines()[-1])
    if start["event"] != "session_start" or end["event"] != "session_end":
        raise ValueError("no beginning or no end")
    return {
        "id": path.stem,
        "stream": str(start.get("stream", "")),
        "started": str(start["started"]),
        "seconds": float(end["seconds"]),
        "events": int(end["events"]),
        "bytes": size,
        "dropped": int(end["dropped"]),
        "interrupted": bool(end["interrupted"]),
    }


def _unreadable(path: Path) -> dict[str, Any]:
    """What can be said of a file that was changed by others: it can still be deleted."""
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    return {
        "id": path.stem, "stream": "", "started": "", "seconds": 0.0, "events": 0, "bytes": size,
        "dropped": 0, "interrupted": True,
    }  # fmt: skip
