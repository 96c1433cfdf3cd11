from typing import Any

import pytest

import models
from models import ModelError, create_model, list_models


def test_every_name_makes_a_model_in_evaluation_mode() -> None:
    assert "ifdd-stream" in list_models()
    model = create_model("ifdd-stream")
    assert isinstance(model, models.Model)
    assert not model.training
    assert model.spec.name == "ifdd-stream"
    assert not model.spec.trained


def test_overrides_reach_the_spec_and_the_network() -> None:
    model: Any = create_model("ifdd-stream", labels=("a", "b"), frames=8, width=64, window_seconds=2.0)
    assert model.spec.labels == ("a", "b")
    assert model.spec.options == {"width": 64}
    assert model.spec.window_seconds == 2.0
    assert model.head.weight.shape == (2, 64)
    assert model.splitter.static_offset.weight.shape == (4, 64)


@pytest.mark.parametrize(
    ("name", "overrides", "told"),
    [
        ("ifdd-steam", {}, "model: expected one of .*ifdd-stream.*, got 'ifdd-steam'"),
        ("ifdd-stream", {"sizes": 64}, "ifdd-stream override: expected one of .*size.*, got 'sizes'"),
        ("ifdd-stream", {"size": 8}, "size: expected at least 16 pixels, got 8"),
        ("ifdd-stream", {"encoder": "big"}, "encoder: expected one of .*resnet.*, got 'big'"),
        ("ifdd-stream", {"heads": 3}, "width, heads: expected .* got 128, 3"),
        ("ifdd-stream", {"width": 128.0}, "option width: expected int, got 128.0"),
    ],
)
def test_a_wrong_name_or_value_is_one_line(name: str, overrides: dict[str, object], told: str) -> None:
    with pytest.raises(ModelError, match=told) as caught:
        create_model(name, **overrides)
    assert "\n" not in str(caught.value)


def test_the_public_surface() -> None:
    assert set(models.__all__) == {
        "Model",
        "ModelError",
        "ModelSpec",
        "Output",
        "StreamingModel",
        "create_model",
        "list_models",
        "load_checkpoint",
        "read_spec",
        "save_checkpoint",
    }
