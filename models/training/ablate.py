"""What each part of the window model brings: `python -m models.training.ablate --config FILE --run FOLDER`.

Each variant repeats the run's stage two, on the clips that it encoded, with the same seed and for as many
epochs, and is measured on PublicTest: stills, and clips whose expression moves. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from models.errors import ModelError
from models.ifdd.lifting import Lifting
from models.ifdd.streaming import IfddStream
from models.registry import create_model
from models.training.augment import Random
from models.training.clips import CLIP_SEED
from models.training.evaluate import clips_of
from models.training.features import Encoded
from models.training.metrics import score
from models.training.prepared import load_prepared
from models.training.run import load_state
from models.training.settings import Settings, StageSettings, load_settings
from models.training.windows import Pool, load_pool, read_windows, start_plain, train_windows


class OpenGate(nn.Module):
    """GCA's place without its effect: a gate of one."""

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B,T,C,h,w) to a gate and a response, (B,T,C)."""
        response = features.mean((3, 4))
        return torch.ones_like(response), response


class NormsOnly(nn.Module):
    """LADM's place without its effect: the branches' norms.

    Args:
        lifting: the module it replaces.
    """

    def __init__(self, lifting: Lifting) -> None:
        super().__init__()
        self.static_norm, self.dynamic_norm = lifting.static_norm, lifting.dynamic_norm

    def forward(self, static: Tensor, dynamic: Tensor) -> tuple[Tensor, Tensor]:
        """(B,M,N,C) each, normed."""
        return self.static_norm(static), self.dynamic_norm(dynamic)


Change = Callable[[IfddStream, StageSettings], StageSettings]


def _whole(_: IfddStream, settings: StageSettings) -> StageSettings:
    return settings


def _even_odd(model: IfddStream, settings: StageSettings) -> StageSettings:
    model.splitter.reading = dataclasses.replace(model.splitter.reading, adaptive=False)
    return settings


def _no_lifting(model: IfddStream, settings: StageSettings) -> StageSettings:
    model.lifting = NormsOnly(model.lifting)  # type: ignore[assignment]
    return dataclasses.replace(settings, lifting=0.0)


def _no_intensity(_: IfddStream, settings: StageSettings) -> StageSettings:
    return dataclasses.replace(settings, intensity=0.0)


def _no_apex(_: IfddStream, settings: StageSettings) -> StageSettings:
    return dataclasses.replace(settings, apex=0.0)


def _no_gate(model: IfddStream, settings: StageSettings) -> StageSettings:
    model.gate = OpenGate()  # type: ignore[assignment]
    return settings


VARIANTS: dict[str, Change] = {
    "whole model": _whole,
    "no ISSM (even and odd frames)": _even_odd,
    "no LADM": _no_lifting,
    "no intensity-aware loss": _no_intensity,
    "no GCA": _no_gate,
    "no apex loss": _no_apex,
}


def ablate(
    settings: Settings, encoder: dict[str, Tensor], pool: Pool, clips: Encoded, epochs: int
) -> list[str]:
    """The table's lines.

    Args:
        settings: of the run.
        encoder: state of the run's frame encoder, which stage one taught.
        pool: the run's encoded clips.
        clips: PublicTest clips.
        epochs: of each variant.
    """
    lines = [
        "| variant | stills WAR | stills UAR | clips WAR | clips UAR |",
        "| --- | --- | --- | --- | --- |",
    ]
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    stage = dataclasses.replace(settings.clips, epochs=epochs)
    for name, change in VARIANTS.items():
        fabric.seed_everything(settings.seed, verbose=False)
        model = create_model(settings.model.name, **settings.model.overrides)
        if not isinstance(model, IfddStream):
            raise ModelError(f"model: expected ifdd-stream, got {settings.model.name}")
        model.encoder.load_state_dict(encoder)
        model.encoder.requires_grad_(False)
        start_plain(model)
        train_windows(fabric, model, pool, change(model, stage), None, settings.seed)
        lines.append(_row(name, model, pool.public_stills, clips))
        print(lines[-1], file=sys.stderr, flush=True)
        if change is _whole:
            lines.append(_row("whole model, frames shuffled", model, pool.public_stills, clips, shuffle=True))
    return lines


def _row(name: str, model: IfddStream, stills: Encoded, clips: Encoded, shuffle: bool = False) -> str:
    cells = []
    for encoded in (stills, clips):
        random = Random(CLIP_SEED, torch.device("cpu")) if shuffle else None
        scores = score(read_windows(model, encoded, shuffle=random), encoded.labels)
        cells += [f"{100 * scores.war:.1f} %", f"{100 * scores.uar:.1f} %"]
    return f"| {name} | " + " | ".join(cells) + " |"


def main(arguments: list[str] | None = None) -> int:
    """Trains the variants and prints the table; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.training.ablate", description=__doc__)
    parser.add_argument("--config", required=True, type=Path)
    parser.add_argument("--run", required=True, type=Path, help="folder of a finished run")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--part", type=float, default=1.0, help="share of the clips that an epoch draws")
    args = parser.parse_args(arguments)
    try:
        settings = load_settings(args.config)
        state = load_state(args.run / "clips-best.pt")
        if state is None:
            raise ModelError(f"{args.run}: expected a finished stage two (clips-best.pt), got none")
        pool = load_pool(args.run / "pool")
        pool = dataclasses.replace(pool, weights=pool.weights * args.part)
        model = create_model(settings.model.name, **settings.model.overrides)
        if not isinstance(model, IfddStream):
            raise ModelError(f"model: expected ifdd-stream, got {settings.model.name}")
        model.load_state_dict(state)
        public = load_prepared(settings.data.main).split("public")
        clips = clips_of(model.eval(), public, CLIP_SEED, settings.data.public_shapes)
        print("\n".join(ablate(settings, model.encoder.state_dict(), pool, clips, args.epochs)))
    except ModelError as error:
        print(f"ablate: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
