"""Trains the model that a configuration describes: `python -m models.training.train --config FILE`.

A configuration of kind "clips" (`models.training.recipe`) trains on prepared clips and takes the options of
`models.training.train_clips`. Any other one teaches the frame encoder on stills (stage one and its sequel
"again", in which the encoder as it was teaches too), the rest on clips made from them (stage two), then all
of it on clips (stage three), and fits the head anew. A run goes on where it was stopped; `--fresh` starts
anew.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor

from models.errors import ModelError
from models.ifdd.streaming import IfddStream
from models.losses import soft_targets
from models.registry import create_model
from models.spec import BASIC_LABELS
from models.training import train_clips
from models.training.augment import Random
from models.training.features import STILL_FRAMES, encode_clips, encode_stills
from models.training.finish import ship
from models.training.head import refit_head
from models.training.prepared import Prepared, join, load_prepared, load_shapes
from models.training.recipe import KIND, find_recipe, read_values
from models.training.run import as_often, load_state, save_state
from models.training.settings import DataSettings, Settings, load_settings
from models.training.stills import StillReader, ask_reader, finished, train_stills
from models.training.whole import Faces, train_whole
from models.training.windows import Pool, load_pool, read_windows, save_pool, start_plain, train_windows

Weights = npt.NDArray[np.float64]
STAGES = ("stills", "again", "clips", "whole", "head")


def training_pictures(
    settings: DataSettings,
) -> tuple[Prepared, Weights]:
    """The pictures to learn from, and how often an epoch draws each on average."""
    main = load_prepared(settings.main).split("train")
    parts = [main]
    weights: list[Weights] = [np.ones(len(main), np.float64)]
    if settings.extra:
        extra = load_prepared(settings.extra).split("train")
        for name in settings.extra_weights:
            if name not in BASIC_LABELS:
                raise ModelError(f"extra_weights: expected one of {', '.join(BASIC_LABELS)}, got {name!r}")
        by_class = np.array([settings.extra_weights.get(name, 1.0) for name in BASIC_LABELS])
        parts.append(extra)
        # a photograph without a found face teaches nothing
        weights.append(np.asarray(by_class[extra.labels] * extra.found, np.float64))
    return join(parts), np.concatenate(weights)


def with_denied(
    settings: DataSettings, pictures: Prepared, weights: Weights
) -> tuple[Prepared, Tensor, Tensor]:
    """The pictures with those of `settings.denied`, how often each is drawn, and which are the denied."""
    parts = [load_prepared(settings.denied).split("train")] if settings.denied else []
    count = sum(map(len, parts))
    drawn = np.concatenate([weights, np.full(count, settings.denied_weight)])
    denied = torch.arange(len(drawn)) >= len(weights)
    return join([pictures, *parts]), torch.from_numpy(drawn), denied


def encode_pool(
    fabric: Fabric,
    reader: StillReader,
    model: IfddStream,
    settings: Settings,
    pictures: Prepared,
    weights: Weights,
    public: Prepared,
    folder: Path,
) -> None:
    """Encodes all clips of stage two, each process its share, into `folder`.

    Each still makes a clip of few frames, and each face of `settings.data.shapes` some clips in which its
    expression moves. A share `settings.clips.teacher` of what is to be learnt of a clip is what stage one's
    reader answers to its still.
    """

    def targets(labels: Tensor, crops: Tensor) -> Tensor:
        own = soft_targets(labels, len(BASIC_LABELS), settings.clips.smoothing)
        share = settings.clips.teacher
        return torch.lerp(own, ask_reader(reader, crops, spec), share) if share else own

    spec, strength = model.spec, settings.clips.strength
    rank, world = fabric.global_rank, fabric.world_size
    random = Random(settings.seed * 1000 + rank, next(model.parameters()).device)
    mine = np.flatnonzero(weights > 0)[rank::world]
    kept = pictures.take(mine)
    parts = [
        encode_clips(model, torch.from_numpy(kept.crops)[:, None], torch.from_numpy(kept.inside),
                     torch.from_numpy(kept.labels), (1.0,), STILL_FRAMES, random, "encoding stills",
                     strength=strength)
    ]  # fmt: skip
    wanted = [targets(parts[0].labels, torch.from_numpy(kept.crops))]
    shares = [torch.from_numpy(weights[mine])]
    if settings.data.shapes:
        levels, labels, known = load_shapes(settings.data.shapes)
        drawn = as_often(labels, torch.from_numpy(pictures.labels), torch.from_numpy(weights))
        drawn = (settings.data.moving_weight * drawn)[rank::world]
        levels, labels = levels[rank::world], labels[rank::world]
        wanted += [targets(labels, levels[:, -1])] * settings.data.versions
        for number in range(settings.data.versions):
            title = f"encoding clips {number + 1}/{settings.data.versions}"
            parts.append(
                encode_clips(
                    model, levels, None, labels, known, spec.frames, random, title, strength=strength
                )
            )
            shares.append(drawn)
    clips = tuple(dataclasses.replace(part, targets=own) for part, own in zip(parts, wanted, strict=True))
    pool = Pool(clips, torch.cat(shares), encode_stills(model, public))
    save_pool(pool, folder / "pool" / f"{rank}.pt")


def train(settings: Settings, folder: Path, stages: tuple[str, ...], reuse: bool = False) -> None:
    """Runs the stages asked for; states, logs and `<model>.safetensors` lie in `folder`.

    Args:
        settings: of the run.
        folder: of the run.
        stages: "stills", "again", "clips", "whole" and "head", or some of them.
        reuse: stage two takes the clips that an earlier one encoded with the same encoder.
    """
    fabric = Fabric(
        accelerator=settings.accelerator,
        devices=settings.devices,
        strategy="ddp" if settings.devices > 1 else "auto",
        precision=settings.precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    fabric.seed_everything(settings.seed, verbose=False)
    model = create_model(settings.model.name, **settings.model.overrides)
    if not isinstance(model, IfddStream):
        raise ModelError(
            f"model: expected ifdd-stream, which is what is trained here, got {settings.model.name}"
        )
    pictures, weights = training_pictures(settings.data)
    public = load_prepared(settings.data.main).split("public")
    if "stills" in stages:
        train_stills(fabric, model, pictures, weights, public, settings.stills, folder, settings.seed)
    if "again" in stages and settings.again.epochs:
        train_stills(
            fabric, model, pictures, weights, public, settings.again, folder, settings.seed + 1, "again"
        )
    if "clips" in stages:
        reader = StillReader(model)
        reader.load_state_dict(finished(folder, settings.again.epochs > 0))
        model.to(fabric.device)
        model.encoder.eval().requires_grad_(False)
        start_plain(model)
        if not reuse:
            if fabric.is_global_zero and (folder / "pool").is_dir():
                shutil.rmtree(folder / "pool")
            fabric.barrier()
            encode_pool(fabric, reader, model, settings, pictures, weights, public, folder)
            fabric.barrier()
        pool = load_pool(folder / "pool")
        train_windows(fabric, model, pool, settings.clips, folder / "clips.csv", settings.seed)
        if fabric.is_global_zero:
            save_state(folder / "clips-best.pt", model.state_dict())
            finish(model, settings, public, folder)
        fabric.barrier()
    if "whole" in stages and settings.whole.epochs:
        state = load_state(folder / "clips-best.pt")
        if state is None:
            raise ModelError(f"{folder}: expected a finished stage two (clips-best.pt), got none")
        model.load_state_dict(state)
        levels, labels, known = load_shapes(settings.data.shapes)
        public_faces = None
        if settings.data.public_shapes:
            public_faces = load_shapes(settings.data.public_shapes)[:2]
        faces = Faces(*with_denied(settings.data, pictures, weights), levels, labels, known)
        train_whole(fabric, model, faces, public, public_faces, settings.whole, folder, settings.seed)
        if fabric.is_global_zero:
            save_state(folder / "whole-kept.pt", model.state_dict())
            finish(model, settings, public, folder)
        fabric.barrier()
    if "head" in stages and settings.head.epochs and fabric.is_global_zero:
        before = "whole-kept.pt" if settings.whole.epochs else "clips-best.pt"
        state = load_state(folder / before)
        if state is None:
            raise ModelError(f"{folder}: expected the stage before the head ({before}), got none")
        model.load_state_dict(state)
        refit_head(model, *with_denied(settings.data, pictures, weights), settings.head, settings.seed)
        finish(model, settings, public, folder)


def finish(model: IfddStream, settings: Settings, public: Prepared, folder: Path) -> None:
    """Writes the run's weights, with what is fitted on PublicTest, and prints its figures."""
    model.cpu()
    stills = encode_stills(model, public)
    target = folder / f"{settings.model.name}.safetensors"
    metrics = ship(model, read_windows(model, stills), stills.labels, target, settings.origin)
    print(f"{target}: {metrics}")


