"""Stage three: encoder and window part learn clips together, from where stages one and two have come."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from tqdm import tqdm

from models.ifdd.streaming import IfddStream
from models.losses import soft_targets
from models.spec import BASIC_LABELS, ModelSpec
from models.training import clips
from models.training.augment import Random
from models.training.features import encode_measured, encode_stills
from models.training.head import see
from models.training.metrics import score
from models.training.prepared import Prepared
from models.training.run import SHARES, Average, Log, as_often, between, groups, load_state, rate, save_state
from models.training.settings import StageSettings
from models.training.targets import without
from models.training.windows import Answer, objective, read_windows

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # an extra that only `train` needs

MEASURED = ("public_stills_war", "public_stills_uar", "public_clips_war", "public_clips_uar")
COLUMNS = ("round", "loss", "rate", "train_war", *MEASURED, "seconds")
MOVING_FRAMES, STILL_FRAMES = 8, 4  # different pictures of a clip; a window repeats them
AUXILIARY_WEIGHT = 0.1
WINDOW_RATE = 3.0  # the window part's learning rate over the encoder's


@dataclass(frozen=True, eq=False)
class Faces:
    """What clips are made of.

    Attributes:
        stills: pictures, each a clip that holds its expression.
        weights: (N,) how often each still is drawn, relative to the others.
        denied: (N,) bool: the still does not show its label's expression, and no more is known.
        levels: (M,L,112,112) uint8, faces at L strengths (`models.training.shapes`).
        labels: (M,) their classes.
        known: the L strengths.
    """

    stills: Prepared
    weights: Tensor
    denied: Tensor
    levels: Tensor
    labels: Tensor
    known: tuple[float, ...]

    def moving_weights(self) -> Tensor:
        """(M,) float64 so that the classes of the moving faces are as frequent as those of the stills."""
        return as_often(self.labels, torch.from_numpy(self.stills.labels), self.weights * ~self.denied)


class WholeReader(nn.Module):
    """The model as a module whose forward takes clips of fewer pictures than a window has frames.

    Args:
        model: a streaming model.
    """

    def __init__(self, model: IfddStream) -> None:
        super().__init__()
        self.model = model

    def train(self, mode: bool = True) -> WholeReader:
        """As usual, but the encoder's batch norms keep their statistics: a batch has few different faces."""
        super().train(mode)
        for part in self.model.encoder.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eval()
        return self

    def forward(self, still: Tensor, moving: Tensor, index: Tensor) -> Answer:
        """Reads clips.

        Args:
            still, moving: (B1,F1,3,S,S) and (B2,F2,3,S,S) normalised frames.
            index: (B1+B2,T) which frame of its clip each place of a window shows, rising.
        """
        model = self.model
        frames = torch.cat([still.flatten(0, 1), moving.flatten(0, 1)])
        features = model.encode(frames.contiguous(memory_format=torch.channels_last)).float()
        ends = still.shape[0] * still.shape[1]
        parts = []
        for part, clip, rows in (
            (features[:ends], still, index[: len(still)]),
            (features[ends:], moving, index[len(still) :]),
        ):
            pictures = part.view(*clip.shape[:2], *part.shape[1:])  # B F C h w
            parts.append(pictures[torch.arange(len(clip), device=part.device)[:, None], rows])
        return Answer.of(model.read(torch.cat(parts)))


def _places(random: Random, count: int, have: int, frames: int) -> Tensor:
    """(count,frames) which of `have` pictures each frame of a window shows, in order of time."""
    return (random.uniform(0, have, count, frames)).long().clamp(max=have - 1).sort(1).values


