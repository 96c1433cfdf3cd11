"""Starts a model from weights of another run or from published ones, and says what was taken and what not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.checkpoint import load_checkpoint
from models.convert import (
    DATASET_LABELS,
    from_kinetics_mvit,
    from_published_ial,
    from_published_ifdd,
    read_pickle,
)
from models.errors import ModelError
from models.model import Model
from models.registry import create_model

LEAST_SHARE = 0.5  # of the model's parameters that must be found, or the file is taken for a wrong one
# what has a row a class
_CLASSES = re.compile(r"(^head|(^|\.)auxiliary(\.fall)?)\.(weight|bias)$")
_TABLE = re.compile(r"\.relative_[thw]$")


@dataclass(frozen=True)
class Started:
    """What came of a start.

    Attributes:
        source: the file.
        taken: entries that were copied.
        fitted: entries of another length that were interpolated.
        fresh: the model's entries that keep their random values.
        left: the file's entries that the model has no place for.
        share: parameters taken, of all.
        notes: what else a person should know.
    """

    source: str
    taken: int
    fitted: tuple[str, ...]
    fresh: tuple[str, ...]
    left: tuple[str, ...]
    share: float
    notes: tuple[str, ...]

    def lines(self) -> str:
        """All of it in words."""
        text = [f"start from {self.source}: {self.taken} entries, {100 * self.share:.1f} % of the parameters"]
        for what, names in (("interpolated", self.fitted), ("fresh", self.fresh), ("not used", self.left)):
            if names:
                text.append(f"  {what}: {', '.join(names)}")
        return "\n".join([*text, *(f"  {note}" for note in self.notes)])


def read_start(path: Path, dataset: str, name: str) -> Model:
    """The model in a file: one of ours, or what `torch.save` wrote of a published one.

    Args:
        path: safetensors of this project, or another suffix for published weights.
        dataset: on which published weights were trained: their label order.
        name: model that Kinetics weights are a start for.

    Raises:
        ModelError: no such file, or weights of no known kind.
    """
    if path.suffix == ".safetensors":
        return load_checkpoint(path)
    weights = read_pickle(path)
    if "head.head.1.weight" in weights:
        return from_published_ifdd(weights, dataset)
    if "fc_f.weight" in weights:
        return from_published_ial(weights, dataset)
    if "conv_proj.weight" in weights and name in ("ifdd-mvit-xs", "ifdd-mvit-s"):
        return from_kinetics_mvit(weights, create_model(name))
    raise ModelError(f"{path}: expected published weights of IFDD, IAL or MViTv2-S, got others")


def start_from(model: Model, path: Path, dataset: str = "") -> Started:
    """Copies what fits from a file into a model.

    Heads are kept where the classes are the same, in the model's order of labels, and replaced where they
    differ. Tables of relative positions of another length are interpolated.

    Args:
        model: is changed.
        path: see `read_start`.
        dataset: see `read_start`; "" for DFEW.

    Raises:
        ModelError: weights of another model, or too few that fit.
    """
    source = read_start(path, dataset if dataset in DATASET_LABELS else "dfew", model.spec.name)
    if source.spec.name != model.spec.name:
        raise ModelError(f"{path}: expected weights of {model.spec.name}, got {source.spec.name}")
    own, theirs = model.state_dict(), source.state_dict()
    labels, other = model.spec.labels, source.spec.labels
    same = set(labels) == set(other)
    order = torch.tensor([other.index(label) for label in labels]) if same else None
    taken: dict[str, Tensor] = {}
    fitted, fresh = [], []
    for name, value in own.items():
        given = theirs.get(name)
        if given is None or (_CLASSES.search(name) and not same):
            fresh.append(name)
        elif _CLASSES.search(name) and order is not None and given.shape == value.shape:
            taken[name] = given[order]
        elif given.shape == value.shape:
            taken[name] = given
        elif _TABLE.search(name) and given.shape[1:] == value.shape[1:]:
            table = F.interpolate(given.t()[None].float(), value.shape[0], mode="linear")[0].t()
            taken[name] = table.to(value.dtype)
            fitted.append(name)
        else:
            fresh.append(name)
    total = sum(each.numel() for each in own.values())
    share = sum(each.numel() for each in taken.values()) / total
    if share < LEAST_SHARE:
        raise ModelError(
            f"{path}: expected weights that fit most of {model.spec.name}, got {100 * share:.0f} % of its "
            f"parameters; fresh would be {', '.join(fresh[:5])}, ..."
        )
    model.load_state_dict(taken, strict=False)
    left = tuple(name for name in theirs if name not in own)
    return Started(str(path), len(taken), tuple(fitted), tuple(fresh), left, share, _notes(model, source))


def _notes(model: Model, source: Model) -> tuple[str, ...]:
    ours, theirs = model.spec, source.spec
    notes = [f"its origin: {theirs.origin or 'not told'}"]
    if set(ours.labels) != set(theirs.labels):
        notes.append(f"other classes ({', '.join(theirs.labels)}): the heads are new")
    elif ours.labels != theirs.labels:
        notes.append("the same classes in another order: the heads' rows are put in the new one")
    for name in ("frames", "size", "mean", "std", "grey", "view", "options"):
        before, now = getattr(theirs, name), getattr(ours, name)
        if before != now:
            notes.append(f"{name} was {before}, is {now}")
    return tuple(notes)
