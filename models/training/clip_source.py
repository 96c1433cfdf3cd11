"""What a data set's lists say, checked against what lies in its folder: the same for every layout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from models.errors import ModelError
from models.training.clip_media import VIDEO_SUFFIXES, is_picture

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SHOWN = 3  # of many problems in one message


@dataclass(frozen=True)
class Entry:
    """One line of a list: where it stands, the clip and the label as written, and its fold and part."""

    where: str
    name: str
    label: str
    fold: str
    part: str


@dataclass(frozen=True)
class Problem:
    """Something that is listed and not here, or cannot be used, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True)
class SourceClip:
    """A clip to prepare: name, index into the labels, folder or video, part ("train" or "test") by fold."""

    name: str
    target: int
    path: Path
    parts: Mapping[str, str]


@dataclass(frozen=True)
class ClipSource:
    """A data set as found.

    Attributes:
        dataset: its name.
        labels: class names; a clip's target is an index into them.
        label_map: the label as written in the lists, to the class name.
        folds: names of the folds read.
        media: the folder of the clips, within the data set's where it lies there.
        clips: what can be prepared, in the order of the lists.
        problems: what cannot.
        published: how many clips the whole set has as published; None: unknown.
    """

    dataset: str
    labels: tuple[str, ...]
    label_map: Mapping[str, str]
    folds: tuple[str, ...]
    media: str
    clips: tuple[SourceClip, ...]
    problems: tuple[Problem, ...]
    published: int | None = None


@dataclass(frozen=True)
class Layout:
    """How a data set is laid out.

    Attributes:
        dataset: its name.
        labels: class names in the order of the targets.
        label_map: the label as written, in lower case, to the class name.
        folds: names of the official folds.
        media: folders that may hold the clips, the best first.
        stems: the names a clip of that name in the lists may have in that folder, without suffix.
        published: how many clips.
    """

    dataset: str
    labels: tuple[str, ...]
    label_map: Mapping[str, str]
    folds: tuple[str, ...]
    media: tuple[str, ...]
    stems: Callable[[str], tuple[str, ...]]
    published: int


def collect(
    layout: Layout,
    root: Path,
    entries: Iterable[Entry],
    folds: Sequence[str],
    problems: Sequence[Problem] = (),
    media: str = "",
    label_map: Mapping[str, str] | None = None,
) -> ClipSource:
    """Checks the entries and finds their clips.

    Args:
        layout: of the data set.
        root: its folder.
        entries: of all lists read.
        folds: those that were read.
        problems: met so far.
        media: the folder of the clips, where it is not one of the layout's.
        label_map: used instead of the layout's, for copies with other labels.

    Raises:
        ModelError: no folder of clips, a clip with two labels or in both parts of a fold, a path that leaves
            the folder.
    """
    words = {key.lower(): value for key, value in (label_map or layout.label_map).items()}
    for word, name in words.items():
        if name not in layout.labels:
            raise ModelError(f"label map: {word}: expected one of {', '.join(layout.labels)}, got {name!r}")
    place = media_folder(layout, root, media)
    found: list[Problem] = list(problems)
    first: dict[str, Entry] = {}
    parts: dict[str, dict[str, str]] = {}
    for entry in entries:
        known = first.setdefault(entry.name, entry)
        if known.label.lower() != entry.label.lower():
            raise ModelError(
                f"{entry.where}: expected clip {entry.name} labelled {known.label} as in {known.where}, got "
                f"{entry.label}"
            )
        mine = parts.setdefault(entry.name, {})
        if entry.fold not in mine:
            mine[entry.fold] = entry.part
        elif mine[entry.fold] == entry.part:
            found.append(Problem(entry.name, f"twice in {entry.where}"))
        else:
            raise ModelError(
                f"{entry.where}: expected clip {entry.name} in one part of fold {entry.fold}, got it in both"
            )
    clips = []
    for name, entry in first.items():
        if entry.label.lower() not in words:
            written = ", ".join(words)
            found.append(
                Problem(name, f"{entry.where}: label: expected one of {written}, got {entry.label!r}")
            )
            continue
        path = locate(place, layout.stems(name), entry.where)
        if path is None:
            found.append(Problem(name, "no folder of pictures and no video of that name"))
        else:
            clips.append(SourceClip(name, layout.labels.index(words[entry.label.lower()]), path, parts[name]))
    shown = place.relative_to(root).as_posix() if place.is_relative_to(root) else str(place)
    return ClipSource(
        layout.dataset,
        layout.labels,
        words,
        tuple(folds),
        shown,
        tuple(clips),
        tuple(found),
        layout.published,
    )