def targets_of(
    fabric: Fabric, model: IfddStream, faces: Faces, settings: StageSettings, path: Path
) -> tuple[Tensor, Tensor]:
    """What to learn of each still and of each moving face, (N,K) and (M,K).

    The teacher, the model as it is, is asked once, mirrored too: the mean of both is right more often.
    """
    labels = (torch.from_numpy(faces.stills.labels), faces.labels)
    smoothed = [soft_targets(each, len(BASIC_LABELS), settings.smoothing) for each in labels]
    if not settings.teacher:
        return without(smoothed[0], labels[0], faces.denied), smoothed[1]
    if fabric.is_global_zero and not path.is_file():
        model.to(fabric.device)
        crops = (torch.from_numpy(faces.stills.crops), faces.levels[:, -1])
        answers = [((see(model, each)[1] + see(model, each.flip(2))[1]) / 2).cpu() for each in crops]
        save_state(path, {"answers": answers})
    fabric.barrier()
    state = load_state(path)
    assert state is not None
    still, moving = (
        torch.lerp(own, answer, settings.teacher)
        for own, answer in zip(smoothed, state["answers"], strict=True)
    )
    return without(still, labels[0], faces.denied), moving


def _batches(
    random: Random,
    faces: Faces,
    targets: tuple[Tensor, Tensor],
    spec: ModelSpec,
    half: int,
    strength: float,
    steps: int,
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]]:
    """Each step's stills' clips, moving clips, places, labels, targets and what the frames show: `half` clips
    of either kind."""
    moving_weights = faces.moving_weights()
    crops, inside = torch.from_numpy(faces.stills.crops), torch.from_numpy(faces.stills.inside)
    # a denied label has no place in the intensity-aware loss: the likeliest other stands there
    labels = torch.where(faces.denied, targets[0].argmax(1), torch.from_numpy(faces.stills.labels))
    generator = torch.Generator().manual_seed(int(random.number(0, 2**31)))
    device = random.device
    for _ in range(steps):
        first = torch.multinomial(faces.weights, half, generator=generator)
        second = torch.multinomial(moving_weights, half, generator=generator)
        still = clips.make(random, crops[first][:, None].to(device), inside[first].to(device), (1.0,), spec,
                           STILL_FRAMES, strength)  # fmt: skip
        moving = clips.make(random, faces.levels[second].to(device), None, faces.known, spec,
                            MOVING_FRAMES, strength)  # fmt: skip
        index = torch.cat(
            [
                _places(random, half, STILL_FRAMES, spec.frames),
                _places(random, half, MOVING_FRAMES, spec.frames),
            ]
        )
        wanted = torch.cat([targets[0][first], targets[1][second]])
        named = torch.cat([labels[first], faces.labels[second]])
        rows = torch.arange(half, device=device)[:, None]
        shown = torch.cat([still.shown[rows, index[:half]], moving.shown[rows, index[half:]]])
        yield still.frames, moving.frames, index, named.to(device), wanted.to(device), shown


