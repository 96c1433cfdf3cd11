"""What a training run on clips is told: TOML files that build on one another, checked.

A file may name a `base`, whose values it changes, and hold `[datasets.NAME]` tables, which change values for
one data set. So a model has one file a reading, and each value is written once.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.training.clip_augment import ClipChanges
from models.training.sampling import Sampling
from models.training.settings import fill, parse_toml, read_toml

RECIPES = Path(__file__).parent / "recipes"
KIND = "clips"  # what sets these files apart from the configuration of training on stills


def _one_of(where: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ModelError(f"{where}: expected one of {', '.join(known)}, got {value!r}")


def _at_least(where: str, value: float, low: float) -> None:
    if not value >= low:
        raise ModelError(f"{where}: expected at least {low:g}, got {value!r}")


@dataclass(frozen=True)
class ClipModel:
    """Which model.

    Attributes:
        name: the registry's.
        overrides: what `create_model` takes besides, as frames, size and the reading; labels come from
            the data.
        drop_path: stochastic depth of the backbone's last block, rising evenly from 0; -1: as built.
        dropout: of every dropout layer; -1: as built.
    """

    name: str = ""
    overrides: dict[str, Any] = field(default_factory=dict)
    drop_path: float = -1.0
    dropout: float = -1.0

    def __post_init__(self) -> None:
        for name in ("drop_path", "dropout"):
            value = getattr(self, name)
            if value != -1 and not 0 <= value < 1:
                raise ModelError(f"model {name}: expected 0 to below 1, or -1, got {value!r}")


@dataclass(frozen=True)
class Losses:
    """What is minimised.

    Attributes:
        smoothing: label smoothing of the cross entropy.
        lifting: weight of the lifting loss; whether it is a mean or a sum over the batch is the reading's.
        intensity: weight of the intensity-aware loss.
        intensity_mixed: see `models.losses.intensity_aware_loss`, "dominant" or "off".
        auxiliary: weights of the auxiliary heads, first stage first.
    """

    smoothing: float = 0.0
    lifting: float = 0.0
    intensity: float = 0.0
    intensity_mixed: str = "dominant"
    auxiliary: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        _one_of("losses intensity_mixed", self.intensity_mixed, ("dominant", "off"))
        if not all(isinstance(each, (int, float)) for each in self.auxiliary):
            raise ModelError(f"losses auxiliary: expected numbers, got {self.auxiliary!r}")


@dataclass(frozen=True)
class Optimisation:
    """How it is minimised.

    Attributes:
        optimiser: "adamw" or "sgd".
        epochs: passes over the training clips.
        batch: clips of a step, over all devices; the last, smaller batch of an epoch is left out.
        peak: highest learning rate of the schedule proper.
        weight_decay: see `decay_all`.
        decay_all: weight decay also of biases, norms and tokens.
        momentum: of sgd.
        layer_decay: factor of the learning rate for each block further from the head; 1: none.
        clip_norm: gradients are scaled down to this norm; 0: never.
        average: decay of the moving average of the weights, which is then what is evaluated; 0: none.
        schedule: "cosine" to `floor`, or "steps": times `factor` every `every` epochs.
        floor: share of the peak at the end of the cosine.
        every, factor: of "steps".
        warm_up: epochs of a linear rise before the schedule.
        warm_from: learning rate at its start.
        warm_to: learning rate at its end; 0: the peak.
        per: the rate changes with each "epoch" or "step".
    """

    optimiser: str = "adamw"
    epochs: int = 100
    batch: int = 16
    peak: float = 5e-5
    weight_decay: float = 0.0
    decay_all: bool = False
    momentum: float = 0.9
    layer_decay: float = 1.0
    clip_norm: float = 0.0
    average: float = 0.0
    schedule: str = "cosine"
    floor: float = 0.01
    every: int = 0
    factor: float = 0.5
    warm_up: int = 0
    warm_from: float = 0.0
    warm_to: float = 0.0
    per: str = "step"

    def __post_init__(self) -> None:
        _one_of("optimisation optimiser", self.optimiser, ("adamw", "sgd"))
        _one_of("optimisation schedule", self.schedule, ("cosine", "steps"))
        _one_of("optimisation per", self.per, ("epoch", "step"))
        for name in ("epochs", "batch"):
            _at_least(f"optimisation {name}", getattr(self, name), 1)
        for name in ("weight_decay", "clip_norm", "warm_up", "warm_from", "warm_to", "floor"):
            _at_least(f"optimisation {name}", getattr(self, name), 0)
        if not self.peak > 0:
            raise ModelError(f"optimisation peak: expected above 0, got {self.peak!r}")
        if not 0 < self.layer_decay <= 1:
            raise ModelError(
                f"optimisation layer_decay: expected above 0, at most 1, got {self.layer_decay!r}"
            )
        if not 0 <= self.average < 1:
            raise ModelError(f"optimisation average: expected 0 to below 1, got {self.average!r}")
        if self.schedule == "steps":
            _at_least("optimisation every", self.every, 1)


@dataclass(frozen=True)
class Mixing:
    """Mixing of a batch with itself in reverse order; see `models.training.clip_augment.mix`.

    Attributes:
        probability: of mixing a batch at all.
        mixup_alpha, cutmix_alpha: of their Beta distributions.
        cutmix_share: probability of cutmix where a batch is mixed, else mixup.
    """

    probability: float = 0.0
    mixup_alpha: float = 0.8
    cutmix_alpha: float = 1.0
    cutmix_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("probability", "cutmix_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ModelError(f"mixing {name}: expected 0..1, got {getattr(self, name)!r}")
        for name in ("mixup_alpha", "cutmix_alpha"):
            if not getattr(self, name) > 0:
                raise ModelError(f"mixing {name}: expected above 0, got {getattr(self, name)!r}")


@dataclass(frozen=True)
class Validation:
    """What chooses the epoch.

    Attributes:
        on: "held-out": a share of the training fold, never trained on; "test": the test fold, as the
            papers do, which flatters; "none": the last epoch is taken.
        share: of the training fold that is held out, of each class alike; also with "none", when above 0,
            for temperature and intensity.
        every: epochs between two looks.
        stop_above: training ends when the accuracy exceeds this; 0: never.
    """

    on: str = "held-out"
    share: float = 0.1
    every: int = 1
    stop_above: float = 0.0

    def __post_init__(self) -> None:
        _one_of("validation on", self.on, ("held-out", "test", "none"))
        _at_least("validation every", self.every, 1)
        if not 0 <= self.share < 1 or (self.on == "held-out" and self.share == 0):
            raise ModelError(f"validation share: expected above 0 and below 1, got {self.share!r}")


@dataclass(frozen=True)
class Recipe:
    """A run on clips; its tables are the attributes that are not plain values.

    Attributes:
        kind: "clips".
        title: what the recipe is called in tables.
        origin: stored with the weights.
        seed: of everything random.
        accelerator, devices, nodes, precision: as Lightning Fabric takes them.
        micro: clips that a device reads at once; gradients are summed up to the batch. 0: as many as the
            batch has for a device. What is computed depends on this number and not on how many devices
            share the work, moving averages of batch norms apart.
        sync_batch_norm: batch norms count the clips of all devices (CUDA only).
        workers: processes of a device that read clips.
        save_every: steps between two states that are kept within an epoch, besides that at its end; 0: none.
        window_seconds: span of a live window, stored with the weights; 0: as the model has it.
        sampling, test_sampling: which frames of a clip are read to learn and to evaluate.
        augment: random changes to the clips learnt from.
    """

    kind: str = KIND
    title: str = ""
    origin: str = ""
    seed: int = 1
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "32-true"
    micro: int = 0
    sync_batch_norm: bool = False
    workers: int = 4
    save_every: int = 0
    window_seconds: float = 0.0
    model: ClipModel = field(default_factory=ClipModel)
    sampling: Sampling = field(default_factory=Sampling)
    test_sampling: Sampling = field(default_factory=Sampling)
    augment: ClipChanges = field(default_factory=ClipChanges)
    mixing: Mixing = field(default_factory=Mixing)
    losses: Losses = field(default_factory=Losses)
    optimisation: Optimisation = field(default_factory=Optimisation)
    validation: Validation = field(default_factory=Validation)

    def __post_init__(self) -> None:
        for name in ("devices", "nodes"):
            _at_least(name, getattr(self, name), 1)
        for name in ("micro", "workers", "save_every", "window_seconds"):
            _at_least(name, getattr(self, name), 0)

    def digest(self) -> str:
        """Tells apart recipes that give different weights; where and how fast they run does not count."""
        values = dataclasses.asdict(self)
        for name in ("accelerator", "devices", "nodes", "workers", "save_every", "micro"):
            del values[name]
        for name in ("origin", "title", "window_seconds"):
            del values[name]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def find_recipe(name: str) -> Path:
    """A path, or the name of a shipped recipe.

    Raises:
        ModelError: neither.
    """
    for path in (Path(name), RECIPES / f"{name}.toml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(each.stem for each in RECIPES.glob("*.toml")))
    raise ModelError(f"config: expected a TOML file or one of {known}, got {name!r}")


def read_values(path: str | os.PathLike[str], seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The values of a file and of the files it builds on, not yet checked.

    Raises:
        ModelError: no such file, not TOML, or files that build on one another in a circle.
    """
    own = Path(path).resolve()
    if own in seen:
        raise ModelError(f"{path}: base: expected a file that does not build on this one, got a circle")
    values = read_toml(own)
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise ModelError(f"{path}: base: expected a file name, got {base!r}")
    return merge(read_values(own.parent / base, (*seen, own)), values)


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with changes, table by table."""
    merged = copy.deepcopy(base)
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = merge(merged[name], value)
        else:
            merged[name] = copy.deepcopy(value)
    return merged


def load_recipe(path: str | os.PathLike[str], dataset: str = "", changes: Sequence[str] = ()) -> Recipe:
    """The recipe in a file, for one data set.

    Args:
        path: a TOML file.
        dataset: whose `[datasets.NAME]` table applies, where there is one.
        changes: "table.name=value" in TOML, applied last; a bare word is text.

    Raises:
        ModelError: no such file, not TOML, an unknown name, a value of another type or out of range.
    """
    values = read_values(path)
    datasets = values.pop("datasets", {})
    if not isinstance(datasets, dict) or not all(isinstance(each, dict) for each in datasets.values()):
        raise ModelError(f"{path}: datasets: expected tables [datasets.NAME], got {datasets!r}")
    values = merge(values, datasets.get(dataset, {}))
    for change in changes:
        values = merge(values, _parse_change(change))
    if values.get("kind") != KIND:
        raise ModelError(f"{path}: kind: expected {KIND!r}, got {values.get('kind')!r}")
    try:
        recipe: Recipe = fill(Recipe, values, str(path))
    except ModelError as error:
        text = str(error)
        raise ModelError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    return recipe


def _parse_change(change: str) -> dict[str, Any]:
    name, equals, value = change.partition("=")
    if not equals or not name.strip():
        raise ModelError(f"set: expected name=value, got {change!r}")
    for text in (value, json.dumps(value)):
        try:
            return parse_toml(f"{name} = {text}")
        except ValueError:
            continue
    raise ModelError(f"set: expected name=value in TOML, got {change!r}")
