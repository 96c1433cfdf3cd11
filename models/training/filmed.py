"""How hard a camera's pictures are to read: `python -m models.training.filmed --video rest.mp4`.

Prints, as JSON, what changes between the frames of a face at rest, as the live alignment gives them to a
model, and the hardness of clips (`models.training.clips.make`) that change as much: a value for
`models.training.evaluate --as clips --hardness`.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from models.checkpoint import read_spec
from models.errors import ModelError
from models.preprocess import to_tensor
from models.training.clip_faces import FaceSearcher, align_clip
from models.training.clip_media import ClipMedia
from models.training.clips import DRIFT, FLICKER, NOISE
from models.training.evaluate import find_weights

AT_LEAST = 6  # frames: fewer say nothing of a drift


@dataclass(frozen=True)
class Changes:
    """What changes between frames, in shares of the range of grey.

    Attributes:
        frames: how many were measured.
        noise: standard deviation of single pixels. The face's own small motions count as noise.
        flicker: standard deviation of the mean grey from frame to frame.
        drift: of the mean grey, from the beginning to the end.
        hardness: of clips with as much of what is worst, at most 1.
    """

    frames: int
    noise: float
    flicker: float
    drift: float
    hardness: float


def changes(pictures: Tensor) -> Changes:
    """What changes in (T,H,W) pictures, 0..1, of a face that rests.

    Raises:
        ModelError: fewer than AT_LEAST pictures.
    """
    count = len(pictures)
    if count < AT_LEAST:
        raise ModelError(f"pictures of a face: expected {AT_LEAST} or more, got {count}")
    pictures = pictures.double()
    mean = pictures.mean((1, 2))
    # second differences leave out what moves evenly; they have six times the variance of independent noise
    bent = pictures[2:] - 2 * pictures[1:-1] + pictures[:-2]
    noise = float((bent**2).mean().sqrt()) / 6**0.5
    flicker = float((mean[2:] - 2 * mean[1:-1] + mean[:-2]).square().mean().sqrt()) / 6**0.5
    drift = float((mean[-3:].mean() - mean[:3].mean()).abs())
    worst = max(noise / NOISE, flicker / FLICKER, drift / (2 * DRIFT))
    return Changes(count, noise, flicker, drift, min(1.0, worst))


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.training.filmed", description=__doc__)
    parser.add_argument("--video", required=True, type=Path, help="of one face that does not move")
    parser.add_argument("--seconds", type=float, default=0.0, help="only so much of it (default: all)")
    parser.add_argument("--weights", default="default", help="whose size and view of the crop count")
    args = parser.parse_args(arguments)
    try:
        spec = read_spec(find_weights(args.weights))
        media = ClipMedia(args.video)
        until = args.seconds or float("inf")
        clip = align_clip(lambda: (each for each in media.frames() if each.t_s < until), FaceSearcher())
        seen = torch.from_numpy(clip.pictures[clip.found])
        shown = to_tensor(seen, spec) * torch.tensor(spec.std).view(1, 3, 1, 1)
        result = changes((shown + torch.tensor(spec.mean).view(1, 3, 1, 1)).mean(1))
    except (ModelError, OSError) as error:
        print(f"filmed: {error}", file=sys.stderr)
        return 2
    print(json.dumps(asdict(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
