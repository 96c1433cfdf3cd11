"""A data set's clips as aligned face pictures in one folder, decoded and aligned once, read at random.

`frames.bin` holds all pictures one after another, as JPEG or as plain bytes; `index.npz` where each begins,
its time, label and folds; `cache.json` what a person wants to know: source, label map, what was missing.
Measured on faces of 224 pixels: JPEG of quality 95 takes 15 KiB a picture, a tenth of the bytes, and a core
decodes 270 clips of 16 frames a second, which no model here learns from on that core. "raw" is for machines
with more disk than cores: 700 clips a second from memory, at 112 pixels 13,000.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import ModelError

Pictures = npt.NDArray[np.uint8]
Times = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Found = npt.NDArray[np.bool_]

VERSION = 1
CODINGS = ("jpeg", "raw")
PARTS = ("train", "test")
QUALITY = 95
MAX_SIDE = 1024


def encode_pictures(pictures: Pictures, coding: str = "jpeg", quality: int = QUALITY) -> list[bytes]:
    """Each of (N,H,W,3) uint8 RGB pictures as the bytes that a cache holds."""
    if coding == "raw":
        return [each.tobytes() for each in pictures]
    return [_to_jpeg(each, quality) for each in pictures]


def _to_jpeg(picture: Pictures, quality: int) -> bytes:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


@dataclass(frozen=True)
class CachedClip:
    """What `ClipWriter.finish` is told of a clip: its name, label and part ("train", "test") by fold."""

    name: str
    target: int
    parts: Mapping[str, str]


class ClipCache:
    """Read access to a finished cache; can be sent to other processes, which open the file anew.

    Attributes:
        folder: where it lies.
        dataset: name of the data set.
        labels: class names in the order of `targets`.
        side: of the square pictures, pixels.
        targets: (C,) int64, index into `labels`.
        names: of the clips, as the data set's lists give them.
        folds: names of the folds.
        damaged: (C,) int64, how many frames of a clip could not be read and are left out.
        facts: the whole of `cache.json`: source, label map, what was missing, and more.
    """

    dataset: str
    labels: tuple[str, ...]
    side: int
    targets: Index
    names: tuple[str, ...]
    folds: tuple[str, ...]
    damaged: Index

    def __init__(self, folder: Path, facts: dict[str, Any], index: Mapping[str, npt.NDArray[Any]]) -> None:
        """Use `open`."""
        self.folder, self.facts = folder, facts
        self.dataset, self.side = str(facts["dataset"]), int(facts["side"])
        self.labels, self.folds = tuple(facts["labels"]), tuple(facts["folds"])
        self._coding = str(facts["coding"])
        self.targets = index["targets"]
        self.names = tuple(str(each) for each in index["names"])
        self._starts, self._ends, self._first = index["starts"], index["ends"], index["first"]
        self._times, self._found = index["times_s"], index["found"]
        self._parts = index["parts"]
        self.damaged = index["damaged"]
        self._bytes: Pictures | None = None
        self._check()

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> ClipCache:
        """The cache in a folder.

        Raises:
            ModelError: no finished cache there, one of another version, or a damaged one.
        """
        where = Path(folder)
        if not (where / "cache.json").is_file():
            unfinished = (where / JOURNAL).is_file()
            got = "an unfinished one: run the same preparation again" if unfinished else "none"
            raise ModelError(f"{where}: expected a clip cache (python -m models.training.prepare), got {got}")
        try:
            facts = json.loads((where / "cache.json").read_text(encoding="utf-8"))
            if facts["version"] != VERSION:
                raise ModelError(f"{where}: expected a cache of version {VERSION}, got {facts['version']}")
            with np.load(where / "index.npz", allow_pickle=False) as file:
                return cls(where, facts, {name: file[name] for name in file.files})
        except ModelError:
            raise
        except Exception as error:  # whatever numpy's and json's readers raise for damaged files
            raise ModelError(f"{where}: expected a clip cache, got: {error!r}") from None

    def _check(self) -> None:
        count, total = len(self.names), int(self._first[-1])
        shapes = {
            "targets": (self.targets.shape, (count,)),
            "damaged": (self.damaged.shape, (count,)),
            "first": (self._first.shape, (count + 1,)),
            "starts": (self._starts.shape, (total,)),
            "ends": (self._ends.shape, (total,)),
            "times_s": (self._times.shape, (total,)),
            "found": (self._found.shape, (total,)),
            "parts": (self._parts.shape, (count, len(self.folds))),
        }
        for name, (got, expected) in shapes.items():
            if got != expected:
                raise ModelError(f"{self.folder}: {name}: expected shape {expected}, got {got}")
        if count and not 0 <= int(self.targets.min()) <= int(self.targets.max()) < len(self.labels):
            raise ModelError(f"{self.folder}: targets: expected 0..{len(self.labels) - 1}, got others")
        if self._coding not in CODINGS:
            raise ModelError(
                f"{self.folder}: coding: expected one of {', '.join(CODINGS)}, got {self._coding!r}"
            )
        path = self.folder / "frames.bin"
        size, needed = path.stat().st_size if path.is_file() else 0, int(self._ends.max(initial=0))
        if size < needed:
            raise ModelError(f"{path}: expected at least {needed} bytes, got {size}: prepare anew")

    def __len__(self) -> int:
        return len(self.names)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_bytes": None}

    def count(self, i: int) -> int:
        """How many frames clip i has."""
        return int(self._first[i + 1] - self._first[i])

    def times_s(self, i: int) -> Times:
        """(N,) rising times of clip i's frames, seconds from its start."""
        return np.asarray(self._times[self._first[i] : self._first[i + 1]], np.float64)

    def found(self, i: int) -> Found:
        """(N,) whether a face was found in each of clip i's frames; True throughout for `--aligned`."""
        return np.asarray(self._found[self._first[i] : self._first[i + 1]], np.bool_)

    def frames(self, i: int, chosen: Index | None = None) -> Pictures:
        """Clip i's aligned frames, (N,side,side,3) uint8 RGB; or only those at the indices `chosen`.

        Raises:
            ModelError: a picture in the cache is damaged.
        """
        begin = int(self._first[i])
        wanted = np.arange(self.count(i)) if chosen is None else np.asarray(chosen, np.int64)
        if wanted.size and not -1 < int(wanted.min()) <= int(wanted.max()) < self.count(i):
            raise ModelError(
                f"{self.names[i]}: expected frames 0..{self.count(i) - 1}, got {wanted.tolist()}"
            )
        out = np.empty((len(wanted), self.side, self.side, 3), np.uint8)
        known: dict[int, int] = {}
        for place, number in enumerate(wanted.tolist()):
            if number in known:  # a short clip repeats its frames
                out[place] = out[known[number]]
            else:
                self._decode(begin + number, out[place], i)
                known[number] = place
        return out

    def _decode(self, place: int, out: Pictures, i: int) -> None:
        if self._bytes is None:
            self._bytes = np.memmap(self.folder / "frames.bin", np.uint8, "r")
        coded = self._bytes[int(self._starts[place]) : int(self._ends[place])]
        if self._coding == "raw" and coded.size == out.size:
            out[...] = coded.reshape(out.shape)
            return
        image = cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB) if self._coding == "jpeg" else None
        if image is None or image.shape != out.shape:
            raise ModelError(
                f"{self.folder}: expected clip {self.names[i]!r} whole, got a damaged picture: prepare anew"
            )
        out[...] = image

    def split(self, fold: str, part: str) -> Index:
        """Rising indices of the clips in one part of one fold.

        Raises:
            ModelError: no such fold or part, or nothing in it.
        """
        chosen = np.flatnonzero(self.in_part(fold, part))
        if not chosen.size:
            raise ModelError(f"{self.folder}: expected {part} clips in fold {fold}, got none")
        return np.asarray(chosen, np.int64)

    def in_part(self, fold: str, part: str) -> Found:
        """(C,) whether each clip is in that part of that fold.

        Raises:
            ModelError: no such fold or part.
        """
        if fold not in self.folds:
            raise ModelError(f"fold: expected one of {', '.join(self.folds)}, got {fold!r}")
        if part not in PARTS:
            raise ModelError(f"part: expected one of {', '.join(PARTS)}, got {part!r}")
        return np.asarray(self._parts[:, self.folds.index(fold)] == PARTS.index(part), np.bool_)


