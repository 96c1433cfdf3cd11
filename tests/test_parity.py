"""The published models' own answers, reproduced."""

from typing import Any

import pytest
import torch
from torch import Tensor

from models import Model, Output
from models.convert import from_published_ial, from_published_ifdd
from models.losses import cross_entropy, intensity_aware_loss, lifting_loss
from tests import parity_fill

IFDD, IAL = parity_fill.load("ifdd"), parity_fill.load("ial")


def _close(got: Tensor, wanted: list[Any], tolerance: float) -> None:
    torch.testing.assert_close(got[0], torch.tensor(wanted), rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def ifdd() -> tuple[Model, dict[str, tuple[int, ...]]]:
    """The published IFDD model, and the shapes that its stages give."""
    model: Any = from_published_ifdd(parity_fill.state_dict(IFDD))
    shapes: dict[str, tuple[int, ...]] = {}
    magnitudes: dict[str, float] = {}
    for stage, block in enumerate((0, 2, 7)):

        def keep(module: Any, given: Any, out: Tensor, stage: int = stage) -> None:
            shapes[str(stage)] = tuple(out.shape)
            magnitudes[str(stage)] = float(out.abs().mean())

        model.backbone.blocks[block].register_forward_hook(keep)

    def keep_last(module: Any, given: Any, out: Tensor) -> None:
        shapes["3"] = tuple(out.shape)
        magnitudes["3"] = float(out.abs().mean())

    model.backbone.norm.register_forward_hook(keep_last)
    model.magnitudes = magnitudes
    return model, shapes


@pytest.mark.parametrize("case", IFDD["cases"], ids=lambda case: f"seed{case['input_seed']}")
@torch.no_grad()
def test_ifdd(ifdd: tuple[Any, dict[str, tuple[int, ...]]], case: dict[str, Any]) -> None:
    model, shapes = ifdd
    out: Output = model(parity_fill.clip(tuple(IFDD["input_shape"]), case["input_seed"]))
    assert shapes == {key: tuple(shape) for key, shape in case["stage_token_shapes"].items()}
    assert model.magnitudes == pytest.approx(case["stage_token_mean_abs"], rel=1e-4)
    assert out.static_index is not None
    assert out.dynamic_index is not None
    assert out.correlation is not None
    assert out.context_residual is not None
    _close(out.logits, case["logits"], 2e-3)
    _close(out.static_index, case["approximation_index"], 1e-3)
    _close(out.dynamic_index, case["detail_index"], 1e-3)
    _close(out.correlation, case["correlation_8x8"], 1e-2)  # values up to 120
    _close(out.feature[:, :8], case["dynamics_first8"], 2e-3)
    assert list(out.context_residual.shape) == case["context_residual_shape"]
    assert float(out.context_residual.mean()) == pytest.approx(case["context_residual_mean"], abs=1e-5)
    assert float(out.context_residual.std()) == pytest.approx(case["context_residual_std"], abs=1e-5)
    loss = lifting_loss(out.context_residual, reduction="sum")
    assert float(loss) == pytest.approx(case["lifting_loss"], abs=1e-5)


@torch.no_grad()
def test_ifdd_in_bfloat16_gives_the_same_label() -> None:
    case = IFDD["cases"][0]
    model = from_published_ifdd(parity_fill.state_dict(IFDD)).bfloat16()
    out: Output = model(parity_fill.clip(tuple(IFDD["input_shape"]), case["input_seed"]).bfloat16())
    print(out.logits)
    _close(out.logits.float(), case["logits"], 0.3)
    assert int(out.logits.argmax()) == int(torch.tensor(case["logits"]).argmax())


@pytest.fixture(scope="module")
def ial() -> Model:
    return from_published_ial(parity_fill.state_dict(IAL))


@pytest.mark.parametrize("case", IAL["cases"], ids=lambda case: f"seed{case['input_seed']}")
@torch.no_grad()
def test_ial(ial: Model, case: dict[str, Any]) -> None:
    out: Output = ial(parity_fill.clip(tuple(IAL["input_shape"]), case["input_seed"]))
    assert out.auxiliary_logits is not None
    _close(out.logits, case["logits"], 2e-3)
    _close(out.auxiliary_logits[0], case["auxiliary_logits_stage2"], 2e-3)
    _close(out.auxiliary_logits[1], case["auxiliary_logits_stage3"], 2e-3)
    assert float(out.feature.mean()) == pytest.approx(case["feature_mean"], abs=1e-4)
    assert float(out.feature.std()) == pytest.approx(case["feature_std"], abs=1e-4)


def test_the_losses_of_the_ial_paper() -> None:
    case = IAL["loss_case"]
    logits, target = torch.tensor(case["logits"]), torch.tensor(case["target"])
    assert float(intensity_aware_loss(logits, target)) == pytest.approx(
        case["intensity_aware_loss"], abs=1e-5
    )
    assert float(cross_entropy(logits, target)) == pytest.approx(case["cross_entropy"], abs=1e-5)
