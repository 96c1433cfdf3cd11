"""Measures weights on a data set: one JSON object on standard output, the confusion matrix as PNG.

`python -m models.training.evaluate --weights W --data fer2013:PATH|faces:FOLDER|folder:ROOT --split test`

Every picture is scored. Where no face is found the usual place of a face is read, and `no_face` counts it.
`--data clips:CACHE --fold F` measures any model on clips that `models.training.prepare` cached.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.checkpoint import load_checkpoint
from models.errors import ModelError
from models.ifdd.streaming import IfddStream
from models.preprocess import to_tensor
from models.spec import BASIC_LABELS
from models.training import shapes
from models.training.clips import CLIP_SEED, LIVE
from models.training.evaluate_clips import Reading, evaluate_clips
from models.training.features import Encoded, encode_measured, encode_stills
from models.training.figures import draw_confusion
from models.training.metrics import summarise
from models.training.prepare import prepare, read_source
from models.training.prepared import SPLITS, Prepared, load_prepared, load_shapes
from models.training.windows import read_windows
from realtime.values import CROP_SIDE

WEIGHTS = Path(__file__).resolve().parents[2] / "assets" / "weights"
DEFAULT = "ifdd-stream"
FORMS = ("stills", "clips", "held", "frame")


def find_weights(name: str) -> Path:
    """A path, the name of shipped weights, or "default".

    Raises:
        ModelError: neither.
    """
    if name == "default":
        name = DEFAULT
    for path in (Path(name), WEIGHTS / f"{name}.safetensors"):
        if path.is_file():
            return path
    shipped = ", ".join(sorted(each.stem for each in WEIGHTS.glob("*.safetensors"))) or "none"
    raise ModelError(f"weights: expected a path or one of the shipped ({shipped}), got {name!r}")


def pictures(data: str, split: str, workers: int = 1) -> Prepared:
    """The pictures of one split: found and aligned anew, or as `models.training.prepare` kept them.

    Raises:
        ModelError: an unknown source or split, or nothing in it.
    """
    if split not in SPLITS:
        raise ModelError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if data.startswith("prepared:"):
        return load_prepared(data.removeprefix("prepared:")).split(split)
    items = [item for item in read_source(data) if item.split == SPLITS.index(split)]
    if not items:
        raise ModelError(f"{data}: expected pictures in split {split}, got none")
    return prepare(items, workers)


def clips_of(
    model: IfddStream,
    prepared: Prepared,
    seed: int,
    drawn: str = "",
    hardness: float = LIVE,
    held: bool = False,
) -> Encoded:
    """One encoded clip of each found face: its expression comes, stays or goes, with all that cameras do.

    Args:
        model: encodes.
        prepared: faces; read only if they are not drawn already.
        seed: of head poses and of all that cameras do.
        hardness: 0 to 1, see `models.training.clips.make`.
        drawn: file of `models.training.shapes` with the same faces, "" to draw them now.
        held: the expression stays. How a face moves is drawn from its label, so a model could read the label
            off the motion instead of the face; from these clips it cannot.
    """
    if drawn:
        levels, labels, known = load_shapes(drawn)
    else:
        found = np.flatnonzero(prepared.found)
        pictures, classes, _ = shapes.draw_faces(prepared, found, np.random.default_rng(seed))
        levels, labels, known = torch.from_numpy(pictures), torch.from_numpy(classes), shapes.STRENGTHS
    if held:
        levels, known = levels[:, -1:], known[-1:]
    return encode_measured(model, levels, labels, known, hardness, seed)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def measure_cost(model: IfddStream, repeats: int = 40) -> tuple[float, float]:
    """Median milliseconds of one new frame (pixels to features) and of one window, on one CPU core."""
    spec = model.spec
    crop = torch.randint(0, 256, (1, CROP_SIDE, CROP_SIDE, 3), dtype=torch.uint8)
    frame_ms, window_ms = [], []
    with _one_thread(), torch.inference_mode():
        for _ in range(repeats):
            started = time.perf_counter()
            features = model.encode(to_tensor(crop, spec))
            middle = time.perf_counter()
            window = features[None].expand(1, spec.frames, *features.shape[1:])
            read = time.perf_counter()
            model.read(window.contiguous())
            window_ms.append((time.perf_counter() - read) * 1e3)
            frame_ms.append((middle - started) * 1e3)
    return statistics.median(frame_ms), statistics.median(window_ms)


def main(arguments: list[str] | None = None) -> int:
    """Evaluates and prints; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.training.evaluate", description=__doc__)
    parser.add_argument("--weights", default="default", help="path, name of shipped weights, or default")
    parser.add_argument("--data", required=True,
                        help="fer2013:PATH, faces:DIR, folder:ROOT, prepared:NPZ, clips:CACHE")  # fmt: skip
    parser.add_argument("--split", default="test", help="train, public or test")
    parser.add_argument("--as", dest="form", choices=FORMS, default="stills",
                        help="held: clips whose expression stays; frame: their middle frame")  # fmt: skip
    parser.add_argument("--shapes", default="",
                        help="for clips: faces drawn by models.training.shapes --count 0")  # fmt: skip
    parser.add_argument("--hardness", type=float, default=LIVE,
                        help="of clips, 0 to 1: light, noise, compression, occluders "
                             "(default %(default)s, good light; 1: the hardest of training)")  # fmt: skip
    parser.add_argument("--classes", default=",".join(BASIC_LABELS), help="whose recalls make up uar")
    parser.add_argument("--limit", type=int, default=0, help="a random part of so many pictures (0: all)")
    parser.add_argument("--workers", type=int, default=1, help="processes that find faces")
    parser.add_argument("--fold", default="", help="clips: fold by name (default: the first)")
    parser.add_argument("--sampling", default="", help="clips: segments, consecutive or timed (default: as "
                        "the weights were chosen by)")  # fmt: skip
    parser.add_argument("--views", type=int, default=-1, help="clips: windows of each (default: likewise)")
    parser.add_argument("--device", default="auto", help="clips: auto, cpu or cuda")
    parser.add_argument("--out", type=Path, help="JSON file; the confusion matrix goes beside it as PNG; "
                        "clips: all pictures go into the folder of its name")  # fmt: skip
    args = parser.parse_args(arguments)
    try:
        if args.data.startswith("clips:"):
            return _evaluate_clips(args)
        result = evaluate(args.weights, args.data, args.split, args.form, tuple(args.classes.split(",")),
                          args.limit, args.workers, args.shapes, args.hardness)  # fmt: skip
        if args.out is not None:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            draw_confusion(result["confusion"], BASIC_LABELS, args.out.with_suffix(".png"))
    except (ModelError, OSError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result))
    return 0


