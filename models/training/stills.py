"""Stage one: the frame encoder and GCA's template learn expressions on stills."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler
from tqdm import tqdm

from models.errors import ModelError
from models.ifdd.streaming import IfddStream
from models.losses import cross_entropy, soft_targets
from models.preprocess import to_tensor
from models.spec import BASIC_LABELS, ModelSpec
from models.training import augment, clips
from models.training.metrics import score
from models.training.prepared import Prepared
from models.training.run import SHARES, Average, Log, between, groups, load_state, rate, save_state
from models.training.settings import StageSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # an extra that only `train` needs

COLUMNS = ("epoch", "loss", "rate", "train_war", "public_war", "public_uar", "seconds")
AUXILIARY_WEIGHT = 0.5


class StillReader(nn.Module):
    """The encoder with two plain heads: on the gated map's mean, and on GCA's response.

    Args:
        model: a streaming model with GCA's gate and an auxiliary head on it.
    """

    def __init__(self, model: IfddStream) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.gate = model.gate
        self.auxiliary = model.auxiliary
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(model.auxiliary.in_features, model.auxiliary.out_features)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(N,3,S,S) to logits (N,K) of both heads."""
        features = self.encoder(frames)  # N C h w
        gate, response = self.gate(features[:, None])
        gated = features.mean((2, 3)) * gate[:, 0]
        return self.head(self.dropout(gated)), self.auxiliary(self.dropout(response[:, 0]))


def read_stills(reader: nn.Module, crops: Tensor, spec: ModelSpec, batch: int = 256) -> Tensor:
    """Log probabilities (N,K), the mean of both heads', for (N,112,112) uint8 crops, unchanged."""
    device = next(reader.parameters()).device
    parts = []
    with torch.inference_mode():
        for part in torch.split(crops, batch):
            rgb = part.to(device)[..., None].expand(-1, -1, -1, 3)
            first, second = reader(to_tensor(rgb, spec))
            parts.append((first.float().log_softmax(1) + second.float().log_softmax(1)) / 2)
    return torch.cat(parts).cpu()


def ask_reader(reader: nn.Module, crops: Tensor, spec: ModelSpec) -> Tensor:
    """What a reader answers to (N,112,112) uint8 crops, plain and mirrored: mean probabilities (N,K)."""
    reader.eval()
    answers = [read_stills(reader, each, spec).softmax(1) for each in (crops, crops.flip(2))]
    return (answers[0] + answers[1]) / 2


def changed(
    random: augment.Random, crops: Tensor, inside: Tensor, spec: ModelSpec, settings: StageSettings
) -> Tensor:
    """Pictures to learn from, the last `settings.filmed` of the batch changed as frames of clips are.

    Args:
        random: where numbers come from.
        crops, inside: (N,112,112) uint8 and (N,2,3) float, as in Prepared.
        spec: the model's.
        settings: `strength` and `filmed`.

    Returns:
        (N,3,size,size) float32, normalised.
    """
    count = round(len(crops) * (1 - settings.filmed))
    parts = []
    if count:
        parts.append(augment.stills(random, crops[:count], inside[:count], spec, settings.strength))
    if count < len(crops):
        filmed = clips.make(random, crops[count:, None], inside[count:], (1.0,), spec, 1, settings.strength)
        parts.append(filmed.frames[:, 0])
    return torch.cat(parts)


def _targets(
    fabric: Fabric, reader: StillReader, train: Prepared, settings: StageSettings, spec: ModelSpec, path: Path
) -> Tensor:
    """(N,K) what to learn of each picture; the teacher, `reader` as it is, is asked once, mirrored too."""
    smoothed = soft_targets(torch.from_numpy(train.labels), len(BASIC_LABELS), settings.smoothing)
    if not settings.teacher:
        return smoothed
    if fabric.is_global_zero and not path.is_file():
        reader.to(fabric.device)
        save_state(path, {"answers": ask_reader(reader, torch.from_numpy(train.crops), spec)})
    fabric.barrier()
    state = load_state(path)
    assert state is not None
    return torch.lerp(smoothed, state["answers"], settings.teacher)


