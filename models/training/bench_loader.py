"""Is the loader the limit? `python -m models.training.bench_loader --data CACHE --config RECIPE`.

Prints clips a second of the loader with some numbers of workers and of the model's training step, as ratios
measured in one run, and the share of its time that training with the most workers waits for clips. On a CPU
also by processor time, which other programs do not stretch.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from models.errors import ModelError
from models.losses import soft_targets
from models.model import Model
from models.training.augment import Random
from models.training.clip_augment import changed, mix
from models.training.clip_cache import ClipCache
from models.training.clip_loader import clip_loader
from models.training.clip_objective import Objective
from models.training.clip_optimiser import make_optimiser
from models.training.recipe import Recipe, find_recipe, load_recipe
from models.training.train_clips import make_model


@dataclass(frozen=True)
class Work:
    """What is measured: a recipe's training step, with batches of `batch` clips, on the fabric's device."""

    recipe: Recipe
    model: Model
    fabric: Fabric
    batch: int


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Attributes:
        step: clips a second of the training step.
        loader: of the loader, by the number of its workers.
        waiting: share of its time that training waits for clips, 0..1.
        core_step, core_loader: clips a second of one core's processor time; None where the step runs on a
            GPU or on several threads.
    """

    step: float
    loader: dict[int, float]
    waiting: float
    core_step: float | None = None
    core_loader: float | None = None

    @property
    def enough(self) -> int | None:
        """The fewest workers with which the loader is no limit; None: with none of those measured."""
        return next((workers for workers, rate in sorted(self.loader.items()) if rate >= self.step), None)


def batches(cache: ClipCache, work: Work, workers: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Training batches of the whole cache, in epochs so long that their starts do not count."""
    indices = np.resize(np.arange(len(cache)), max(len(cache), 4096))
    for epoch in itertools.count():
        yield from clip_loader(
            cache, indices, frames=work.model.spec.frames, sampling=work.recipe.sampling, batch=work.batch,
            workers=workers, epoch=epoch,
        )  # fmt: skip


def make_step(work: Work) -> Callable[[Tensor, Tensor], None]:
    """One training step on a batch as the loader gives it: changes, mixing, losses, gradients, update."""
    recipe, fabric, spec = work.recipe, work.fabric, work.model.spec
    objective, optimiser = fabric.setup(
        Objective(work.model.train(), recipe.losses, work.batch),
        make_optimiser(work.model, recipe.optimisation),
    )
    random, mixing = Random(0, fabric.device), recipe.mixing

    def step(pictures: Tensor, labels: Tensor) -> None:
        frames = changed(random, pictures.to(fabric.device), spec, recipe.augment)
        targets = soft_targets(labels.to(fabric.device), len(spec.labels), recipe.losses.smoothing)
        frames, targets = mix(random, frames, targets, probability=mixing.probability,
                              mixup_alpha=mixing.mixup_alpha, cutmix_alpha=mixing.cutmix_alpha,
                              cutmix_share=mixing.cutmix_share)  # fmt: skip
        fabric.backward(objective(frames, targets)[0])
        optimiser.step()
        optimiser.zero_grad()
        if fabric.device.type == "cuda":
            torch.cuda.synchronize()

    return step


def rate(count: int, call: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Clips a second of a call that handles `count`, of wall time and of this thread's processor time."""
    started, begun = time.perf_counter(), time.thread_time()
    calls = 0
    while calls < 2 or time.perf_counter() - started < seconds:
        call()
        calls += 1
    done = count * calls
    return done / (time.perf_counter() - started), done / max(time.thread_time() - begun, 1e-9)


def measure(cache: ClipCache, work: Work, workers: Sequence[int], seconds: float) -> Figures:
    """All figures, each over about `seconds`, after a first batch that starts workers and warms caches."""
    loader: dict[int, float] = {}
    core_loader = None
    for number in workers:
        stream = batches(cache, work, number)
        pictures, labels, _ = next(stream)
        loader[number], by_core = rate(work.batch, partial(next, stream), seconds)
        if number == 0:
            core_loader = by_core
    step = make_step(work)
    step(pictures, labels)
    alone, core_step = rate(work.batch, partial(step, pictures, labels), seconds)
    stream = batches(cache, work, max(workers))
    next(stream)
    waited, started, calls = 0.0, time.perf_counter(), 0
    while calls < 2 or time.perf_counter() - started < seconds:
        asked = time.perf_counter()
        pictures, labels, _ = next(stream)
        waited += time.perf_counter() - asked
        step(pictures, labels)
        calls += 1
    waiting = waited / (time.perf_counter() - started)
    if work.fabric.device.type != "cpu" or torch.get_num_threads() > 1:
        return Figures(alone, loader, waiting)
    return Figures(alone, loader, waiting, core_step, core_loader)


def report(work: Work, cache: ClipCache, figures: Figures) -> str:
    """The figures for a person."""
    spec = work.model.spec
    lines = [
        f"{work.recipe.title}: {spec.frames} frames of {spec.size} px, batch {work.batch}, on "
        f"{work.fabric.device}; cache of {cache.side} px, {cache.facts['coding']}",
        f"training step       {figures.step:9.2f} clips/s",
    ]
    for workers, each in figures.loader.items():
        lines.append(
            f"loader, {workers:2d} workers  {each:9.2f} clips/s  {each / figures.step:8.2f} of the step"
        )
    if figures.core_step and figures.core_loader:
        lines.append(
            f"a core's second     step {figures.core_step:.2f} clips, loader {figures.core_loader:.2f}: "
            f"{figures.core_loader / figures.core_step:.1f} times as many"
        )
    lines.append(
        f"training with {max(figures.loader)} workers waits for clips {figures.waiting:.1%} of the time"
    )
    limit = "the loader" if figures.enough is None else f"the model, from {figures.enough} workers on"
    return "\n".join([*lines, f"the limit: {limit}"])


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(each) for each in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 0:
        raise ModelError(f"workers: expected numbers such as 0,1,2, got {text!r}")
    return numbers


def make_work(args: argparse.Namespace, cache: ClipCache) -> Work:
    """What the command line asks for."""
    path = find_recipe(args.config or f"{args.model}-sane")
    recipe = load_recipe(path, cache.dataset, args.set)
    fabric = Fabric(
        accelerator=args.accelerator or recipe.accelerator,
        devices=1,
        precision=recipe.precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    return Work(recipe, make_model(recipe, cache.labels), fabric, recipe.micro or recipe.optimisation.batch)


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.training.bench_loader", description=__doc__)
    parser.add_argument("--data", required=True, help="a clip cache")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--config", default="", help="a recipe: its name or a TOML file")
    what.add_argument("--model", default="", help="a model's name: its recipe NAME-sane")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="changes a value of the recipe, such as optimisation.batch=4")  # fmt: skip
    parser.add_argument("--workers", default="0,1,2", help="numbers of loader processes (default 0,1,2)")
    parser.add_argument("--accelerator", default="", help="cpu or cuda (default the recipe's)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of the model (default torch's)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    args = parser.parse_args(arguments)
    try:
        if args.threads > 0:
            torch.set_num_threads(args.threads)
        cache = ClipCache.open(args.data)
        work = make_work(args, cache)
        figures = measure(cache, work, _numbers(args.workers), args.seconds)
        print(report(work, cache, figures))
    except ModelError as error:
        print(f"bench_loader: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
