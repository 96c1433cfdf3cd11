"""Stage two: ISSM, LADM, gate and head learn windows of frames that a frozen encoder has encoded."""

from __future__ import annotations

import copy
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from models.errors import ModelError
from models.ifdd.streaming import IfddStream
from models.losses import cross_entropy, intensity_aware_loss, lifting_loss, soft_targets
from models.output import Output
from models.spec import BASIC_LABELS
from models.training.apex import apex_loss
from models.training.augment import Random
from models.training.features import Encoded
from models.training.metrics import score
from models.training.run import Average, Log, groups, load_state, rate, save_state
from models.training.settings import StageSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # an extra that only `train` needs

AUXILIARY_WEIGHT = 0.05
COLUMNS = (
    "epoch",
    "loss",
    "rate",
    "train_war",
    "public_stills_war",
    "public_stills_uar",
    "seconds",
)


class Answer(NamedTuple):
    """What of a model's output training needs, as a tuple, which Fabric and DDP hand on."""

    logits: Tensor
    context_residual: Tensor | None
    auxiliary: Tensor | None
    dynamic_index: Tensor | None
    dynamic_share: Tensor | None

    @classmethod
    def of(cls, output: Output) -> Answer:
        """Of `Output`."""
        auxiliary = None if output.auxiliary_logits is None else output.auxiliary_logits[0]
        return cls(
            output.logits, output.context_residual, auxiliary, output.dynamic_index, output.dynamic_share
        )


class WindowReader(nn.Module):
    """`model.read` as a module's forward, for Fabric; the encoder stays outside."""

    def __init__(self, model: IfddStream) -> None:
        super().__init__()
        parts = {name: part for name, part in model.named_children() if name != "encoder"}
        self.parts = nn.ModuleDict(parts)
        self._model = (model,)  # in a tuple, so that the encoder is no part of this module

    def forward(self, features: Tensor) -> Answer:
        """Reads windows (B,T,C,h,w)."""
        return Answer.of(self._model[0].read(features))


def objective(
    answer: Answer,
    labels: Tensor,
    targets: Tensor,
    settings: StageSettings,
    auxiliary_weight: float,
    shown: Tensor | None = None,
) -> Tensor:
    """Cross entropy with the intensity-aware, the lifting, the auxiliary head's and the apex loss.

    Args:
        answer: of the model.
        labels: (B,) int64, for the intensity-aware loss.
        targets: of both heads: the labels, which are smoothed, or (B,K) soft targets, taken as they are.
        settings: weights of the losses.
        auxiliary_weight: of the auxiliary head's.
        shown: (B,T), see `clips.Made`; None: without the apex loss.
    """
    logits, residual, auxiliary, index, share = answer
    loss = cross_entropy(logits, targets, settings.smoothing)
    if settings.intensity:
        loss = loss + settings.intensity * intensity_aware_loss(logits, labels, settings.smoothing)
    if residual is not None and settings.lifting:
        loss = loss + lifting_loss(residual, settings.lifting)
    if auxiliary is not None:
        loss = loss + auxiliary_weight * cross_entropy(auxiliary, targets, settings.smoothing)
    if settings.apex and shown is not None and index is not None and share is not None:
        loss = loss + settings.apex * apex_loss(index, share, shown)
    return loss


def start_plain(model: IfddStream) -> None:
    """Sets LADM and refinement to zero effect, so that training starts from a head on the mean feature."""
    for layer in (
        model.lifting.update.project,
        model.lifting.predict.project,
        model.refinement.attention.project,
        model.refinement.mlp.fall,
    ):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)


@dataclass(frozen=True, eq=False)
class Pool:
    """Encoded clips to learn from and to choose by."""

    train: tuple[Encoded, ...]
    weights: Tensor  # (all clips,) float64: how often an epoch draws each, on average
    public_stills: Encoded  # choose the epoch


def save_pool(pool: Pool, path: Path) -> None:
    """Keeps the clips that one process encoded."""
    parts = [vars(each) for each in (*pool.train, pool.public_stills)]
    save_state(path, {"parts": parts, "weights": pool.weights})


def load_pool(folder: Path) -> Pool:
    """What the processes of a run kept in a folder.

    Raises:
        ModelError: nothing.
    """
    states = [state for path in sorted(folder.glob("*.pt")) if (state := load_state(path)) is not None]
    if not states:
        raise ModelError(f"{folder}: expected encoded clips (stage two of a run), got none")
    parts = [[Encoded(**each) for each in state["parts"]] for state in states]
    train = tuple(encoded for part in parts for encoded in part[:-1])
    return Pool(train, torch.cat([state["weights"] for state in states]), parts[0][-1])


