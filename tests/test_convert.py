from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models import ModelError, create_model, load_checkpoint
from models.convert import (
    DATASET_LABELS,
    from_kinetics_mvit,
    from_published_ial,
    from_published_ifdd,
    main,
    rename,
)
from tests import parity_fill


@pytest.fixture(scope="module")
def ial_weights() -> dict[str, Tensor]:
    return parity_fill.state_dict(parity_fill.load("ial"))


@pytest.fixture(scope="module")
def ifdd_weights() -> dict[str, Tensor]:
    shapes = parity_fill.load("ifdd")["state_dict_shapes"]
    return {name: torch.zeros(shape) for name, shape in shapes.items()}


def test_a_file_becomes_a_checkpoint(tmp_path: Path, ial_weights: dict[str, Tensor]) -> None:
    source, target = tmp_path / "in.pth", tmp_path / "out.safetensors"
    torch.save({"state_dict": {f"module.{name}": value for name, value in ial_weights.items()}}, source)
    assert main(["ial", str(source), str(target)]) == 0
    model: Any = load_checkpoint(target)
    assert model.spec.trained
    assert model.spec.labels == DATASET_LABELS["dfew"]
    assert not model.reading.auxiliary_relu
    torch.testing.assert_close(model.head.weight, ial_weights["fc_f.weight"])


class Malice:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (print, ("ran",))


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.pth"
    torch.save({"state_dict": Malice()}, source)
    assert main(["ifdd", str(source), str(tmp_path / "out.safetensors")]) == 2
    told = capsys.readouterr()
    assert "expected tensors that torch.save wrote, got" in told.err
    assert told.err.count("\n") == 1
    assert "ran" not in told.out
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("content", [b"", b"no pickle", b"PK\x03\x04"])
def test_what_is_no_checkpoint_is_refused(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.pth"
    source.write_bytes(content)
    assert main(["ial", str(source), str(tmp_path / "out.safetensors")]) == 2
    assert capsys.readouterr().err.startswith(f"{source}: expected tensors that torch.save wrote, got")
    assert main(["ial", str(tmp_path / "none.pth"), str(tmp_path / "out.safetensors")]) == 2
    assert "got no file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("backbone.CatConv.weight", None, r"expected an entry 'pyramid.mix.weight' of shape .*, got none"),
        ("backbone.extra", torch.zeros(1), "entry 'backbone.extra': expected no such entry"),
        (
            "backbone.backbone.blocks.0.attn.rel_pos_h",
            torch.zeros(55, 96),
            r"entry 'backbone.blocks.0.attention.relative_h': expected shape \(111, 96\), got \(55, 96\)",
        ),
        ("backbone.WaveLifts.qkv.bias", torch.full((2304,), torch.nan), "expected finite values, got NaN"),
        ("head.head.1.weight", torch.zeros(8, 768), "expected 7 classes for 'dfew', got 8"),
        ("head.head.1.weight", None, r"expected an entry 'head.head.1.weight' of shape \(K, C\), got none"),
    ],
)
def test_a_misfit_names_itself(
    ifdd_weights: dict[str, Tensor], name: str, value: Tensor | None, told: str
) -> None:
    weights = {key: each for key, each in ifdd_weights.items() if key != name}
    if value is not None:
        weights[name] = value
    with pytest.raises(ModelError, match=told):
        from_published_ifdd(weights)


def test_unused_entries_may_be_absent(ial_weights: dict[str, Tensor]) -> None:
    weights = {name: value for name, value in ial_weights.items() if ".glb." not in name}
    assert len(weights) < len(ial_weights)
    from_published_ial(weights)
    with pytest.raises(ModelError, match="dataset: expected one of dfew, ferv39k, mafw, got 'other'"):
        from_published_ial(weights, "other")


def _kinetics() -> dict[str, Tensor]:
    """Random weights under torchvision's names, made from our own 16-block backbone."""
    torch.manual_seed(1)
    model: Any = create_model("ifdd-mvit-s")
    back = (
        ("attention.pool_query.convolution.", "attn.pool_q.pool."),
        ("attention.pool_query.norm.", "attn.pool_q.norm_act.0."),
        ("attention.pool_key.convolution.", "attn.pool_k.pool."),
        ("attention.pool_key.norm.", "attn.pool_k.norm_act.0."),
        ("attention.pool_value.convolution.", "attn.pool_v.pool."),
        ("attention.pool_value.norm.", "attn.pool_v.norm_act.0."),
        ("attention.relative_", "attn.rel_pos_"),
        ("attention.qkv.", "attn.qkv."),
        ("attention.project.", "attn.project.0."),
        ("mlp.rise.", "mlp.0."),
        ("mlp.fall.", "mlp.3."),
        ("widen.", "project."),
        ("stem.", "conv_proj."),
        ("class_token", "pos_encoding.class_token"),
    )
    weights = {"head.1.weight": torch.zeros(400, 768), "head.1.bias": torch.zeros(400)}
    for name, value in model.backbone.state_dict().items():
        for ours, theirs in back:
            name = name.replace(ours, theirs)  # noqa: PLW2901
        weights[name] = value
    return weights


def test_kinetics_weights_start_both_depths() -> None:
    weights = _kinetics()
    small: Any = from_kinetics_mvit(weights, create_model("ifdd-mvit-xs"))
    own = small.backbone.blocks
    for ours, theirs in ((0, 0), (3, 3), (7, 7), (8, 14), (9, 15)):
        torch.testing.assert_close(own[ours].mlp.rise.weight, weights[f"blocks.{theirs}.mlp.0.weight"])
    torch.testing.assert_close(own[8].widen.weight, weights["blocks.14.project.weight"])
    full: Any = from_kinetics_mvit(weights, create_model("ifdd-mvit-s"))
    torch.testing.assert_close(full.backbone.blocks[13].norm1.weight, weights["blocks.13.norm1.weight"])


def test_kinetics_position_tables_fit_another_side() -> None:
    weights = _kinetics()
    model: Any = from_kinetics_mvit(weights, create_model("ifdd-mvit-xs", size=128))
    table, old = model.backbone.blocks[0].attention.relative_h, weights["blocks.0.attn.rel_pos_h"]
    assert table.shape == (63, 96)
    assert old.shape == (111, 96)
    torch.testing.assert_close(table[31], old[55])  # the middle, distance 0, stays the middle


def test_kinetics_misfits_name_themselves() -> None:
    weights = _kinetics()
    missing = {name: value for name, value in weights.items() if name != "blocks.2.norm1.weight"}
    with pytest.raises(ModelError, match=r"expected an entry 'blocks\.2\.norm1\.weight'"):
        from_kinetics_mvit(missing, create_model("ifdd-mvit-xs"))
    with pytest.raises(ModelError, match="model: expected ifdd-mvit-xs or ifdd-mvit-s, got 'ial-gca'"):
        from_kinetics_mvit(weights, create_model("ial-gca"))


def test_renaming_keeps_the_rest_of_a_name() -> None:
    renamed = rename({"a.1.weight": 1, "b.x": 2}, ((r"a\.(?P<n>\d)\.", r"c.\g<n>."), (r"b\.", None)), "file")
    assert renamed == {"c.1.weight": 1}
