"""What a training run is told: one TOML file, checked; an unknown name is an error."""

from __future__ import annotations

import dataclasses
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import ModelError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class ModelSettings:
    """Which model: its name and what `create_model` takes besides."""

    name: str = "ifdd-stream"
    overrides: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSettings:
    """Prepared pictures (`models.training.prepare`) and how often a class of the second set is drawn.

    Attributes:
        main: the set with official splits; chooses the best epoch by its "public" split.
        extra: added to training, "train" split only; "" for none.
        shapes: faces at several strengths of their expression (`models.training.shapes`); "" for none.
        public_shapes: the same of the main set's "public" split; clips of them also choose the round of stage
            three. "" for none.
        denied: pictures that do not show the expression of their label (`models.training.frowns`), for stage
            three and the head; "" for none.
        denied_weight: how many times they draw each of them for one time that they draw a picture of `main`.
        versions: how many random clips are made of each of those faces.
        moving_weight: how many times an epoch of stage two draws each of those clips, on average; their
            classes are as frequent as those of the stills.
        extra_weights: how many times an epoch draws each picture of a class of `extra`, on average.
    """

    main: str = "out/fer2013.npz"
    extra: str = ""
    shapes: str = ""
    public_shapes: str = ""
    denied: str = ""
    denied_weight: float = 1.0
    versions: int = 4
    moving_weight: float = 1.0
    extra_weights: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StageSettings:
    """One stage's optimisation.

    Attributes:
        epochs: passes; the learning rate rises for `warm_up` of them all and falls by a cosine.
        batch: pictures or clips of a step, over all devices.
        peak: highest learning rate.
        weight_decay: of weights with two or more axes.
        smoothing: label smoothing.
        mixup: probability of mixing a batch.
        mixup_alpha: of the Beta distribution.
        average: decay of the moving average of the weights; that average is what is evaluated and shipped.
        strength: of the augmentation.
        coarse_share: share of the epochs, at the start, on pictures of `coarse_size` pixels, which are
            cheaper; 0 for none. Any size that gives a feature map of the same side will do.
        coarse_size: see `coarse_share`.
        intensity: weight of the intensity-aware loss (stages two and three).
        lifting: weight of the lifting loss (stages two and three).
        round_clips: clips of a round, which is stage three's epoch.
        teacher: share of the targets that the model as it was before the stage gives, reading the still, but
            for the head plain and mirrored; the rest are the labels (not in stage one).
        keep: how far from the weights before stage three to those after it the kept ones lie, 0 to 1; 0: as
            PublicTest likes best.
        apex: weight of the apex loss (`models.training.apex`; stages two and three).
        split_rate: ISSM's learning rate over that of the rest (stage two). Labels move its
            positions little: at 1 they stand still.
        filmed: share of a batch of stills that is treated as a frame of a clip is (stage one and its sequel).
    """

    epochs: int = 30
    batch: int = 128
    peak: float = 0.1
    warm_up: float = 0.1
    weight_decay: float = 5e-4
    smoothing: float = 0.1
    mixup: float = 0.5
    mixup_alpha: float = 0.3
    average: float = 0.999
    strength: float = 1.0
    coarse_share: float = 0.0
    coarse_size: int = 0
    intensity: float = 0.1
    lifting: float = 0.1
    round_clips: int = 8192
    teacher: float = 0.0
    filmed: float = 0.0
    keep: float = 0.0
    split_rate: float = 1.0
    apex: float = 0.0


@dataclass(frozen=True)
class Settings:
    """A run: `[model]`, `[data]`, `[stills]` (stage one), `[again]` (its sequel), `[clips]` (stage two),
    `[whole]` (stage three), `[head]` (`models.training.head`) and the file's top level. All but stages one
    and two are left out without a table.

    Attributes:
        seed: of everything random.
        accelerator, devices, precision: as Lightning Fabric takes them ("auto", "cpu", "cuda"; "32-true",
            "bf16-mixed"). Several devices share the work, also CPU cores.
        origin: stored with the weights.
    """

    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    stills: StageSettings = field(default_factory=StageSettings)
    again: StageSettings = field(default_factory=lambda: StageSettings(epochs=0))
    clips: StageSettings = field(default_factory=StageSettings)
    whole: StageSettings = field(default_factory=lambda: StageSettings(epochs=0))
    head: StageSettings = field(default_factory=lambda: StageSettings(epochs=0))
    seed: int = 1
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "bf16-mixed"
    origin: str = ""


def load_settings(path: str | os.PathLike[str]) -> Settings:
    """The settings in a TOML file.

    Raises:
        ModelError: no such file, not TOML, an unknown name or a value of another type.
    """
    settings: Settings = fill(Settings, read_toml(path), str(path))
    return settings


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The values in a TOML file.

    Raises:
        ModelError: no such file, or not TOML.
    """
    if not Path(path).is_file():
        raise ModelError(f"{path}: expected a configuration, got no file")
    try:
        return parse_toml(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: expected TOML, got: {error}") from None


def parse_toml(text: str) -> dict[str, Any]:
    """The values in TOML text.

    Raises:
        ValueError: not TOML.
    """
    values: dict[str, Any] = tomllib.loads(text)
    return values


def fill(kind: Any, values: dict[str, Any], where: str) -> Any:
    """A settings dataclass with the values given, its defaults elsewhere.

    Raises:
        ModelError: an unknown name, or a value of another type than the default's.
    """
    defaults = kind()
    known = {each.name for each in dataclasses.fields(kind)}
    filled: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise ModelError(f"{where}: expected one of {', '.join(sorted(known))}, got {name!r}")
        default = getattr(defaults, name)
        if dataclasses.is_dataclass(default):
            if not isinstance(value, dict):
                raise ModelError(f"{where}: {name}: expected a table, got {value!r}")
            filled[name] = fill(type(default), value, f"{where}: {name}")
            continue
        if isinstance(default, tuple):  # of numbers; TOML has lists
            if not isinstance(value, list) or not all(type(each) in (int, float) for each in value):
                raise ModelError(f"{where}: {name}: expected numbers in brackets, got {value!r}")
            filled[name] = tuple(map(float, value))
            continue
        fits = isinstance(value, type(default)) or (isinstance(default, float) and type(value) is int)
        if not fits or (isinstance(value, bool) and not isinstance(default, bool)):
            raise ModelError(f"{where}: {name}: expected {type(default).__name__}, got {value!r}")
        filled[name] = float(value) if isinstance(default, float) else value
    return kind(**filled)