def train_stills(
    fabric: Fabric,
    model: IfddStream,
    train: Prepared,
    weights: np.ndarray[Any, Any],
    public: Prepared,
    settings: StageSettings,
    folder: Path,
    seed: int,
    name: str = "stills",
) -> StillReader:
    """Trains the model's encoder, gate and auxiliary head in place; the reader with the best average weights.

    A stage of another name than "stills" goes on from where stage one ended, and keeps as much of the way
    from there as PublicTest likes best.

    Args:
        fabric: launched; places model and data.
        model: see StillReader.
        train: pictures to learn from.
        weights: (N,) how often each is drawn in an epoch, on average.
        public: pictures that choose the epoch.
        settings: see StageSettings.
        folder: for `stills.pt` (state), `stills-best.pt`, `stills.csv` and, with a teacher,
            `stills-teacher.pt`, all called by the stage's name. A sequel also leaves `again-shares.csv` and
            `again-kept.pt`.
        seed: of order and augmentation.
        name: of the stage.

    Raises:
        ModelError: a stage that goes on, without the one before.
    """
    spec = model.spec
    reader = StillReader(model)
    if name != "stills":
        reader.load_state_dict(finished(folder))
    targets = _targets(fabric, reader, train, settings, spec, folder / f"{name}-teacher.pt")
    reader.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = Average(reader, settings.average)
    optimizer = torch.optim.SGD(
        groups([reader], settings.weight_decay), lr=settings.peak, momentum=0.9, nesterov=True
    )
    state = load_state(folder / f"{name}.pt")
    done, best = 0, 0.0
    if state is not None:
        reader.load_state_dict(state["reader"])
        average.module.load_state_dict(state["average"])
        average.steps, done, best = state["steps"], state["epoch"], state["best"]
    wrapped, optimizer = fabric.setup(reader, optimizer)
    average.module.to(fabric.device)
    if state is not None:
        optimizer.load_state_dict(state["optimizer"])
    data = TensorDataset(
        torch.from_numpy(train.crops), torch.from_numpy(train.inside), torch.from_numpy(train.labels), targets
    )
    public_crops, public_labels = torch.from_numpy(public.crops), torch.from_numpy(public.labels)
    log = Log(folder / f"{name}.csv", COLUMNS, done) if fabric.is_global_zero else None
    for epoch in range(done, settings.epochs):
        started = time.monotonic()
        coarse = epoch < settings.coarse_share * settings.epochs
        seen_as = spec.replace(size=settings.coarse_size) if coarse else spec
        fabric.seed_everything(seed * 1000 + epoch, verbose=False)
        random = augment.Random(seed * 100_000 + epoch * 100 + fabric.global_rank, fabric.device)
        sampler = WeightedRandomSampler(weights.tolist(), round(float(weights.sum())), replacement=True)
        loader = fabric.setup_dataloaders(
            DataLoader(data, settings.batch // fabric.world_size, sampler=sampler, drop_last=True)
        )
        wrapped.train()
        bar = tqdm(loader, f"{name} {epoch + 1}/{settings.epochs}", file=sys.stderr, mininterval=5,
                   disable=not fabric.is_global_zero)  # fmt: skip
        total, right, seen = 0.0, 0, 0
        for step, (crops, inside, labels, goals) in enumerate(bar):
            share = rate((epoch + step / len(loader)) / settings.epochs, settings.warm_up)
            for group in optimizer.param_groups:
                group["lr"] = settings.peak * share
            frames = changed(random, crops, inside, seen_as, settings)
            frames, wanted = augment.mixed(random, frames, goals, settings.mixup, settings.mixup_alpha)
            first, second = wrapped(frames.contiguous(memory_format=torch.channels_last))
            loss = cross_entropy(first, wanted)
            loss = loss + AUXILIARY_WEIGHT * cross_entropy(second, wanted)
            fabric.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            average.update(reader)
            total += float(loss.detach())
            right += int((first.argmax(1) == labels).sum())
            seen += len(labels)
        if fabric.is_global_zero and log is not None:
            scores = score(read_stills(average.module, public_crops, seen_as), public_labels)
            log.add(epoch=epoch + 1, loss=total / len(loader), rate=settings.peak * share,
                    train_war=right / seen, public_war=scores.war, public_uar=scores.uar,
                    seconds=time.monotonic() - started)  # fmt: skip
            if scores.war > best:
                best = scores.war
                save_state(folder / f"{name}-best.pt", average.module.state_dict())
            save_state(
                folder / f"{name}.pt",
                {"reader": reader.state_dict(), "average": average.module.state_dict(),
                 "optimizer": optimizer.state_dict(), "steps": average.steps, "epoch": epoch + 1,
                 "best": best},
            )  # fmt: skip
        fabric.barrier()
    kept = load_state(folder / f"{name}-best.pt")
    if kept is not None:
        reader.load_state_dict(kept)
    if name != "stills" and kept is not None and fabric.is_global_zero:
        _choose(reader, finished(folder), kept, public_crops, public_labels, spec, folder / name)
    fabric.barrier()
    return reader


def _choose(
    reader: StillReader,
    began: dict[str, Tensor],
    ended: dict[str, Tensor],
    crops: Tensor,
    labels: Tensor,
    spec: ModelSpec,
    path: Path,
) -> None:
    """Leaves the reader at the best of SHARES by PublicTest; writes `<path>-shares.csv`, `<path>-kept.pt`."""
    log = Log(path.with_name(f"{path.name}-shares.csv"), ("share", "public_war", "public_uar"), 0)
    best, chosen = -1.0, ended
    reader.eval()
    for share in SHARES:
        state = between(began, ended, share)
        reader.load_state_dict(state)
        scores = score(read_stills(reader, crops, spec), labels)
        log.add(share=share, public_war=scores.war, public_uar=scores.uar)
        if scores.war > best:
            best, chosen = scores.war, state
    reader.load_state_dict(chosen)
    save_state(path.with_name(f"{path.name}-kept.pt"), chosen)


def finished(folder: Path, again: bool = False) -> dict[str, Tensor]:
    """The weights of stage one's reader, or those that were kept of its sequel.

    Raises:
        ModelError: it has not been trained.
    """
    name = "again-kept.pt" if again else "stills-best.pt"
    state = load_state(folder / name)
    if state is None:
        raise ModelError(f"{folder}: expected a finished stage one ({name}), got none")
    return state
