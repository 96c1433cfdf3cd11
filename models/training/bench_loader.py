"""Is the loader or the model the limit? `python -m models.training.bench_loader --data CACHE --model NAME`.

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
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.errors import ModelError
from models.losses import cross_entropy, soft_targets
from models.model import Model
from models.registry import create_model
from models.training.augment import Random
from models.training.clip_augment import ClipChanges, changed
from models.training.clip_cache import ClipCache
from models.training.clip_loader import clip_loader
from models.training.sampling import Sampling


@dataclass(frozen=True)
class Work:
    """What is measured.

    Attributes:
        model: trained, with its labels those of the cache.
        batch: clips of a step.
        sampling: which frames of a clip.
        changes: of the clips.
        device: of the model.
    """

    model: Model
    batch: int
    sampling: Sampling
    changes: ClipChanges
    device: torch.device


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
            cache, indices, frames=work.model.spec.frames, sampling=work.sampling, batch=work.batch,
            workers=workers, epoch=epoch,
        )  # fmt: skip


def make_step(work: Work) -> Callable[[Tensor, Tensor], None]:
    """One training step on a batch as the loader gives it: changes, loss, gradients, update."""
    model, spec = work.model, work.model.spec
    model.to(work.device).train()
    optimiser = torch.optim.AdamW(model.parameters(), 1e-5)
    random = Random(0, work.device)

    def step(pictures: Tensor, labels: Tensor) -> None:
        frames = changed(random, pictures.to(work.device), spec, work.changes)
        targets = soft_targets(labels.to(work.device), len(spec.labels))
        loss = cross_entropy(model(frames).logits, targets)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if work.device.type == "cuda":
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
    if work.device.type != "cpu" or torch.get_num_threads() > 1:
        return Figures(alone, loader, waiting)
    return Figures(alone, loader, waiting, core_step, core_loader)


def report(work: Work, cache: ClipCache, figures: Figures) -> str:
    """The figures for a person."""
    spec = work.model.spec
    lines = [
        f"{spec.name}: {spec.frames} frames of {spec.size} px, batch {work.batch}, on {work.device}; "
        f"cache of {cache.side} px, {cache.facts['coding']}",
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
    overrides: dict[str, Any] = {"labels": cache.labels}
    if args.size:
        overrides["size"] = args.size
    device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return Work(create_model(args.model, **overrides), args.batch or 8, Sampling(), ClipChanges(), device)


def main(arguments: list[str] | None = None) -> int:
    """Measures and prints; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.training.bench_loader", description=__doc__)
    parser.add_argument("--data", required=True, help="a clip cache")
    parser.add_argument("--model", required=True, help="a model's name")
    parser.add_argument("--batch", type=int, default=0, help="clips of a step (default 8)")
    parser.add_argument("--size", type=int, default=0, help="side that the model reads, px (default its own)")
    parser.add_argument("--workers", default="0,1,2", help="numbers of loader processes (default 0,1,2)")
    parser.add_argument("--device", default="", help="cpu or cuda (default cuda where there is one)")
    parser.add_argument(
        "--threads", type=int, default=0, help="CPU threads of the model (default torch's own)"
    )
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