def main(arguments: list[str] | None = None) -> int:
    """Trains; the exit code."""
    if _for_clips(arguments):
        return train_clips.main(arguments)
    parser = argparse.ArgumentParser(prog="python -m models.training.train", description=__doc__)
    parser.add_argument("--config", required=True, type=Path, help="TOML file")
    parser.add_argument("--out", type=Path, help="folder of the run (default out/training/NAME)")
    parser.add_argument("--stage", choices=(*STAGES, "all"), default="all")
    parser.add_argument(
        "--threads", type=int, default=0, help="CPU threads of a process (default: torch's own)"
    )
    parser.add_argument("--reuse-clips", action="store_true",
                        help="stage two takes the clips encoded before with the same encoder")  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="forget an earlier run")
    args = parser.parse_args(arguments)
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    folder = args.out or Path("out/training") / args.config.stem
    try:
        settings = load_settings(args.config)
        if args.fresh and folder.exists():
            shutil.rmtree(folder)
        train(settings, folder, STAGES if args.stage == "all" else (args.stage,), args.reuse_clips)
    except ModelError as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    return 0


def _for_clips(arguments: list[str] | None) -> bool:
    """Whether the configuration that the command line names is a recipe for clips."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config", default="")
    try:
        return read_values(find_recipe(parser.parse_known_args(arguments)[0].config)).get("kind") == KIND
    except ModelError:
        return False  # told by the one or the other


if __name__ == "__main__":
    sys.exit(main())