JOURNAL = "journal.jsonl"


@dataclass
class _Written:
    """A clip that lies in `frames.bin.part`."""

    start: int
    sizes: list[int]
    times_s: list[float]
    found: list[bool]
    damaged: int


class ClipWriter:
    """Writes a cache clip by clip; one that was stopped goes on where it was. Used by one thread.

    Pictures go to `frames.bin.part`; after each clip one line goes to `journal.jsonl`, so that what the
    journal does not know is cut off when it goes on. `finish` writes the index, and `cache.json` last: a
    folder with that file is whole.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        dataset: str,
        labels: Sequence[str],
        side: int,
        coding: str = "jpeg",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Starts, or goes on.

        Args:
            folder: of the cache; made where it is missing.
            dataset: its name.
            labels: class names in the order of the targets.
            side: of the pictures, pixels.
            coding: "jpeg" or "raw".
            facts: what else decides how a clip is prepared (source, alignment); JSON values.

        Raises:
            ModelError: a finished cache is there, or an unfinished one that was told otherwise.
        """
        if coding not in CODINGS:
            raise ModelError(f"coding: expected one of {', '.join(CODINGS)}, got {coding!r}")
        if not 8 <= side <= MAX_SIDE:
            raise ModelError(f"side: expected 8..{MAX_SIDE}, got {side}")
        self.folder = Path(folder)
        if (self.folder / "cache.json").exists():
            raise ModelError(
                f"{self.folder}: expected no finished cache there, got one: remove it to prepare anew"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self.side, self.coding = side, coding
        self._head: dict[str, Any] = {
            "version": VERSION,
            "dataset": dataset,
            "labels": list(labels),
            "side": side,
            "coding": coding,
            **dict(facts or {}),
        }
        self._written: dict[str, _Written] = {}
        self._end = 0
        self._data, self._journal = self._resume()

    @property
    def done(self) -> frozenset[str]:
        """Names of the clips that lie there already."""
        return frozenset(self._written)

    def add(self, name: str, pictures: Pictures, times_s: Times, found: Found | None = None) -> None:
        """Writes one clip.

        Args:
            name: unique.
            pictures: (N,side,side,3) uint8 RGB, N >= 1.
            times_s: (N,) rising, from 0.
            found: (N,) whether a face was found in each; None: in all.

        Raises:
            ModelError: shapes that do not fit, a name that was written, or a full disk.
        """
        expected = (len(pictures), self.side, self.side, 3)
        if pictures.shape != expected or pictures.dtype != np.uint8:
            raise ModelError(
                f"{name}: expected pictures {expected} uint8, got {pictures.shape} {pictures.dtype}"
            )
        self.add_coded(name, encode_pictures(pictures, self.coding), times_s, found)

    def add_coded(
        self, name: str, coded: Sequence[bytes], times_s: Times, found: Found | None = None, damaged: int = 0
    ) -> None:
        """Writes one clip of which `encode_pictures` made bytes already, perhaps in another process.

        Args and errors as in `add`; `damaged` counts frames that could not be read and are left out.
        """
        count = len(coded)
        seen = np.ones(count, np.bool_) if found is None else found
        if count == 0:
            raise ModelError(f"{name}: expected at least one frame, got none")
        if len(times_s) != count or len(seen) != count or (np.diff(times_s) < 0).any():
            raise ModelError(
                f"{name}: expected {count} rising times and flags, got {len(times_s)}, {len(seen)}"
            )
        if name in self._written:
            raise ModelError(f"{name}: expected each clip once, got it twice")
        clip = _Written(self._end, [len(each) for each in coded], times_s.tolist(), seen.tolist(), damaged)
        try:
            self._data.write(b"".join(coded))
            self._data.flush()
            self._journal.write(json.dumps({"name": name, **vars(clip)}).encode() + b"\n")
            self._journal.flush()
        except OSError as error:
            raise ModelError(f"{self.folder}: expected room for clip {name}, got: {error.strerror}") from None
        self._written[name] = clip
        self._end += sum(clip.sizes)

    def finish(
        self,
        clips: Iterable[CachedClip],
        folds: Sequence[str],
        missing: Sequence[Mapping[str, str]] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> ClipCache:
        """Writes the index of the clips named, in their order, and opens the cache.

        Args:
            clips: all were added; clips added and not named are left out of the index.
            folds: names of the folds.
            missing: what the data set lists and is not here: {"name", "reason"} each.
            facts: more to keep in `cache.json`.

        Raises:
            ModelError: no clip, one that was not added, or a label or part that does not fit.
        """
        named = list(clips)
        if not named:
            raise ModelError(f"{self.folder}: expected clips to keep, got none")
        index = self._index(named, folds)
        self._data.close()
        self._journal.close()
        with (self.folder / "index.npz.part").open("wb") as file:
            np.savez(file, **index)
        os.replace(self.folder / "index.npz.part", self.folder / "index.npz")
        os.replace(self.folder / "frames.bin.part", self.folder / "frames.bin")
        whole = {
            **self._head,
            "folds": list(folds),
            "missing": [dict(each) for each in missing],
            **dict(facts or {}),
        }
        temporary = self.folder / "cache.json.part"
        temporary.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, self.folder / "cache.json")
        (self.folder / JOURNAL).unlink()
        return ClipCache.open(self.folder)

    def close(self) -> None:
        """Leaves the cache unfinished, to be gone on with; can be called twice."""
        self._data.close()
        self._journal.close()

    def _index(self, clips: list[CachedClip], folds: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        labels = self._head["labels"]
        names = [each.name for each in clips]
        if len(set(names)) != len(names):
            raise ModelError(f"{self.folder}: expected each clip once, got some twice")
        parts = np.full((len(clips), len(folds)), -1, np.int8)
        for row, clip in enumerate(clips):
            if clip.name not in self._written:
                raise ModelError(f"{self.folder}: expected clip {clip.name!r} to be added, got none")
            if not 0 <= clip.target < len(labels):
                raise ModelError(f"{clip.name}: expected a label 0..{len(labels) - 1}, got {clip.target}")
            for fold, part in clip.parts.items():
                if fold not in folds or part not in PARTS:
                    raise ModelError(
                        f"{clip.name}: expected a fold and part that are known, got {fold} {part}"
                    )
                parts[row, list(folds).index(fold)] = PARTS.index(part)
        written = [self._written[name] for name in names]
        counts = [len(each.sizes) for each in written]
        # pictures of clips that are not named stay in the file, unread
        ends = np.concatenate([each.start + np.cumsum(each.sizes) for each in written]).astype(np.int64)
        sizes = np.concatenate([each.sizes for each in written]).astype(np.int64)
        return {
            "starts": ends - sizes,
            "ends": ends,
            "first": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            "times_s": np.concatenate([each.times_s for each in written]).astype(np.float64),
            "found": np.concatenate([each.found for each in written]).astype(np.bool_),
            "targets": np.array([clip.target for clip in clips], np.int64),
            "damaged": np.array([each.damaged for each in written], np.int64),
            "names": np.array(names, np.str_),
            "parts": parts,
        }

    def _resume(self) -> tuple[BinaryIO, BinaryIO]:
        """Reads the journal, cuts off what it does not vouch for, and opens both files to append."""
        journal, data = self.folder / JOURNAL, self.folder / "frames.bin.part"
        whole = 0
        if journal.is_file():
            for number, line in enumerate(journal.read_bytes().splitlines(keepends=True)):
                try:
                    entry = json.loads(line)
                except ValueError:
                    break  # the run was killed while it wrote this line
                if not line.endswith(b"\n"):
                    break
                if number == 0:
                    self._same(entry)
                else:
                    name = entry.pop("name")
                    self._written[name] = _Written(**entry)
                    self._end += sum(self._written[name].sizes)
                whole += len(line)
        size = data.stat().st_size if data.is_file() else 0
        if size < self._end:
            raise ModelError(f"{data}: expected at least {self._end} bytes, got {size}: remove {self.folder}")
        pictures, lines = data.open("ab"), journal.open("ab")
        pictures.truncate(self._end)
        lines.truncate(whole)
        if whole == 0:
            lines.write(json.dumps(self._head).encode() + b"\n")
            lines.flush()
        return pictures, lines

    def _same(self, head: dict[str, Any]) -> None:
        for name in {*head, *self._head}:
            if head.get(name) != self._head.get(name):
                raise ModelError(
                    f"{self.folder}: {name}: expected {head.get(name)!r} as in the run that was stopped, got "
                    f"{self._head.get(name)!r}: remove the folder to prepare anew"
                )