def train_whole(
    fabric: Fabric,
    model: IfddStream,
    faces: Faces,
    public: Prepared,
    public_faces: tuple[Tensor, Tensor] | None,
    settings: StageSettings,
    folder: Path,
    seed: int,
) -> None:
    """Trains the whole model in place; leaves it, in the first process, at `settings.keep` of the way.

    Args:
        fabric: launched; places the model. Each process draws its own share of every step.
        model: a streaming model, trained by stages one and two.
        faces: see Faces.
        public: stills that choose the round.
        public_faces: levels and labels of faces as in `faces`; clips made of them choose the round too, both
            accuracies with equal weight.
        settings: `epochs` counts rounds of `round_clips` clips.
        folder: for `whole.pt` (state), `whole-best.pt` (of the best round), `whole-teacher.pt` (what the
            model said before), `whole.csv` and `whole-shares.csv`.
        seed: of everything random.
    """
    spec = model.spec
    began = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
    targets = targets_of(fabric, model, faces, settings, folder / "whole-teacher.pt")
    reader = WholeReader(model)
    model.requires_grad_(True)
    model.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        [
            *groups([model.encoder], settings.weight_decay),
            *groups([part for name, part in model.named_children() if name != "encoder"],
                    settings.weight_decay),
        ],
        lr=settings.peak,
    )  # fmt: skip
    average = Average(reader, settings.average)
    state = load_state(folder / "whole.pt")
    done, best = 0, -1.0
    if state is not None:
        reader.load_state_dict(state["reader"])
        average.module.load_state_dict(state["average"])
        average.steps, done, best = state["steps"], state["round"], state["best"]
    wrapped, optimizer = fabric.setup(reader, optimizer)
    average.module.to(fabric.device)
    if state is not None:
        optimizer.load_state_dict(state["optimizer"])
    log = Log(folder / "whole.csv", COLUMNS, done) if fabric.is_global_zero else None
    half = max(1, settings.batch // fabric.world_size // 2)
    steps = max(1, settings.round_clips // (2 * half * fabric.world_size))
    for number in range(done, settings.epochs):
        started = time.monotonic()
        fabric.seed_everything(seed * 1000 + number, verbose=False)
        random = Random(seed * 100_000 + number * 100 + fabric.global_rank, fabric.device)
        wrapped.train()
        total, right, seen = 0.0, 0, 0
        bar = tqdm(_batches(random, faces, targets, spec, half, settings.strength, steps),
                   f"whole {number + 1}/{settings.epochs}", steps, file=sys.stderr, mininterval=5,
                   disable=not fabric.is_global_zero)  # fmt: skip
        for step, (still, moving, index, labels, wanted, shown) in enumerate(bar):
            share = rate((number + step / steps) / settings.epochs, settings.warm_up)
            for place, group in enumerate(optimizer.param_groups):
                group["lr"] = settings.peak * share * (1.0 if place < 2 else WINDOW_RATE)
            answer = Answer(*wrapped(still, moving, index))
            loss = objective(answer, labels, wanted, settings, AUXILIARY_WEIGHT, shown)
            fabric.backward(loss)
            nn.utils.clip_grad_norm_(reader.parameters(), 5.0)
            optimizer.step()
            optimizer.zero_grad()
            average.update(reader)
            total += float(loss.detach())
            right += int((answer.logits.argmax(1) == labels).sum())
            seen += len(labels)
        if fabric.is_global_zero and log is not None:
            averaged = average.module.model
            assert isinstance(averaged, IfddStream)
            measured = _measure(averaged, public, public_faces, faces.known)
            log.add(round=number + 1, loss=total / steps, rate=settings.peak * share,
                    train_war=right / seen, seconds=time.monotonic() - started,
                    **dict(zip(MEASURED, measured, strict=True)))  # fmt: skip
            reached = measured[0] + measured[2]
            if reached > best:
                best = reached
                save_state(folder / "whole-best.pt", averaged.state_dict())
            save_state(
                folder / "whole.pt",
                {"reader": reader.state_dict(), "average": average.module.state_dict(),
                 "optimizer": optimizer.state_dict(), "steps": average.steps, "round": number + 1,
                 "best": best},
            )  # fmt: skip
        fabric.barrier()
    kept = load_state(folder / "whole-best.pt")
    if kept is not None and fabric.is_global_zero:
        model.load_state_dict(_choose(model, began, kept, public, public_faces, faces.known, folder,
                                      settings.keep))  # fmt: skip
    model.eval()


def _choose(
    model: IfddStream,
    began: dict[str, Tensor],
    ended: dict[str, Tensor],
    public: Prepared,
    public_faces: tuple[Tensor, Tensor] | None,
    known: tuple[float, ...],
    folder: Path,
    keep: float,
) -> dict[str, Tensor]:
    """The weights between two, at `keep` or (0) best on PublicTest; writes `whole-shares.csv`."""
    log = Log(folder / "whole-shares.csv", ("share", *MEASURED), 0)
    best, chosen = -1.0, ended
    for share in SHARES:
        state = between(began, ended, share)
        model.load_state_dict(state)
        measured = _measure(model, public, public_faces, known)
        log.add(share=share, **dict(zip(MEASURED, measured, strict=True)))
        if measured[0] + measured[2] > best:
            best, chosen = measured[0] + measured[2], state
    return between(began, ended, keep) if keep else chosen


def _measure(
    model: IfddStream, public: Prepared, faces: tuple[Tensor, Tensor] | None, known: tuple[float, ...]
) -> tuple[float, float, float, float]:
    """MEASURED, of stills and of clips of faces; without faces the stills' figures twice."""
    model.eval()
    stills = encode_stills(model, public)
    of_stills = of_clips = score(read_windows(model, stills), stills.labels)
    if faces is not None:
        moved = encode_measured(model, *faces, known)
        of_clips = score(read_windows(model, moved), moved.labels)
    return of_stills.war, of_stills.uar, of_clips.war, of_clips.uar
