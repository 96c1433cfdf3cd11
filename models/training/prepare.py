"""Finds and aligns the faces of a data set, once, with the live code: `python -m models.training.prepare`.

Sources: `fer2013:PATH.npz`, `faces:FOLDER` (photographs and labels.csv with image, expression, person) and
`folder:ROOT` (ROOT/<label>/*.jpg or *.png).
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
from models.training.prepared import SIDE, SPLITS, Prepared
from realtime.values import CROP_SIDE, FloatArray, ImageU8
from realtime.vision.align import Transform, similarity, to_matrix, warp
from realtime.vision.landmarks import FaceMesh

SMALL_SIDE = 160  # pictures below this are enlarged for the landmarker, which fails on 48 pixels
MARGIN = 0.25  # of the picture's side, mean grey: faces cut at the border are found more often
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
        raise ModelError(f"data: expected fer2013:PATH, faces:FOLDER or folder:ROOT, got {source!r}")
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


class Finder:
    """Finds the one face of a photograph, also a small one; used by one thread or process."""

    def __init__(self) -> None:
        self._strict = FaceMesh(1, still=True)
        self._lenient = FaceMesh(1, still=True, min_confidence=0.2)

    def find(self, image: ImageU8) -> FloatArray | None:
        """Landmarks (478,3) in pixels, or None."""
        scale = max(1, round(SMALL_SIDE * 1.2 / max(image.shape[:2]))) if max(image.shape) < SMALL_SIDE else 1
        large = (
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) if scale > 1 else image
        )
        margin = int(MARGIN * max(large.shape[:2]))
        grey = tuple(float(each) for each in large.mean((0, 1)))
        for mesh, border in (
            (self._strict, cv2.BORDER_CONSTANT),
            (self._lenient, cv2.BORDER_REPLICATE),
            (self._lenient, cv2.BORDER_CONSTANT),
        ):
            framed = cv2.copyMakeBorder(large, margin, margin, margin, margin, border, value=grey)
            faces = mesh.find(np.asarray(framed, np.uint8))
            if faces:
                landmarks = faces[0].copy()
                # pixel centres: (x + 0.5) / scale - 0.5 undoes cv2.resize
                landmarks[:, :2] = (landmarks[:, :2] - margin + 0.5) / scale - 0.5
                landmarks[:, 2] /= scale
                return landmarks
        return None


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
    parser = argparse.ArgumentParser(prog="python -m models.training.prepare", description=__doc__)
    parser.add_argument("--data", required=True, help="fer2013:PATH, faces:FOLDER or folder:ROOT")
    parser.add_argument("--out", required=True, type=Path, help="npz to write")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    args = parser.parse_args(arguments)
    try:
        prepared = prepare(read_source(args.data), args.workers)
    except ModelError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 2
    prepared.save(args.out)
    print(f"{args.out}: {len(prepared)} pictures, no face found in {int((~prepared.found).sum())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
