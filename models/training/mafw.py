"""MAFW's single-label set as its owners ship it.

Lists: `single/no_caption/set_1/train.txt` to `set_5/test.txt`, perhaps under `Train & Test Set`, lines such
as `03747.mp4 anger`. Clips: videos `data/clips/03747.mp4`, or whole pictures `data/frames/03747/*.png`; the
release does not cut faces out.

| label in the lists | class |
| --- | --- |
| anger | angry |
| disgust | disgust |
| fear | fear |
| happiness | happy |
| neutral | neutral |
| sadness | sad |
| surprise | surprise |
| contempt | contempt |
| anxiety | anxiety |
| helplessness | helplessness |
| disappointment | disappointment |

Copies with numbers instead of names use three different orders, so numbers need a label map (`--labels`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from models.convert import DATASET_LABELS
from models.errors import ModelError
from models.training.clip_source import (
    ClipSource,
    Entry,
    Layout,
    first_folder,
    read_folds,
    read_lines,
)

LABEL_MAP = {
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprise": "surprise",
    "contempt": "contempt",
    "anxiety": "anxiety",
    "helplessness": "helplessness",
    "disappointment": "disappointment",
}
LISTS = (
    "Train & Test Set/single/no_caption",
    "Train_Test_Set/single/no_caption",
    "single/no_caption",
    "no_caption",
)


def _stems(name: str) -> tuple[str, ...]:
    return (str(PurePosixPath(name).with_suffix("")) if name.lower().endswith(".mp4") else name,)


LAYOUT = Layout(
    dataset="mafw",
    labels=DATASET_LABELS["mafw"],
    label_map=LABEL_MAP,
    folds=("1", "2", "3", "4", "5"),
    media=("data/clips", "data/videos", "clips", "videos", "data/frames", "frames"),
    stems=_stems,
    published=9172,
)


def read_mafw(
    root: Path, folds: Sequence[str] = (), media: str = "", label_map: Mapping[str, str] | None = None
) -> ClipSource:
    """The clips of some folds (none named: all five); see `clip_source.collect`."""
    lists = first_folder(root, LISTS)
    return read_folds(
        LAYOUT,
        root,
        folds,
        lambda fold: {part: lists / f"set_{fold}" / f"{part}.txt" for part in ("train", "test")},
        _entries,
        media,
        label_map,
    )


def _entries(path: Path, where: str, fold: str, part: str) -> Iterator[Entry]:
    for number, line in enumerate(read_lines(path), 1):
        pieces = line.rsplit(None, 1)
        if len(pieces) != 2:
            raise ModelError(f"{where} line {number}: expected a file and a label, got {line!r}")
        yield Entry(f"{where} line {number}", pieces[0], pieces[1], fold, part)