def read_windows(
    model: IfddStream, encoded: Encoded, batch: int = 256, shuffle: Random | None = None
) -> Tensor:
    """Logits (N,K) of encoded clips on the CPU; with `shuffle`, of their frames in random order."""
    spec = model.spec
    device = next(model.parameters()).device
    parts = []
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for rows in torch.split(torch.arange(len(encoded.labels)), batch):
            window = encoded.window(rows, encoded.places(len(rows), spec.frames))
            if shuffle is not None:
                window = window[:, shuffle.order(spec.frames).cpu()]
            parts.append(model.read(window.to(device)).logits.float().cpu())
    model.train(was_training)
    return torch.cat(parts)


def train_windows(
    fabric: Fabric,
    model: IfddStream,
    pool: Pool,
    settings: StageSettings,
    log_path: Path | None,
    seed: int,
) -> float:
    """Trains all but the encoder, in place, to the best average weights; their PublicTest accuracy.

    Args:
        fabric: launched; places the model. Every process reads all of the pool, and its own share of steps.
        model: a streaming model whose encoder is trained.
        pool: see Pool.
        settings: see StageSettings; `intensity` and `lifting` weigh the two losses.
        log_path: CSV file, or None.
        seed: of order and dropout.
    """
    spec = model.spec
    reader = WindowReader(model)
    decay = settings.weight_decay
    rest = [part for part in reader.parts.values() if part is not model.splitter]
    optimizer = torch.optim.AdamW(
        [{**each, "peak": settings.peak} for each in groups(rest, decay)]
        + [{**each, "peak": settings.peak * settings.split_rate} for each in groups([model.splitter], decay)]
    )
    wrapped, optimizer = fabric.setup(reader, optimizer)
    model.to(fabric.device)
    average = Average(reader, settings.average)
    log = Log(log_path, COLUMNS, 0) if log_path is not None and fabric.is_global_zero else None
    part = torch.cat([torch.full((len(each.labels),), i) for i, each in enumerate(pool.train)])
    row = torch.cat([torch.arange(len(each.labels)) for each in pool.train])
    batch = settings.batch // fabric.world_size
    steps = int(pool.weights.sum()) // settings.batch
    best, kept = -1.0, copy.deepcopy(reader.state_dict())
    for epoch in range(settings.epochs):
        started = time.monotonic()
        fabric.seed_everything(seed * 1000 + epoch, verbose=False)
        random = Random(seed * 100_000 + epoch * 100 + fabric.global_rank, torch.device("cpu"))
        order = torch.multinomial(pool.weights, steps * settings.batch, replacement=True)
        mine = torch.split(order[fabric.global_rank :: fabric.world_size], batch)
        reader.train()
        total, right = 0.0, 0
        bar = tqdm(mine, f"windows {epoch + 1}/{settings.epochs}", file=sys.stderr, mininterval=5,
                   disable=not fabric.is_global_zero)  # fmt: skip
        for step, chosen in enumerate(bar):
            share = rate((epoch + step / steps) / settings.epochs, settings.warm_up)
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * share
            gathered = _gather(pool, part[chosen], row[chosen], spec.frames, random, settings.smoothing)
            features, labels, targets, shown = (each.to(fabric.device) for each in gathered)
            answer = Answer(*wrapped(features))
            loss = objective(answer, labels, targets, settings, AUXILIARY_WEIGHT, shown)
            fabric.backward(loss)
            nn.utils.clip_grad_norm_(reader.parameters(), 5.0)
            optimizer.step()
            optimizer.zero_grad()
            average.update(reader)
            total += float(loss.detach())
            right += int((answer.logits.argmax(1) == labels).sum())
        live = copy.deepcopy(reader.state_dict())
        reader.load_state_dict(average.module.state_dict())
        stills = score(read_windows(model, pool.public_stills), pool.public_stills.labels)
        if stills.war > best:
            best, kept = stills.war, copy.deepcopy(reader.state_dict())
        reader.load_state_dict(live)
        if log is not None:
            log.add(epoch=epoch + 1, loss=total / steps, rate=settings.peak * share,
                    train_war=right * fabric.world_size / (steps * settings.batch),
                    public_stills_war=stills.war, public_stills_uar=stills.uar,
                    seconds=time.monotonic() - started)  # fmt: skip
        fabric.barrier()
    reader.load_state_dict(kept)
    model.eval()
    return best


def _gather(
    pool: Pool, parts: Tensor, rows: Tensor, frames: int, random: Random, smoothing: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Windows of some clips, their labels, what to learn of them and how much each frame shows."""
    features, labels, targets, shown = [], [], [], []
    for number, encoded in enumerate(pool.train):
        mine = rows[parts == number]
        if len(mine):
            places = encoded.places(len(mine), frames, random)
            features.append(encoded.window(mine, places))
            all_of_it = torch.ones(len(encoded.labels), encoded.features.shape[1])
            shown.append((all_of_it if encoded.shown is None else encoded.shown)[mine[:, None], places])
            labels.append(encoded.labels[mine])
            own = encoded.targets
            targets.append(
                soft_targets(labels[-1], len(BASIC_LABELS), smoothing) if own is None else own[mine]
            )
    return torch.cat(features), torch.cat(labels), torch.cat(targets), torch.cat(shown)
