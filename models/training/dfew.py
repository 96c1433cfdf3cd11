"""DFEW as its owners ship it.

Lists: `EmoLabel_DataSplit/train(single-labeled)/set_1.csv` to `set_5.csv` and the same under
`test(single-labeled)`, with the columns `video_name,label`. Clips: `Clip/clip_224x224/00001/1.jpg` (every
frame; the pictures are 256 pixels wide), `Clip/original/1.mp4`, `Clip/clip_224x224_avi/00001.avi`, or
`Clip/clip_224x224_16f` (16 frames of each, whose times are lost). Names may be padded to five digits or not.

| label in the lists | 1 | 2 | 3 | 4 | 5 | 6 | 7 |
| --- | --- | --- | --- | --- | --- | --- | --- |
| class | happy | sad | neutral | angry | surprise | disgust | fear |
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

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
    "1": "happy",
    "2": "sad",
    "3": "neutral",
    "4": "angry",
    "5": "surprise",
    "6": "disgust",
    "7": "fear",
}
LISTS = ("EmoLabel_DataSplit",)
PARTS = {
    "train": ("train(single-labeled)", "train_single-labeled", "train"),
    "test": ("test(single-labeled)", "test_single-labeled", "test"),
}


def _stems(name: str) -> tuple[str, ...]:
    plain = name.removesuffix(".mp4")
    return (plain.zfill(5), plain)


LAYOUT = Layout(
    dataset="dfew",
    labels=DATASET_LABELS["dfew"],
    label_map=LABEL_MAP,
    folds=("1", "2", "3", "4", "5"),
    media=(
        "Clip/clip_224x224",
        "Clip/jpg_256",
        "Clip/original",
        "Clip/clip_224x224_avi",
        "Clip/clip_224x224_16f",
        "Clip/clip_224x16f",
    ),
    stems=_stems,
    published=11697,
)


def read_dfew(
    root: Path, folds: Sequence[str] = (), media: str = "", label_map: Mapping[str, str] | None = None
) -> ClipSource:
    """The clips of some folds (none named: all five); see `clip_source.collect`."""
    lists = first_folder(root, LISTS)
    return read_folds(
        LAYOUT,
        root,
        folds,
        lambda fold: {part: first_folder(lists, names) / f"set_{fold}.csv" for part, names in PARTS.items()},
        _entries,
        media,
        label_map,
    )


def _entries(path: Path, where: str, fold: str, part: str) -> Iterator[Entry]:
    rows = csv.reader(read_lines(path))
    header = [each.strip().lower() for each in next(rows, [])]
    if header[:2] != ["video_name", "label"]:
        raise ModelError(
            f"{where}: expected the columns video_name,label, got {','.join(header) or 'nothing'}"
        )
    for number, row in enumerate(rows, 2):
        if len(row) < 2:
            raise ModelError(f"{where} line {number}: expected a name and a label, got {','.join(row)!r}")
        name = row[0].strip()
        yield Entry(f"{where} line {number}", name.lstrip("0") or name, row[1].strip(), fold, part)
