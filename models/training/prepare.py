"""Finds and aligns the faces of a data set, once, with the live code: `python -m models.training.prepare`.

Pictures go to one npz file: `fer2013:PATH.npz`, `faces:FOLDER` (photographs and labels.csv with image,
expression, person) and `folder:ROOT` (ROOT/<label>/*.jpg or *.png). Clips go to a cache, which is a folder
(`clip_cache`): `dfew:ROOT`, `ferv39k:ROOT`, `mafw:ROOT` and `videos:ROOT` (ROOT/<label>/*.mp4).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import multiprocessing
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from models.errors import ModelError
from models.spec import BASIC_LABELS
from models.training.clip_cache import CODINGS
from models.training.clip_media import FOLDER_FPS
from models.training.clip_prepare import READERS, ClipOptions, prepare_clips, read_clips, table
from models.training.face_finder import Finder
from models.training.prepared import SIDE, SPLITS, Prepared
from realtime.values import CROP_SIDE, FloatArray, ImageU8
from realtime.vision.align import Transform, similarity, to_matrix, warp

HELD_OUT = 3  # a third of the persons of faces/ is kept from training

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Item:
    """One picture before preparation: (H,W,3) RGB, label index, split index."""

    image: ImageU8
    label: int
    split: int


def held_out(person: str) -> bool:
    """Whether a person of `faces/` is kept for the test: a third of them, by a hash of the name."""
    return hashlib.sha256(f"ifdd-live:{person}".encode()).digest()[0] % HELD_OUT == 0


def read_source(source: str) -> list[Item]:
    """The pictures that a source names.

    Raises:
        ModelError: an unknown kind, or files missing or damaged.
    """
    kind, _, where = source.partition(":")
    readers = {"fer2013": _read_fer2013, "faces": _read_faces, "folder": _read_folder}
    if kind not in readers or not where:
        clips = ", ".join(f"{each}:ROOT" for each in READERS)
        raise ModelError(f"data: expected fer2013:PATH, faces:FOLDER, folder:ROOT, {clips}, got {source!r}")
    if not Path(where).exists():
        raise ModelError(f"data: expected {where} to exist, got no such path")
    items = list(readers[kind](Path(where)))
    if not items:
        raise ModelError(f"{source}: expected pictures, got none")
    return items


def _read_fer2013(path: Path) -> Iterator[Item]:
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels, splits = file["images"], file["labels"], file["split"]
    except (KeyError, ValueError, OSError) as error:
        raise ModelError(f"{path}: expected images, labels and split, got: {error}") from None
    for image, label, split in zip(images, labels, splits, strict=True):
        yield Item(np.repeat(image[..., None], 3, axis=2), int(label), int(split))


def _read_faces(folder: Path) -> Iterator[Item]:
    table = folder / "labels.csv"
    if not table.is_file():
        raise ModelError(f"{folder}: expected a labels.csv, got none")
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            split = SPLITS.index("test" if held_out(row["person"]) else "train")
            yield Item(_read_image(folder / row["image"]), _label(row["expression"]), split)


def _read_folder(root: Path) -> Iterator[Item]:
    for folder in sorted(each for each in root.iterdir() if each.is_dir()):
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in {".jpg", ".jpeg", ".png"}:
                yield Item(_read_image(path), _label(folder.name), SPLITS.index("test"))


def _label(name: str) -> int:
    if name not in BASIC_LABELS:
        raise ModelError(f"label: expected one of {', '.join(BASIC_LABELS)}, got {name!r}")
    return BASIC_LABELS.index(name)


def _read_image(path: Path) -> ImageU8:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ModelError(f"{path}: expected a picture, got none that can be read")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def align(image: ImageU8, matrix: Transform) -> Picture:
    """The live 224-pixel crop as 112-pixel luma."""
    crop = cv2.cvtColor(warp(image, matrix), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def guess(
    transforms: Iterable[tuple[complex, complex]], sizes: Iterable[tuple[int, int]]
) -> tuple[float, complex]:
    """Where a face usually is: crop side and centre as shares of the picture, medians over found faces."""
    sides, centres = [], []
    middle = complex(CROP_SIDE / 2, CROP_SIDE / 2)
    for (a, b), (height, width) in zip(transforms, sizes, strict=True):
        centre = (middle - b) / a
        sides.append(CROP_SIDE / abs(a) / max(height, width))
        centres.append((centre.real / width, centre.imag / height))
    if not sides:
        return 1.5, complex(0.5, 0.5)
    x, y = np.median(np.array(centres), axis=0)
    return float(np.median(sides)), complex(x, y)


def prepare(items: list[Item], workers: int = 1, progress: bool = True) -> Prepared:
    """Finds, aligns and greys; without a face found its usual place is taken, and `found` says so."""
    images = [item.image for item in items]
    found = list(_find_all(images, workers, progress))
    transforms = [None if points is None else similarity(points) for points in found]
    share, middle = guess(
        [each for each in transforms if each is not None],
        [
            (image.shape[0], image.shape[1])
            for image, each in zip(images, transforms, strict=True)
            if each is not None
        ],
    )
    crops = np.empty((len(items), SIDE, SIDE), np.uint8)
    landmarks = np.full((len(items), 478, 3), np.nan, np.float16)
    inside = np.empty((len(items), 2, 3), np.float32)
    for i, (image, points) in enumerate(zip(images, found, strict=True)):
        height, width = image.shape[:2]
        a, b = transforms[i] or _usual(share, middle, width, height)
        matrix = to_matrix(a, b)
        crops[i] = align(image, matrix)
        if points is not None:
            placed = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
            landmarks[i, :, :2] = placed * SIDE / CROP_SIDE
            landmarks[i, :, 2] = points[:, 2] * abs(a) * SIDE / CROP_SIDE
        back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
        back[:, :2] *= CROP_SIDE / SIDE
        inside[i] = back / np.array([[width], [height]])
    return Prepared(
        crops,
        np.array([item.label for item in items], np.int64),
        np.array([item.split for item in items], np.int64),
        np.array([points is not None for points in found]),
        landmarks,
        inside,
    )


def _usual(share: float, middle: complex, width: int, height: int) -> tuple[complex, complex]:
    """The similarity that puts the usual place of a face (see `guess`) into the crop."""
    a = complex(CROP_SIDE / (share * max(height, width)))
    return a, complex(CROP_SIDE / 2, CROP_SIDE / 2) - a * complex(middle.real * width, middle.imag * height)


_FINDER: list[Finder] = []


def _find_one(image: ImageU8) -> FloatArray | None:
    if not _FINDER:
        cv2.setNumThreads(1)
        _FINDER.append(Finder())
    return _FINDER[0].find(image)


def _find_all(images: list[ImageU8], workers: int, progress: bool) -> Iterator[FloatArray | None]:
    bar = partial(tqdm, total=len(images), desc="finding faces", disable=not progress, file=sys.stderr)
    if workers <= 1:
        yield from bar(map(_find_one, images))
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from bar(pool.imap(_find_one, images, chunksize=64))


def main(arguments: list[str] | None = None) -> int:
    """Prepares one source and writes it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.training.prepare", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--data", required=True, help="kind and place, such as fer2013:PATH or dfew:ROOT")
    parser.add_argument("--out", required=True, type=Path, help="npz (pictures) or folder (clips) to write")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    clips = parser.add_argument_group("clips")
    clips.add_argument("--fold", default="", help="folds to prepare, such as 1 or 1,2 (default all)")
    clips.add_argument("--missing", choices=("stop", "skip"), default="stop",
                       help="what to do about missing or unreadable clips (default stop)")  # fmt: skip
    clips.add_argument("--aligned", action="store_true",
                       help="the frames are aligned faces already: only resize them")  # fmt: skip
    clips.add_argument("--media", default="", help="folder of the clips within ROOT (default: the owners')")
    clips.add_argument("--labels", type=Path, help='label map for other copies: TOML lines "1" = "happy"')
    clips.add_argument("--side", type=int, default=CROP_SIDE, help=f"px of a picture (default {CROP_SIDE})")
    clips.add_argument("--fps", type=float, default=FOLDER_FPS,
                       help=f"of frame folders (default {FOLDER_FPS:g})")  # fmt: skip
    clips.add_argument("--coding", choices=CODINGS, default="jpeg", help="of the cached pictures")
    args = parser.parse_args(arguments)
    try:
        if args.data.partition(":")[0] in READERS:
            options = ClipOptions(
                tuple(each for each in args.fold.split(",") if each), args.media, args.labels, args.aligned,
                args.side, args.fps, args.coding, args.missing, args.workers,
            )  # fmt: skip
            print(table(prepare_clips(read_clips(args.data, options), args.out, options)))
            return 0
        prepared = prepare(read_source(args.data), args.workers)
    except ModelError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 2
    prepared.save(args.out)
    print(f"{args.out}: {len(prepared)} pictures, no face found in {int((~prepared.found).sum())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
