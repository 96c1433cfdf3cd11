"""Stills on their way from a neutral face to their own expression, by the shared mesh warp.

`python -m models.training.shapes --data out/fer2013.npz --count 800 --out out/shapes.npz` draws, for some
training pictures, the same face at several strengths of its expression and in changing head poses. The
neutral face of a person is not known; it is taken as the person's own landmarks less what the mean face of
that expression differs from the mean neutral face, as far as the person shows it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from models.errors import ModelError
from models.spec import BASIC_LABELS
from models.training.prepared import SIDE, SPLITS, Prepared, join, load_prepared
from realtime.values import ImageU8
from realtime.vision.align import similarity, to_matrix, warp
from realtime.vision.face_rig import MESH_COUNT, FaceFrame, HeadPose
from realtime.vision.mesh_warp import FacePuppet

STRENGTHS = (0.0, 0.4, 0.75, 1.0)  # 1: as in the still
NEUTRAL = BASIC_LABELS.index("neutral")

Float = npt.NDArray[np.float64]


def mean_shapes(prepared: Prepared) -> Float:
    """The median face of each class, (7,468,3) in face units; NaN for a class without found faces."""
    means = np.full((len(BASIC_LABELS), MESH_COUNT, 3), np.nan)
    for label in range(len(BASIC_LABELS)):
        chosen = np.flatnonzero((prepared.labels == label) & prepared.found)[:1500]
        if len(chosen):
            landmarks = prepared.landmarks[chosen].astype(np.float64)
            means[label] = np.median(
                [FaceFrame(each).from_picture(each[:MESH_COUNT]) for each in landmarks], 0
            )
    return means


def towards_neutral(face: Float, difference: Float, strength: float) -> Float:
    """A face (468,3) with a share of its expression.

    Args:
        face: in face units.
        difference: mean face of the expression less the mean neutral face.
        strength: 0 neutral to 1 unchanged.
    """
    return face - (1 - strength) * difference


def shown(face: Float, neutral: Float, difference: Float) -> float:
    """How strongly a face shows a difference from neutral: 1 as the mean does; within 0.3 to 1.6."""
    size = float((difference**2).sum())
    return float(np.clip(((face - neutral) * difference).sum() / size, 0.3, 1.6)) if size > 1e-9 else 1.0


def draw(
    crop: ImageU8, landmarks: Float, difference: Float, neutral: Float, rng: np.random.Generator
) -> ImageU8:
    """The face at all strengths, aligned anew as the live path would: (len(STRENGTHS),112,112) luma.

    At full strength it is the photograph itself: what its label was given for.
    """
    puppet = FacePuppet(np.repeat(crop[..., None], 3, axis=2), landmarks)
    own = difference * shown(puppet.face, neutral, difference)
    start, end = rng.normal(0, 1, (2, 2)) * (7.0, 4.0)  # yaw and pitch, degrees
    end = end * 0.5  # the closer to the photograph, the less it is warped
    pictures = []
    for strength in STRENGTHS[:-1]:
        yaw, pitch = start + (end - start) * strength
        face, pose = towards_neutral(puppet.face, own, strength), HeadPose(yaw, pitch)
        placed = puppet.landmarks(face, pose)
        matrix = to_matrix(*similarity(placed.astype(np.float32), SIDE))
        picture = warp(puppet.render_shape(face, pose), matrix, SIDE)
        # the median takes away single pixels of the mouth's inside that show between folded triangles
        pictures.append(cv2.medianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 3))
    return np.asarray(np.stack([*pictures, crop]), np.uint8)


def choose(prepared: Prepared, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Found faces for `count` pictures, each class with a like share as far as it has pictures."""
    order = rng.permutation(np.flatnonzero(prepared.found))
    by_class = [order[prepared.labels[order] == label] for label in range(len(BASIC_LABELS))]
    share = -(-count // len(BASIC_LABELS))
    chosen = np.concatenate([each[:share] for each in by_class])
    return np.sort(rng.permutation(chosen)[:count])


def draw_faces(
    prepared: Prepared, chosen: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[ImageU8, npt.NDArray[np.int64], int]:
    """Faces at all strengths.

    Args:
        prepared: pictures; their classes' mean faces tell what is expression.
        chosen: indices of found faces.
        rng: of the head poses.

    Returns:
        (N,len(STRENGTHS),112,112) uint8 luma, labels (N,), and how many could not be drawn: profiles whose
        mesh folds over.
    """
    means = mean_shapes(prepared)
    pictures, labels = [], []
    for index in tqdm(chosen, "drawing", file=sys.stderr, mininterval=5):
        label = int(prepared.labels[index])
        landmarks = prepared.landmarks[index].astype(np.float64)
        with contextlib.suppress(ValueError, np.linalg.LinAlgError):
            difference = means[label] - means[NEUTRAL]
            pictures.append(draw(prepared.crops[index], landmarks, difference, means[NEUTRAL], rng))
            labels.append(label)
    if not pictures:
        raise ModelError("shapes: expected faces that can be drawn, got none")
    return np.stack(pictures), np.array(labels, np.int64), len(chosen) - len(labels)


def main(arguments: list[str] | None = None) -> int:
    """Draws and writes; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.training.shapes", description=__doc__)
    parser.add_argument("--data", required=True, nargs="+", help="prepared npz files")
    parser.add_argument("--split", choices=SPLITS, default="train", help="of the files")
    parser.add_argument(
        "--count", type=int, default=800, help="faces, of all classes alike; 0: every found face"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        prepared = join([load_prepared(path).split(args.split) for path in args.data])
        rng = np.random.default_rng(args.seed)
        chosen = choose(prepared, args.count, rng) if args.count else np.flatnonzero(prepared.found)
        pictures, labels, failed = draw_faces(prepared, chosen, rng)
    except ModelError as error:
        print(f"shapes: {error}", file=sys.stderr)
        return 2
    args.out.parent.mkdir(parents=True, exist_ok=True)
    temporary = args.out.with_name(f".{args.out.name}.part.npz")
    np.savez(temporary, crops=pictures, labels=labels, strengths=STRENGTHS)
    os.replace(temporary, args.out)
    print(f"{args.out}: {len(labels)} faces at {len(STRENGTHS)} strengths; {failed} failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
