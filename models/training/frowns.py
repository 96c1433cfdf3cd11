"""Smiling faces made to frown, by the shared rig: pictures that are not happy, whatever else they are.

`python -m models.training.frowns --data out/fer2013.npz out/faces.npz --out out/frowns.npz` draws some
training pictures labelled happy with the smile taken back, the corners of the mouth down and the brows knit.
What people would call such a face is not known, only what they would not: so `models.training.whole` learns
from them that the label is wrong, and nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from models.errors import ModelError
from models.spec import BASIC_LABELS
from models.training.prepared import SIDE, Prepared, join, load_prepared
from realtime.values import ImageU8
from realtime.vision.align import similarity, to_matrix, warp
from realtime.vision.face_rig import MESH_COUNT, Expression, FaceFrame, HeadPose, lip_gap, move_expression
from realtime.vision.mesh_warp import FacePuppet

HAPPY = BASIC_LABELS.index("happy")
WIDE_OPEN = 0.12  # face widths between the lips: a mouth as open cannot be drawn closed

Float = npt.NDArray[np.float64]


def draw(crop: ImageU8, landmarks: Float, rng: np.random.Generator) -> tuple[ImageU8, Float]:
    """The face frowning, aligned anew as the live path would: (112,112) luma, and its landmarks (468,3).

    Raises:
        ValueError, LinAlgError: a profile whose mesh folds over.
    """
    puppet = FacePuppet(np.repeat(crop[..., None], 3, axis=2), landmarks)
    back = rng.uniform(0.7, 1.2)
    frown = Expression(
        mouth_gap=0.004,
        corner_out=-0.065 * back,
        corner_up=-0.075 * back - rng.uniform(0.03, 0.075),
        lip_full=0.6 * back,
        brow_frown=rng.uniform(0.04, 0.08),
        eye_closure=rng.uniform(0.0, 0.25),
    )
    yaw, pitch = rng.normal(0, 1, 2) * (3.0, 2.0)  # degrees
    face, pose = move_expression(puppet.face, frown), HeadPose(yaw, pitch)
    placed = puppet.landmarks(face, pose)
    matrix = to_matrix(*similarity(placed.astype(np.float32), SIDE))
    picture = warp(puppet.render_shape(face, pose), matrix, SIDE)
    moved = placed.copy()
    moved[:, :2] = placed[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return cv2.medianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 3).astype(np.uint8), moved


def frowning(prepared: Prepared, chosen: npt.NDArray[np.int64], rng: np.random.Generator) -> Prepared:
    """Pictures of faces that were happy, and keep that label: it is what they are not.

    Args:
        prepared: pictures.
        chosen: indices of found faces. Those that cannot be drawn, profiles, are left out.
        rng: of how they frown.

    Raises:
        ModelError: none can be drawn.
    """
    kept, crops, landmarks = [], [], []
    for index in tqdm(chosen, "drawing", file=sys.stderr, mininterval=5):
        with contextlib.suppress(ValueError, np.linalg.LinAlgError):
            picture, moved = draw(prepared.crops[index], prepared.landmarks[index].astype(np.float64), rng)
            kept.append(index)
            crops.append(picture)
            landmarks.append(moved)
    if not kept:
        raise ModelError("expected faces that can be drawn, got none")
    source = prepared.take(np.array(kept))
    whole = source.landmarks.copy()
    whole[:, :MESH_COUNT] = np.stack(landmarks)
    return dataclasses.replace(source, crops=np.stack(crops), landmarks=whole)


def smiling(prepared: Prepared, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Indices of up to `count` found faces that are labelled happy and whose mouths are not wide open."""
    found = rng.permutation(np.flatnonzero((prepared.labels == HAPPY) & prepared.found))
    faces = (prepared.landmarks[index].astype(np.float64)[:MESH_COUNT] for index in found)
    gaps = np.array([lip_gap(FaceFrame(face).from_picture(face)) for face in faces])
    return np.sort(found[gaps < WIDE_OPEN][:count])


def main(arguments: list[str] | None = None) -> int:
    """Draws and writes; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.training.frowns", description=__doc__)
    parser.add_argument("--data", required=True, nargs="+", help="prepared npz files")
    parser.add_argument("--count", type=int, default=1000, help="faces of their train split")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True, type=Path, help="npz file")
    args = parser.parse_args(arguments)
    try:
        rng = np.random.default_rng(args.seed)
        prepared = join([load_prepared(path).split("train") for path in args.data])
        drawn = frowning(prepared, smiling(prepared, args.count, rng), rng)
    except ModelError as error:
        print(f"frowns: {error}", file=sys.stderr)
        return 2
    drawn.save(args.out)
    print(f"{args.out}: {len(drawn)} faces")
    return 0


if __name__ == "__main__":
    sys.exit(main())