def media_folder(layout: Layout, root: Path, media: str) -> Path:
    """The folder that holds the clips: the one named, or the first of the layout's that is there.

    Raises:
        ModelError: none is.
    """
    for each in [media] if media else layout.media:
        place = root / each
        if place.is_dir():
            inner = place / place.name  # archives unpacked into a folder of their own name
            return inner if inner.is_dir() else place
    wanted = media or " or ".join(layout.media)
    raise ModelError(f"{root}: expected the clips in {wanted}, got no such folder (--media names another)")


def locate(place: Path, stems: Iterable[str], where: str) -> Path | None:
    """The folder of pictures or the video of a clip, or None.

    Raises:
        ModelError: the name leads out of the folder.
    """
    for stem in stems:
        parts = PurePosixPath(stem.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in stem or "\0" in stem or not parts.parts:
            raise ModelError(f"{where}: expected a clip inside the folder, got {stem!r}")
        folder = place / parts
        if folder.is_dir():
            return folder
        for suffix in VIDEO_SUFFIXES:
            video = folder.with_name(folder.name + suffix)
            if video.is_file():
                return video
    return None


def stop_on_problems(source: ClipSource) -> None:
    """Raises when something is missing.

    Raises:
        ModelError: with the number of problems and the first of them.
    """
    if source.problems:
        raise ModelError(
            f"{source.dataset}: expected everything listed, got {summary(source.problems)} "
            "(--missing skip goes on without)"
        )


def summary(problems: Sequence[Problem]) -> str:
    """How many problems, and the first of them, in one line."""
    shown = "; ".join(str(each) for each in problems[:SHOWN])
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return f"{len(problems)} problem{'s' * (len(problems) != 1)}: {shown}{more}"


def chosen_folds(layout: Layout, folds: Sequence[str]) -> tuple[str, ...]:
    """The folds asked for, all of the layout's where none is.

    Raises:
        ModelError: one that the data set does not have.
    """
    for fold in folds:
        if fold not in layout.folds:
            raise ModelError(
                f"fold: expected one of {', '.join(layout.folds)} for {layout.dataset}, got {fold!r}"
            )
    return tuple(folds) or layout.folds


def read_folds(
    layout: Layout,
    root: Path,
    folds: Sequence[str],
    lists: Callable[[str], Mapping[str, Path]],
    entries: Callable[[Path, str, str, str], Iterable[Entry]],
    media: str,
    label_map: Mapping[str, str] | None,
) -> ClipSource:
    """The clips of a data set that has lists for each fold; a fold with a list missing is left out and told.

    Args:
        layout: of the data set.
        root: its folder.
        folds: those asked for; none: all.
        lists: the list of each part of a fold.
        entries: reads a list: its path, its path for messages, fold and part.
        media, label_map: see `collect`.

    Raises:
        ModelError: an unknown fold, or no fold with all its lists.
    """
    found: list[Entry] = []
    problems: list[Problem] = []
    read = []
    for fold in chosen_folds(layout, folds):
        paths = lists(fold)
        absent = [path for path in paths.values() if not path.is_file()]
        if absent:
            where = absent[0].relative_to(root).as_posix()
            problems.append(Problem(where, f"no such file: fold {fold} is left out"))
            continue
        read.append(fold)
        for part, path in paths.items():
            found += entries(path, path.relative_to(root).as_posix(), fold, part)
    if not read:
        raise ModelError(f"{root}: expected a list, got none: {problems[0]}")
    return collect(layout, root, found, read, problems, media, label_map)


def first_folder(root: Path, names: Sequence[str]) -> Path:
    """The first of some folders that is there.

    Raises:
        ModelError: none is.
    """
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise ModelError(f"{root}: expected the lists in {' or '.join(names)}, got no such folder")


def read_lines(path: Path) -> list[str]:
    """The lines of a list that are not empty.

    Raises:
        ModelError: no such file, or no text in UTF-8.
    """
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: expected a list in UTF-8, got: {error}") from None


def load_label_map(path: Path) -> dict[str, str]:
    """A copy's own labels from a TOML file of lines `"written" = "class"`.

    Raises:
        ModelError: no such file, or not such lines.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"{path}: expected a label map in TOML, got: {error}") from None
    if not values or not all(isinstance(value, str) for value in values.values()):
        raise ModelError(f'{path}: expected lines such as "1" = "happy", got {values!r}')
    return dict(values)


def holds_pictures(folder: Path) -> bool:
    """Whether a folder has pictures directly in it."""
    return any(is_picture(each) for each in folder.iterdir())
