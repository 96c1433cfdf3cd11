"""Prepared pictures: faces found, aligned as the live path aligns them, greyed, in one file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import ModelError

SIDE = 112  # stored crops, px: half the live crop, above what any model here reads
SPLITS = ("train", "public", "test")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set's pictures as aligned crops.

    Attributes:
        crops: (N,112,112) uint8 luma: the live 224-pixel crop at half its size.
        labels: (N,) int64, index into `models.spec.BASIC_LABELS`.
        splits: (N,) int64, index into SPLITS.
        found: (N,) bool: a face was found; elsewhere the crop is a guess (`guess` of `prepare`).
        landmarks: (N,478,3) float16 in pixels of the 112-pixel crop; NaN where no face was found.
        inside: (N,2,3) float32, from crop pixels to the picture's 0..1 square, to tell what the picture
            showed from the border that alignment repeats.
    """

    crops: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    splits: npt.NDArray[np.int64]
    found: npt.NDArray[np.bool_]
    landmarks: npt.NDArray[np.float16]
    inside: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        count = len(self.crops)
        shapes = {
            "crops": (self.crops.shape, (count, SIDE, SIDE)),
            "labels": (self.labels.shape, (count,)),
            "splits": (self.splits.shape, (count,)),
            "found": (self.found.shape, (count,)),
            "landmarks": (self.landmarks.shape, (count, 478, 3)),
            "inside": (self.inside.shape, (count, 2, 3)),
        }
        for name, (got, expected) in shapes.items():
            if got != expected:
                raise ModelError(f"prepared {name}: expected shape {expected}, got {got}")

    def __len__(self) -> int:
        return len(self.crops)

    def take(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Prepared:
        """The pictures at a mask or at indices."""
        return Prepared(**{name: getattr(self, name)[chosen] for name in _FIELDS})

    def split(self, name: str) -> Prepared:
        """The pictures of one split.

        Raises:
            ModelError: no such split, or nothing in it.
        """
        if name not in SPLITS:
            raise ModelError(f"split: expected one of {', '.join(SPLITS)}, got {name!r}")
        chosen = self.splits == SPLITS.index(name)
        if not chosen.any():
            raise ModelError(f"split {name}: expected pictures, got none")
        return self.take(chosen)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an uncompressed npz; an existing file is replaced only when all is written."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.part.npz")
        np.savez(temporary, **{name: getattr(self, name) for name in _FIELDS})
        os.replace(temporary, target)


_FIELDS = ("crops", "labels", "splits", "found", "landmarks", "inside")


def load_prepared(path: str | os.PathLike[str]) -> Prepared:
    """What `save` wrote.

    Raises:
        ModelError: no such file, or not one of prepared pictures.
    """
    if not Path(path).is_file():
        raise ModelError(
            f"{path}: expected prepared pictures (python -m models.training.prepare), got no file"
        )
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return Prepared(**{name: file[name] for name in _FIELDS})
    except ModelError:
        raise
    except Exception as error:  # numpy's readers let any error of their parsers through
        got = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"{path}: expected prepared pictures, got: {got}") from None


def join(parts: list[Prepared]) -> Prepared:
    """Several sets as one."""
    return Prepared(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS})


def load_shapes(path: str | os.PathLike[str]) -> tuple[Tensor, Tensor, tuple[float, ...]]:
    """Levels (N,L,112,112) uint8, labels (N,) and the L strengths that `models.training.shapes` wrote.

    Raises:
        ModelError: no such file, or another one.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            known = tuple(float(each) for each in file["strengths"])
            return torch.from_numpy(file["crops"]), torch.from_numpy(file["labels"]), known
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"{path}: expected faces of models.training.shapes, got: {error}") from None
