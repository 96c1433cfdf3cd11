"""A user's own clips: `ROOT/<label>/*.mp4`.

Labels are the names of the folders, in alphabetical order. Instead of a video a clip can be a folder of
pictures. `ROOT/<label>/<person>/*.mp4` names persons too. With `ROOT/train/<label>` and `ROOT/test/<label>`
there is one fold, "1"; else five folds "1" to "5", each class spread over them by the clips' names, a
person's clips all in one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from models.training.clip_media import is_video, natural
from models.training.clip_source import ClipSource, SourceClip, holds_pictures

FOLDS = 5
PARTS = ("train", "test")


@dataclass(frozen=True)
class _Found:
    label: str
    person: str
    path: Path


def read_videos(
    root: Path, folds: Sequence[str] = (), media: str = "", label_map: Mapping[str, str] | None = None
) -> ClipSource:
    """The clips under a folder.

    Args:
        root: the folder.
        folds: those to keep; none named: all.
        media: a folder within `root` to read instead.
        label_map: folder name to class name; None: the same.

    Raises:
        ModelError: fewer than two labels, no clips in one, or an unknown fold.
    """
    place = root / media if media else root
    if not place.is_dir():
        raise ModelError(f"{place}: expected a folder, got none")
    split = all((place / part).is_dir() for part in PARTS)
    found = {part: list(_clips(place / part)) for part in PARTS} if split else {"": list(_clips(place))}
    names = sorted({clip.label for clips in found.values() for clip in clips})
    words = {name: name for name in names} if label_map is None else dict(label_map)
    for name in names:
        if name not in words:
            raise ModelError(f"label map: expected one of {', '.join(words)}, got a folder {name!r}")
    labels = tuple(sorted({words[name] for name in names}))
    if len(labels) < 2:
        raise ModelError(
            f"{place}: expected a folder for each of two labels or more, got {', '.join(labels) or 'none'}"
        )
    known = ("1",) if split else tuple(str(number + 1) for number in range(FOLDS))
    for fold in folds:
        if fold not in known:
            raise ModelError(f"fold: expected one of {', '.join(known)}, got {fold!r}")
    clips = []
    for part, members in found.items():
        tested = {} if split else _folds(members)
        for clip in members:
            parts = {"1": part} if split else {
                fold: "test" if tested[clip.path] == fold else "train" for fold in known
            }  # fmt: skip
            name = clip.path.relative_to(place).as_posix()
            kept = {fold: each for fold, each in parts.items() if not folds or fold in folds}
            clips.append(SourceClip(name, labels.index(words[clip.label]), clip.path, kept))
    return ClipSource("videos", labels, words, tuple(folds) or known, media or ".", tuple(clips), ())


def _clips(root: Path) -> Iterator[_Found]:
    for folder in sorted(each for each in root.iterdir() if each.is_dir() and not each.name.startswith(".")):
        clips = list(_in_label(folder))
        if not clips:
            raise ModelError(f"{folder}: expected videos, got none")
        yield from clips


def _in_label(folder: Path) -> Iterator[_Found]:
    for each in sorted(folder.iterdir(), key=lambda path: natural(path.name)):
        if is_video(each) or (each.is_dir() and holds_pictures(each)):
            yield _Found(folder.name, "", each)
        elif each.is_dir():
            for inner in sorted(each.iterdir(), key=lambda path: natural(path.name)):
                if is_video(inner) or (inner.is_dir() and holds_pictures(inner)):
                    yield _Found(folder.name, each.name, inner)


def _folds(clips: list[_Found]) -> dict[Path, str]:
    """The fold that tests each clip: by person where persons are named, else by name within each class."""
    by_person = any(clip.person for clip in clips)

    def group(clip: _Found) -> str:
        return clip.person or f"{clip.label}/{clip.path.name}"

    def order(name: str) -> str:
        return hashlib.sha256(f"ifdd-live:{name}".encode()).hexdigest()

    fold: dict[str, str] = {}
    for label in [""] if by_person else sorted({clip.label for clip in clips}):
        groups = sorted({group(clip) for clip in clips if label in ("", clip.label)}, key=order)
        fold.update({name: str(number % FOLDS + 1) for number, name in enumerate(groups)})
    return {clip.path: fold[group(clip)] for clip in clips}
