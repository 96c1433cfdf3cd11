"""Published checkpoints to this project's: `python -m models.convert ifdd in.pth out.safetensors`.

Renaming rules say where each published entry goes; entries that a published network holds but never
uses are named and dropped. Whatever else is missing, extra or misshaped is an error that names it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.checkpoint import check_weights, load_weights, save_checkpoint
from models.errors import ModelError
from models.ial.reading import IalReading
from models.ifdd.network import IfddMvit
from models.ifdd.reading import IfddReading
from models.model import Model
from models.registry import create_model

# the order of the published label numbers, in this project's words
DATASET_LABELS: dict[str, tuple[str, ...]] = {
    "dfew": ("happy", "sad", "neutral", "angry", "surprise", "disgust", "fear"),
    "ferv39k": ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    "mafw": (
        *("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
        *("contempt", "anxiety", "helplessness", "disappointment"),
    ),
}
DATASET_FRAMES = {"dfew": 16, "ferv39k": 16, "mafw": 32}

Rules = tuple[tuple[str, str | None], ...]  # a pattern and its replacement, None to drop the entry

# inside a block; torchvision's names, which the published IFDD code kept
_BLOCK = (
    (r"norm(?P<n>[12])\.", r"norm\g<n>."),
    (r"attn\.rel_pos_(?P<n>[thw])$", r"attention.relative_\g<n>"),
    (r"attn\.qkv\.", "attention.qkv."),
    (r"attn\.project\.0\.", "attention.project."),
    (r"attn\.pool_q\.pool\.", "attention.pool_query.convolution."),
    (r"attn\.pool_q\.norm_act\.0\.", "attention.pool_query.norm."),
    (r"attn\.pool_k\.pool\.", "attention.pool_key.convolution."),
    (r"attn\.pool_k\.norm_act\.0\.", "attention.pool_key.norm."),
    (r"attn\.pool_v\.pool\.", "attention.pool_value.convolution."),
    (r"attn\.pool_v\.norm_act\.0\.", "attention.pool_value.norm."),
    (r"mlp\.0\.", "mlp.rise."),
    (r"mlp\.3\.", "mlp.fall."),
    (r"project\.", "widen."),
)


def _inside(prefix: str, renamed: str, rules: tuple[tuple[str, str], ...]) -> Rules:
    return tuple((prefix + old, renamed + new) for old, new in rules)


_LIFTING = (
    (r"q_a\.", "lifting.update.query."),
    (r"kv_d\.", "lifting.update.key_value."),
    (r"project_a\.0\.", "lifting.update.project."),
    (r"q_d\.", "lifting.predict.query."),
    (r"kv_a\.", "lifting.predict.key_value."),
    (r"project_d\.0\.", "lifting.predict.project."),
    (r"xa_norm\.", "lifting.static_norm."),
    (r"xd_norm\.", "lifting.dynamic_norm."),
    (r"adapt_split\.dim_project\.0\.", "splitter.describe."),
    (r"adapt_split\.offset_project_approx\.0\.", "splitter.static_offset."),
    (r"adapt_split\.offset_project_detail\.0\.", "splitter.dynamic_offset."),
    (r"out_norm(?P<n>[12])\.", r"refinement.norm\g<n>."),
    (r"qkv\.", "refinement.attention.qkv."),
    (r"project\.0\.", "refinement.attention.project."),
    (r"mlp\.0\.", "refinement.mlp.rise."),
    (r"mlp\.3\.", "refinement.mlp.fall."),
    (r"project_compress\.", "compression.weight."),
)

IFDD_RULES: Rules = (
    # positions that are switched off, a projection that is never called, index constants
    (r"backbone\.WaveLifts\.(spatial|temporal|class)_pos$", None),
    (r"backbone\.WaveLifts\.adapt_split\.(time_project\.|index_(even|odd)$)", None),
    (r"embed\.conv_proj\.", "backbone.stem."),
    (r"backbone\.backbone\.pos_encoding\.class_token$", "backbone.class_token"),
    *_inside(r"backbone\.backbone\.blocks\.(?P<b>\d+)\.", r"backbone.blocks.\g<b>.", _BLOCK),
    (r"backbone\.backbone\.norm\.", "backbone.norm."),
    (r"backbone\.PANLayer\.0\.", "pyramid.reduce."),
    (r"backbone\.CatConv\.", "pyramid.mix."),
    *_inside(r"backbone\.WaveLifts\.", "", _LIFTING),
    (r"head\.head\.1\.", "head."),
)

KINETICS_RULES: Rules = (
    (r"head\.", None),
    (r"conv_proj\.", "stem."),
    (r"pos_encoding\.class_token$", "class_token"),
    *_inside(r"blocks\.(?P<b>\d+)\.", r"blocks.\g<b>.", _BLOCK),
    (r"norm\.", "norm."),
)

_BASIC = (
    (r"conv1\.", "first.0."),
    (r"bn1\.", "first.1."),
    (r"conv2\.", "second.0."),
    (r"bn2\.", "second.1."),
    (r"downsample\.", "skip."),
)
_GATED = (
    *_BASIC,
    (r"gc\.0\.weight$", "gate.template"),
    (r"fc1\.0\.", "gate.fall."),
    (r"fc2\.0\.", "gate.rise."),
    (r"AUX_fc\.0\.", "auxiliary.rise."),
    (r"AUX_fc\.1\.", "auxiliary.fall."),
)
_TRANSFORMER = (
    (r"0\.fn\.norm\.", "norm1."),
    (r"0\.fn\.fn\.to_qkv\.", "attention.qkv."),
    (r"0\.fn\.fn\.to_out\.0\.", "attention.project."),
    (r"1\.fn\.norm\.", "norm2."),
    (r"1\.fn\.fn\.net\.0\.", "mlp.rise."),
    (r"1\.fn\.fn\.net\.3\.", "mlp.fall."),
)
IAL_RULES: Rules = (
    # biases and a 1x1 convolution that are never used; layer 1 has no gate
    (r"s_former\.bias$", None),
    (r"s_former\.layer[123]\.0\.(bias[12]$|glb\.)", None),
    (r"s_former\.layer1\.0\.(AUX_fc|gc|fc1|fc2)\.", None),
    (r"s_former\.conv1\.0\.", "stem.0.0."),
    (r"s_former\.conv1\.1\.", "stem.0.1."),
    (r"s_former\.conv1\.3\.", "stem.2.0."),
    (r"s_former\.bn1\.", "stem.2.1."),
    *_inside(r"s_former\.layer1\.0\.", "layer1.", _BASIC),
    *_inside(r"s_former\.layer(?P<l>[23])\.0\.", r"layer\g<l>.", _GATED),
    *_inside(r"s_former\.layer4\.(?P<l>[012])\.", r"dynamic.\g<l>.", _BASIC),
    (r"s_former\.patch_embedding\.", "static."),
    (r"s_former\.pos_embedding_pos$", "place"),
    (r"s_former\.pos_embedding$", "step"),
    *_inside(r"s_former\.pos_transformer\.layers\.(?P<l>\d+)\.", r"spatial.\g<l>.", _TRANSFORMER),
    *_inside(r"s_former\.temporal_transformer\.layers\.(?P<l>\d+)\.", r"temporal.\g<l>.", _TRANSFORMER),
    (r"fc_f\.", "head."),
)


def rename(weights: Mapping[str, Any], rules: Rules, source: str) -> dict[str, Any]:
    """The entries under this project's names, without those that are dropped.

    Raises:
        ModelError: an entry that no rule knows.
    """
    renamed = {}
    for name, value in weights.items():
        for pattern, replacement in rules:
            match = re.match(pattern, name)
            if match:
                if replacement is not None:
                    renamed[match.expand(replacement) + name[match.end() :]] = value
                break
        else:
            raise ModelError(f"{source}: entry {name!r}: expected no such entry, got one")
    return renamed


def _head_classes(weights: Mapping[str, Any], name: str, source: str) -> int:
    value = weights.get(name)
    if not isinstance(value, Tensor) or value.dim() != 2:
        raise ModelError(f"{source}: expected an entry {name!r} of shape (K, C), got {_shape(value)}")
    return int(value.shape[0])


def _shape(value: object) -> str:
    if value is None:
        return "none"
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def _labels(dataset: str, classes: int) -> tuple[str, ...]:
    if dataset not in DATASET_LABELS:
        raise ModelError(f"dataset: expected one of {', '.join(sorted(DATASET_LABELS))}, got {dataset!r}")
    labels = DATASET_LABELS[dataset]
    if classes != len(labels):
        raise ModelError(
            f"dataset: expected {len(labels)} classes for {dataset!r}, got {classes} in the file"
        )
    return labels


def from_published_ifdd(weights: Mapping[str, Any], dataset: str = "dfew") -> Model:
    """The model of a published IFDD state dict, in the published reading.

    Args:
        weights: entries under the published names.
        dataset: what it was trained on: order and number of labels, frames.

    Raises:
        ModelError: an entry is missing, extra, misshaped or not finite; or another number of classes.
    """
    source = "published IFDD weights"
    labels = _labels(dataset, _head_classes(weights, "head.head.1.weight", source))
    deep = any(name.startswith("backbone.backbone.blocks.10.") for name in weights)
    model = create_model(
        "ifdd-mvit-s" if deep else "ifdd-mvit-xs",
        labels=labels,
        frames=DATASET_FRAMES[dataset],
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        trained=True,
        origin=f"published IFDD weights (CyberPegasus/IFDD), {dataset}",
        reading=IfddReading.published(),
    )
    load_weights(model, rename(weights, IFDD_RULES, source), source)
    return model


def from_published_ial(weights: Mapping[str, Any], dataset: str = "dfew") -> Model:
    """The model of a published GCA+IAL state dict, in the published reading.

    Args:
        weights: entries under the published names.
        dataset: what it was trained on: order and number of labels.

    Raises:
        ModelError: an entry is missing, extra, misshaped or not finite; or another number of classes.
    """
    source = "published IAL weights"
    labels = _labels(dataset, _head_classes(weights, "fc_f.weight", source))
    model = create_model(
        "ial-gca",
        labels=labels,
        trained=True,
        origin=f"published IAL weights (muse1998/IAL-for-Facial-Expression-Recognition), {dataset}",
        reading=IalReading.published(),
    )
    renamed = rename(weights, IAL_RULES, source)
    for name, value in renamed.items():
        if not isinstance(value, Tensor):
            continue
        if name.endswith(("gate.fall.weight", "gate.rise.weight")) and value.shape[2:] == (1, 1):
            renamed[name] = value.flatten(1)  # a 1x1 convolution
        elif name in ("place", "step") and value.dim() == 3 and len(value) == 1:
            # one position for each frame, of which frame differences need one less
            renamed[name] = value[0, : model.get_parameter(name).shape[0]]
    load_weights(model, renamed, source)
    return model


def from_kinetics_mvit(weights: Mapping[str, Any], model: Model) -> Model:
    """Starts an IFDD network's backbone from the public Kinetics-400 MViTv2-S weights (torchvision's names).

    The 10-block network takes blocks 0 to 7, and 14 and 15 as its last two. Relative position tables of
    another length (another input side) are interpolated.

    Args:
        weights: state dict of `mvit_v2_s`.
        model: `ifdd-mvit-xs` or `ifdd-mvit-s`; its backbone is overwritten.

    Returns:
        the same model.

    Raises:
        ModelError: another model; or an entry is missing, extra, misshaped or not finite.
    """
    if not isinstance(model, IfddMvit):
        raise ModelError(f"model: expected ifdd-mvit-xs or ifdd-mvit-s, got {model.spec.name!r}")
    source = "Kinetics MViTv2-S weights"
    renamed = rename(weights, KINETICS_RULES, source)
    if len(model.backbone.blocks) == 10:
        target = {**{b: b for b in range(8)}, 14: 8, 15: 9}
        taken = {}
        for name, value in renamed.items():
            match = re.match(r"blocks\.(\d+)\.", name)
            if match is None:
                taken[name] = value
            elif int(match[1]) in target:
                taken[f"blocks.{target[int(match[1])]}.{name[match.end() :]}"] = value
            elif int(match[1]) > 15:
                raise ModelError(f"{source}: block {match[1]}: expected blocks 0 to 15, got one more")
        renamed = taken
    own = model.backbone.state_dict()
    for name, value in renamed.items():
        table = ".relative_" in name and name in own and isinstance(value, Tensor) and value.dim() == 2
        if table and value.shape[0] != own[name].shape[0]:
            rows = F.interpolate(value.t()[None].float(), own[name].shape[0], mode="linear")
            renamed[name] = rows[0].t().to(value.dtype)
    check_weights({n: (tuple(t.shape), t.is_floating_point()) for n, t in own.items()}, renamed, source)
    model.backbone.load_state_dict(renamed)
    return model


def read_pickle(path: Path) -> dict[str, Any]:
    """The state dict in a file that torch.save wrote, read without running code from it.

    A dict around it ("state_dict", "model") and a "module." prefix (DataParallel) are taken off.

    Raises:
        ModelError: no such file, or it holds something else.
    """
    if not path.is_file():
        raise ModelError(f"{path}: expected a file that torch.save wrote, got no file")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's readers let any error of a damaged file through
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path}: expected tensors that torch.save wrote, got: {first}") from None
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(name, str) for name in loaded):
        raise ModelError(f"{path}: expected a state dict, got {type(loaded).__name__}")
    if all(name.startswith("module.") for name in loaded):
        loaded = {name.removeprefix("module."): value for name, value in loaded.items()}
    return loaded


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.convert", description=__doc__)
    parser.add_argument("kind", choices=("ifdd", "ial", "kinetics"), help="whose names the file has")
    parser.add_argument("source", type=Path, help="file that torch.save wrote")
    parser.add_argument("target", type=Path, help="safetensors file to write")
    parser.add_argument("--dataset", choices=sorted(DATASET_LABELS), default="dfew", help="label order")
    parser.add_argument(
        "--model", choices=("ifdd-mvit-xs", "ifdd-mvit-s"), default="ifdd-mvit-xs", help="kinetics: start of"
    )
    given = parser.parse_args(arguments)
    try:
        weights = read_pickle(given.source)
        if given.kind == "kinetics":
            model = from_kinetics_mvit(
                weights, create_model(given.model, origin="backbone: Kinetics-400 MViTv2-S (torchvision)")
            )
        elif given.kind == "ifdd":
            model = from_published_ifdd(weights, given.dataset)
        else:
            model = from_published_ial(weights, given.dataset)
        save_checkpoint(given.target, model)
    except ModelError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{given.target}: {model.spec.name}, {len(model.state_dict())} entries")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
