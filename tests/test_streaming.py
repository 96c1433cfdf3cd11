from typing import Any

import pytest
import torch

from models import ModelError, create_model


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(3)
    return create_model("ifdd-stream")


def test_shapes(model: Any) -> None:
    out = model(torch.randn(2, 3, 16, 36, 36))
    assert out.logits.shape == (2, 7)
    assert out.static_index.shape == out.dynamic_index.shape == (2, 8)
    assert out.correlation.shape == (2, 16, 16)
    assert out.context_residual.shape == (2, 3, 3)
    assert [each.shape for each in out.auxiliary_logits] == [(2, 7)]
    assert model.streaming


@torch.no_grad()
def test_features_cached_frame_by_frame_give_the_same_answer(model: Any) -> None:
    clip = torch.randn(2, 3, 16, 36, 36)
    whole = model(clip)
    rows = [torch.cat([model.encode(clip[b : b + 1, :, t]) for t in range(16)]) for b in range(2)]
    cached = model.read(torch.stack(rows))
    for name in ("logits", "static_index", "dynamic_index", "correlation", "context_residual"):
        torch.testing.assert_close(getattr(cached, name), getattr(whole, name), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("frames", "size"), [(8, 64), (16, 96), (32, 48), (6, 112)])
def test_any_even_frame_count_and_any_feature_side(frames: int, size: int) -> None:
    model = create_model("ifdd-stream", frames=frames, size=size, width=32)
    out = model(torch.randn(1, 3, frames, size, size))
    assert out.static_index.shape == (1, frames // 2)
    assert out.context_residual.shape == (1, size // 16, size // 16)


def test_the_default_weighs_at_most_12_mb(model: Any) -> None:
    assert sum(each.numel() * each.element_size() for each in model.state_dict().values()) <= 12e6


@pytest.mark.parametrize(
    ("clip", "told"),
    [
        (torch.zeros(1, 3, 16, 36, 35), r"clip \(B,3,T,S,S\): expected shape \(any, 3, 16, 36, 36\), got"),
        (torch.zeros(1, 3, 15, 36, 36), r"got \(1, 3, 15, 36, 36\)"),
        (torch.zeros(3, 16, 36, 36), r"got \(3, 16, 36, 36\)"),
        (torch.zeros(1, 3, 16, 36, 36, dtype=torch.uint8), "expected torch.float32, got torch.uint8"),
        (torch.full((1, 3, 16, 36, 36), torch.nan), "expected finite values, got NaN or infinity"),
        (torch.zeros(0, 3, 16, 36, 36), "expected values, got an empty tensor"),
    ],
)
def test_a_clip_that_does_not_fit_is_named(model: Any, clip: torch.Tensor, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        model(clip)
