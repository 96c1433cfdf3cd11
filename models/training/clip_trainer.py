"""Trains one fold of a recipe; can be killed at any time and goes on to the same result."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from models.errors import ModelError
from models.losses import soft_targets
from models.model import Model
from models.training.augment import Random
from models.training.clip_answers import read_clips
from models.training.clip_augment import changed, mix
from models.training.clip_cache import ClipCache
from models.training.clip_loader import clip_loader
from models.training.clip_objective import PARTS, Objective
from models.training.clip_optimiser import learning_rate, make_optimiser, set_rate
from models.training.folds import Fold
from models.training.metrics import score
from models.training.recipe import Recipe
from models.training.run import Average, Log, load_state, save_state

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # an extra that only training needs

COLUMNS = ("epoch", "loss", *PARTS, "rate", "train_war", "val_war", "val_uar", "seconds")


@dataclass(frozen=True)
class Share:
    """How a batch is divided.

    Attributes:
        micro: clips that a device reads at once.
        accumulate: how often it does so for a step.
        steps: of an epoch.
    """

    micro: int
    accumulate: int
    steps: int


def share_of(recipe: Recipe, world: int, clips: int) -> Share:
    """How a recipe's batch is divided over devices.

    Raises:
        ModelError: numbers that do not divide, too few clips, or a mixed batch of one.
    """
    batch = recipe.optimisation.batch
    if batch % world:
        raise ModelError(f"optimisation batch: expected a multiple of {world} devices, got {batch}")
    own = batch // world
    micro = recipe.micro or own
    if own % micro:
        raise ModelError(f"micro: expected a divisor of a device's {own} clips, got {micro}")
    if recipe.mixing.probability and micro < 2:
        raise ModelError("micro: expected at least 2 clips where batches are mixed, got 1")
    if clips < batch:
        raise ModelError(f"optimisation batch: expected at most the {clips} clips of the fold, got {batch}")
    return Share(micro, own // micro, clips // batch)


@dataclass
class Progress:
    """Where a run is.

    Attributes:
        epoch: epochs done.
        step: steps done of the next one.
        best: validation accuracy so far, -1: none.
        best_epoch: when, counted from 1.
        sums: of the unfinished epoch: total loss, its parts, right answers, clips; over all devices.
        seconds: spent on the unfinished epoch.
    """

    epoch: int = 0
    step: int = 0
    best: float = -1.0
    best_epoch: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0] * (3 + len(PARTS)))
    seconds: float = 0.0


def seed_of(*numbers: int) -> int:
    """One seed from several numbers; other numbers give an unrelated one."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1


