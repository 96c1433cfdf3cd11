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

from models.ifdd.streaming import IfddStream
from models.losses import cross_entropy, soft_targets
from models.preprocess import to_tensor
from models.spec import BASIC_LABELS, ModelSpec
from models.training import augment
from models.training.metrics import score
from models.training.prepared import Prepared
from models.training.run import Average, Log, groups, load_state, rate, save_state
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


def train_stills(
    fabric: Fabric,
    model: IfddStream,
    train: Prepared,
    weights: np.ndarray[Any, Any],
    public: Prepared,
    settings: StageSettings,
    folder: Path,
    seed: int,
) -> StillReader:
    """Trains the model's encoder, gate and auxiliary head in place; the reader with the best average weights.

    Args:
        fabric: launched; places model and data.
        model: see StillReader.
        train: pictures to learn from.
        weights: (N,) how often each is drawn in an epoch, on average.
        public: pictures that choose the epoch.
        settings: see StageSettings.
        folder: for `stills.pt` (state), `stills-best.pt` and `stills.csv`.
        seed: of order and augmentation.
    """
    spec = model.spec
    reader = StillReader(model)
    reader.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = Average(reader, settings.average)
    optimizer = torch.optim.SGD(
        groups([reader], settings.weight_decay), lr=settings.peak, momentum=0.9, nesterov=True
    )
    state = load_state(folder / "stills.pt")
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
        torch.from_numpy(train.crops), torch.from_numpy(train.inside), torch.from_numpy(train.labels)
    )
    public_crops, public_labels = torch.from_numpy(public.crops), torch.from_numpy(public.labels)
    log = Log(folder / "stills.csv", COLUMNS, done) if fabric.is_global_zero else None
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
        bar = tqdm(loader, f"stills {epoch + 1}/{settings.epochs}", file=sys.stderr, mininterval=5,
                   disable=not fabric.is_global_zero)  # fmt: skip
        total, right, seen = 0.0, 0, 0
        for step, (crops, inside, labels) in enumerate(bar):
            share = rate((epoch + step / len(loader)) / settings.epochs, settings.warm_up)
            for group in optimizer.param_groups:
                group["lr"] = settings.peak * share
            frames = augment.stills(random, crops, inside, seen_as, settings.strength)
            targets = soft_targets(labels, len(BASIC_LABELS), settings.smoothing)
            frames, targets = augment.mixed(random, frames, targets, settings.mixup, settings.mixup_alpha)
            first, second = wrapped(frames.contiguous(memory_format=torch.channels_last))
            loss = cross_entropy(first, targets)
            loss = loss + AUXILIARY_WEIGHT * cross_entropy(second, targets)
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
                save_state(folder / "stills-best.pt", average.module.state_dict())
            save_state(
                folder / "stills.pt",
                {"reader": reader.state_dict(), "average": average.module.state_dict(),
                 "optimizer": optimizer.state_dict(), "steps": average.steps, "epoch": epoch + 1,
                 "best": best},
            )  # fmt: skip
        fabric.barrier()
    kept = load_state(folder / "stills-best.pt")
    if kept is not None:
        reader.load_state_dict(kept)
    return reader
