"""FERV39k as its owners ship it.

Lists: `4_setups/All_scenes/train_All.csv` and `test_All.csv`, lines such as `Crime/Angry/0063 Angry`.
Clips: `2_ClipsforFaceCrop/<scene>/<class>/<number>/*.jpg` (faces cut out) or the same under
`3_ClipsforScenImages` (whole pictures). There is one split, here the fold "official".

| label in the lists | Angry | Disgust | Fear | Happy | Neutral | Sad | Surprise |
| --- | --- | --- | --- | --- | --- | --- | --- |
| class | angry | disgust | fear | happy | neutral | sad | surprise |

Copies with numbers instead of names use different orders, so numbers need a label map (`--labels`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from models.convert import DATASET_LABELS
from models.errors import ModelError
from models.training.clip_source import (
    ClipSource,
    Entry,
    Layout,
    Problem,
    chosen_folds,
    collect,
    first_folder,
    read_lines,
)

FOLD = "official"
LABEL_MAP = {
    "Angry": "angry",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happy": "happy",
    "Neutral": "neutral",
    "Sad": "sad",
    "Surprise": "surprise",
}
LISTS = ("4_setups/All_scenes", "All_scenes", "4_setups")

LAYOUT = Layout(
    dataset="ferv39k",
    labels=DATASET_LABELS["ferv39k"],
    label_map=LABEL_MAP,
    folds=(FOLD,),
    media=("2_ClipsforFaceCrop", "3_ClipsforScenImages"),
    stems=lambda name: (name,),
    published=38935,
)


def read_ferv39k(
    root: Path, folds: Sequence[str] = (), media: str = "", label_map: Mapping[str, str] | None = None
) -> ClipSource:
    """The clips of the official split; see `clip_source.collect`."""
    chosen_folds(LAYOUT, folds)
    lists = first_folder(root, LISTS)
    entries: list[Entry] = []
    problems: list[Problem] = []
    for part in ("train", "test"):
        path = lists / f"{part}_All.csv"
        where = path.relative_to(root).as_posix()
        if path.is_file():
            entries += _entries(path, where, part)
        else:
            problems.append(Problem(where, "no such file"))
    if not entries:
        raise ModelError(
            f"{root}: expected a list with clips, got none in {lists.relative_to(root).as_posix()}"
        )
    return collect(LAYOUT, root, entries, (FOLD,), problems, media, label_map)


def _entries(path: Path, where: str, part: str) -> Iterator[Entry]:
    for number, line in enumerate(read_lines(path), 1):
        pieces = line.replace(",", " ").rsplit(None, 1)
        if len(pieces) == 2 and "/" in pieces[0]:
            yield Entry(f"{where} line {number}", pieces[0].strip(), pieces[1], FOLD, part)
        elif number > 1:  # some copies begin with the names of the columns
            raise ModelError(f"{where} line {number}: expected scene/class/number and a label, got {line!r}")