class Trainer:
    """One fold's training. All processes of a run call the same methods."""

    def __init__(
        self, fabric: Fabric, recipe: Recipe, model: Model, cache: ClipCache, fold: Fold, folder: Path
    ) -> None:
        """Sets up, and goes on from the state in `folder`, if there is one.

        Args:
            fabric: launched.
            recipe: see Recipe.
            model: with the weights to start from.
            cache: prepared clips.
            fold: parts of it.
            folder: for `state.pt`, `best.pt` and `log.csv`.

        Raises:
            ModelError: a state of another run, or numbers that do not fit.
        """
        self.fabric, self.recipe, self.model, self.cache, self.fold = fabric, recipe, model, cache, fold
        self.folder = folder
        settings = recipe.optimisation
        self.share = share_of(recipe, fabric.world_size, len(fold.train))
        shared = fabric.world_size > 1 and fabric.device.type == "cuda"
        objective: nn.Module = Objective(model, recipe.losses, settings.batch)
        if recipe.sync_batch_norm and shared:
            objective = nn.SyncBatchNorm.convert_sync_batchnorm(objective)  # type: ignore[no-untyped-call]
        optimiser = make_optimiser(model, settings)
        self.average = Average(model, settings.average) if settings.average else None
        # a run that goes on must be the same run
        self.identity = f"{recipe.digest()}-{self.share.micro}-{len(fold.train)}-{int(fold.train.sum())}"
        self.progress = Progress()
        state = load_state(folder / "state.pt")
        if state is not None:
            if state["identity"] != self.identity:
                raise ModelError(
                    f"{folder}: expected a run of the same recipe and clips, got another: --fresh"
                )
            model.load_state_dict(state["model"])
            if self.average is not None:
                self.average.module.load_state_dict(state["average"])
                self.average.steps = state["average_steps"]
            self.progress = Progress(**state["progress"])
        self.wrapped, self.optimiser = fabric.setup(objective, optimiser)
        if state is not None:
            self.optimiser.load_state_dict(state["optimiser"])
        if self.average is not None:
            self.average.module.to(fabric.device)
        self.log = Log(folder / "log.csv", COLUMNS, self.progress.epoch) if fabric.is_global_zero else None

    @property
    def evaluated(self) -> Model:
        """What is measured and kept: the moving average of the weights, or the weights."""
        if self.average is None:
            return self.model
        average = self.average.module
        assert isinstance(average, Model)
        return average

    def run(self) -> Progress:
        """Trains to the end and loads the chosen epoch's weights into the model.

        Raises:
            ModelError: the loss is not finite.
        """
        settings, on = self.recipe.optimisation, self.recipe.validation
        while self.progress.epoch < settings.epochs:
            if on.stop_above and self.progress.best > on.stop_above:
                break
            self._epoch()
        best = load_state(self.folder / "best.pt")
        if best is None:
            raise ModelError(f"{self.folder}: expected best.pt of the finished run, got none")
        self.model.load_state_dict(best)
        self.fabric.barrier()
        return self.progress

    def _epoch(self) -> None:
        """One epoch, or what is left of it, and a look at the validation clips."""
        recipe, fabric, progress, share = self.recipe, self.fabric, self.progress, self.share
        settings, on = recipe.optimisation, recipe.validation
        started = time.monotonic() - progress.seconds
        number = progress.epoch
        clips = self._clips(number, progress.step)
        # what other processes had is in the first one's already
        sums = torch.tensor(progress.sums, dtype=torch.float64) * (fabric.global_rank == 0)
        sums = sums.to(fabric.device, torch.float32 if fabric.device.type == "mps" else torch.float64)
        self.wrapped.train()
        title = f"epoch {number + 1}/{settings.epochs}"
        bar = tqdm(range(progress.step, share.steps), title, file=sys.stderr,
                   initial=progress.step, total=share.steps, mininterval=5,
                   disable=not fabric.is_global_zero)  # fmt: skip
        rate = 0.0
        for step in bar:
            rate = learning_rate(settings, number, step, share.steps)
            set_rate(self.optimiser, rate)
            for part in range(share.accumulate):
                sums += self._backward(clips, number, step, part)
            if settings.clip_norm:
                fabric.clip_gradients(self.wrapped, self.optimiser, max_norm=settings.clip_norm)
            self.optimiser.step()
            self.optimiser.zero_grad()
            if self.average is not None:
                self.average.update(self.model)
            if recipe.save_every and (step + 1) % recipe.save_every == 0 and step + 1 < share.steps:
                progress.step, progress.seconds = step + 1, time.monotonic() - started
                progress.sums = self._total(sums)
                sums = sums * (fabric.global_rank == 0)
                if fabric.is_global_zero:
                    sums = torch.tensor(progress.sums, dtype=sums.dtype, device=sums.device)
                self._save()
        total = self._total(sums)
        count = max(total[-1], 1.0)
        progress.epoch, progress.step, progress.sums = number + 1, 0, Progress().sums
        measured = progress.epoch == settings.epochs or progress.epoch % on.every == 0
        scores = None
        if measured and len(self.fold.validation):
            answers = read_clips(self.evaluated, self.cache, self.fold.validation, recipe.test_sampling,
                                 batch=share.micro, workers=recipe.workers, fabric=fabric,
                                 title="validation")  # fmt: skip
            scores = score(answers.logits, answers.labels)
        chosen = on.on == "none" or (scores is not None and scores.war > progress.best)
        if chosen:
            progress.best = scores.war if scores is not None else -1.0
            progress.best_epoch = progress.epoch
        progress.seconds = 0.0
        if fabric.is_global_zero:
            if self.log is not None:
                row = dict(zip(("loss", *PARTS), (each / count for each in total), strict=False))
                self.log.add(epoch=progress.epoch, rate=rate, train_war=total[-2] / count,
                             val_war=scores.war if scores else float("nan"),
                             val_uar=scores.uar if scores else float("nan"),
                             seconds=time.monotonic() - started, **row)  # fmt: skip
            if chosen:
                save_state(self.folder / "best.pt", self.evaluated.state_dict())
        self._save()
        fabric.barrier()

    def _clips(self, epoch: int, step: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        return iter(
            clip_loader(self.cache, self.fold.train, frames=self.model.spec.frames,
                        sampling=self.recipe.sampling, batch=self.share.micro, workers=self.recipe.workers,
                        seed=self.recipe.seed, epoch=epoch, rank=self.fabric.global_rank,
                        world=self.fabric.world_size, train=True,
                        first=step * self.share.accumulate)
        )  # fmt: skip

    def _backward(
        self, clips: Iterator[tuple[Tensor, Tensor, Tensor]], epoch: int, step: int, part: int
    ) -> Tensor:
        """One micro batch forth and back; its sums, as `Progress.sums` has them."""
        recipe, fabric, share, spec = self.recipe, self.fabric, self.share, self.model.spec
        pictures, labels, _ = next(clips)
        # all chance hangs on the number of the micro batch in the step, not on who reads it
        chunk = part * fabric.world_size + fabric.global_rank
        seed = seed_of(recipe.seed, epoch, step, chunk)
        torch.manual_seed(seed)  # dropout and stochastic depth
        random = Random(seed, fabric.device)
        labels = labels.to(fabric.device, non_blocking=True)
        frames = changed(random, pictures.to(fabric.device, non_blocking=True), spec, recipe.augment)
        targets = soft_targets(labels, len(spec.labels), recipe.losses.smoothing)
        if recipe.mixing.probability:
            mixing = recipe.mixing
            frames, targets = mix(random, frames, targets, probability=mixing.probability,
                                  mixup_alpha=mixing.mixup_alpha, cutmix_alpha=mixing.cutmix_alpha,
                                  cutmix_share=mixing.cutmix_share)  # fmt: skip
        with fabric.no_backward_sync(self.wrapped, enabled=part + 1 < share.accumulate):
            total, parts, logits = self.wrapped(frames, targets)
            fabric.backward(total / share.accumulate)
        count = len(labels)
        right = (logits.argmax(1) == labels).sum()
        values = torch.cat([total.detach()[None] * count, parts * count, right[None].float()])
        return torch.cat([values, values.new_tensor([count])])

    def _total(self, sums: Tensor) -> list[float]:
        """Sums over all processes.

        Raises:
            ModelError: the loss is not finite.
        """
        total = self.fabric.all_reduce(sums, reduce_op="sum")
        assert isinstance(total, Tensor)
        values: list[float] = total.tolist()
        if not np.isfinite(values).all():
            raise ModelError(
                f"epoch {self.progress.epoch + 1}: expected a finite loss, got {values[0]}: "
                "a lower peak, clip_norm or another precision may help"
            )
        return values

    def _save(self) -> None:
        if not self.fabric.is_global_zero:
            return
        state: dict[str, Any] = {
            "identity": self.identity,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "progress": vars(self.progress),
        }
        if self.average is not None:
            state |= {"average": self.average.module.state_dict(), "average_steps": self.average.steps}
        save_state(self.folder / "state.pt", state)