def _evaluate_clips(args: argparse.Namespace) -> int:
    reading = Reading(args.sampling, args.views, args.workers, args.device)
    pictures = args.out.with_suffix("") if args.out is not None else None
    folder = args.data.removeprefix("clips:")
    result = evaluate_clips(find_weights(args.weights), folder, args.fold, args.split, reading, pictures)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))
    return 0


def evaluate(
    weights: str,
    data: str,
    split: str,
    form: str = "stills",
    classes: tuple[str, ...] = BASIC_LABELS,
    limit: int = 0,
    workers: int = 1,
    drawn: str = "",
    hardness: float = LIVE,
) -> dict[str, Any]:
    """What `main` prints; see there.

    Raises:
        ModelError: weights, data, split or classes that do not fit.
    """
    model = load_checkpoint(find_weights(weights))
    spec = model.spec
    if not isinstance(model, IfddStream) or spec.labels != BASIC_LABELS:
        raise ModelError(f"weights: expected ifdd-stream with the seven classes, got {spec.name}")
    if not 0 <= hardness <= 1:
        raise ModelError(f"hardness: expected 0..1, got {hardness!r}")
    unknown = [name for name in classes if name not in BASIC_LABELS]
    if unknown:
        raise ModelError(f"classes: expected some of {', '.join(BASIC_LABELS)}, got {unknown[0]!r}")
    prepared = pictures(data, split, workers)
    if 0 < limit < len(prepared):
        prepared = prepared.take(np.sort(np.random.default_rng(CLIP_SEED).permutation(len(prepared))[:limit]))
    if form == "stills":
        encoded = encode_stills(model, prepared)
    else:
        encoded = clips_of(model, prepared, CLIP_SEED, drawn, hardness, form == "held")
    if form == "frame":
        middle = encoded.features.shape[1] // 2
        encoded = Encoded(encoded.features[:, middle : middle + 1], encoded.labels)
    result = summarise(read_windows(model, encoded), encoded.labels, spec.temperature, classes)
    frame_ms, window_ms = measure_cost(model)
    return {
        **result,
        "ms_per_frame": frame_ms,
        "ms_per_window": window_ms,
        "no_face": int((~prepared.found).sum()),
        "temperature": spec.temperature,
        "weights": Path(find_weights(weights)).name,
        "data": data.partition(":")[0],
        "split": split,
        "as": form,
        **({} if form == "stills" else {"hardness": hardness}),
    }


if __name__ == "__main__":
    sys.exit(main())
