from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models import ModelError, create_model, load_checkpoint, read_spec, save_checkpoint

SMALL = {"frames": 4, "size": 32, "width": 32}


@pytest.fixture
def model() -> Any:
    return create_model("ifdd-stream", **SMALL)


def test_a_saved_model_comes_back_with_its_spec_and_answers_alike(tmp_path: Path, model: Any) -> None:
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, model, trained=True, origin="a test", metrics={"war": 0.5})
    loaded: Any = load_checkpoint(path)
    assert read_spec(path) == loaded.spec
    assert loaded.spec.trained
    assert loaded.spec.metrics == {"war": 0.5}
    assert loaded.spec.options == {"width": 32}
    clip = torch.rand(2, 3, 4, 32, 32)
    torch.testing.assert_close(loaded(clip).logits, model(clip).logits, rtol=0, atol=0)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_half_precision_weights_load_as_float32(tmp_path: Path, model: Any) -> None:
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, model.half())
    loaded: Any = load_checkpoint(path)
    assert loaded.head.weight.dtype == torch.float32


def _spoil(path: Path, name: str, value: torch.Tensor | None) -> None:
    metadata = {"format": "ifdd-live-1", "spec": read_spec(path).to_json()}
    weights = load_file(path)
    if value is None:
        del weights[name]
    else:
        weights[name] = value
    save_file(weights, path, metadata=metadata)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("head.weight", None, r"expected an entry 'head.weight' of shape \(7, 32\), got none"),
        ("tail.weight", torch.zeros(1), "entry 'tail.weight': expected no such entry, got one"),
        ("head.bias", torch.zeros(8), r"entry 'head.bias': expected shape \(7,\), got \(8,\)"),
        ("head.bias", torch.zeros(7, dtype=torch.int64), "entry 'head.bias': expected a floating type"),
        ("head.bias", torch.full((7,), torch.nan), "entry 'head.bias': expected finite values, got NaN"),
    ],
)
def test_a_misfit_names_the_entry(
    tmp_path: Path, model: Any, name: str, value: torch.Tensor | None, told: str
) -> None:
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, model)
    _spoil(path, name, value)
    with pytest.raises(ModelError, match=told):
        load_checkpoint(path)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(ModelError, match="expected a safetensors file, got no file"):
        load_checkpoint(path)
    torch.save({"a": torch.zeros(1)}, path)  # a pickle: refused before anything in it runs
    with pytest.raises(ModelError, match="expected a safetensors file, got:"):
        load_checkpoint(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="expected format 'ifdd-live-1'"):
        load_checkpoint(path)


def test_broken_weights_are_not_written(tmp_path: Path, model: Any) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_text("kept")
    with torch.no_grad():
        model.head.bias[0] = torch.inf
    with pytest.raises(ModelError, match=r"entry 'head\.bias': expected finite values"):
        save_checkpoint(path, model)
    assert path.read_text() == "kept"
    with pytest.raises(ModelError, match="expected a writable file"):
        save_checkpoint(tmp_path / "nowhere" / "x.safetensors", create_model("ifdd-stream", **SMALL))
