import pytest
import torch

from models import ModelError
from models.training.clip_optimiser import (
    make_optimiser,
    parameter_groups,
    set_rate,
    set_regularisation,
)
from models.training.recipe import ClipModel, Optimisation
from tests.small_models import small


def test_layer_decay_shrinks_towards_the_input_and_every_parameter_is_in_one_group() -> None:
    model = small("ifdd-vit")  # two blocks
    groups = parameter_groups(model, Optimisation(layer_decay=0.5, weight_decay=0.1))
    where = {id(each): group for group in groups for each in group["params"]}
    assert len(where) == sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    named = dict(model.named_parameters())
    scales = {
        name: where[id(named[name])]["scale"]
        for name in ("backbone.region_token", "backbone.stem.weight", "backbone.blocks.0.mlp.rise.weight",
                     "backbone.blocks.1.mlp.rise.weight", "head.weight")
    }  # fmt: skip
    assert list(scales.values()) == [0.125, 0.125, 0.25, 0.5, 1.0]
    assert where[id(named["head.weight"])]["weight_decay"] == 0.1
    assert where[id(named["head.bias"])]["weight_decay"] == 0
    assert where[id(named["backbone.region_token"])]["weight_decay"] == 0


def test_decay_all_decays_biases() -> None:
    groups = parameter_groups(small("ial-gca"), Optimisation(weight_decay=0.1, decay_all=True))
    assert {group["weight_decay"] for group in groups} == {0.1}


def test_the_rate_is_scaled_by_group() -> None:
    optimiser = make_optimiser(small("ifdd-vit"), Optimisation(layer_decay=0.5))
    set_rate(optimiser, 0.8)
    assert {group["lr"] for group in optimiser.param_groups} == {0.1, 0.2, 0.4, 0.8}


def test_sgd_has_momentum() -> None:
    optimiser = make_optimiser(small("ial-gca"), Optimisation(optimiser="sgd", momentum=0.7))
    assert isinstance(optimiser, torch.optim.SGD)
    assert {group["momentum"] for group in optimiser.param_groups} == {0.7}


def test_stochastic_depth_rises_evenly_and_dropout_is_set() -> None:
    model = small("ifdd-mvit-xs")
    before = model.get_submodule("refinement.drop_path").rate
    set_regularisation(model, ClipModel(drop_path=0.9 * 0.5, dropout=0.25))
    rates = [model.get_submodule(f"backbone.blocks.{index}.drop_path").rate for index in range(10)]
    assert rates == pytest.approx([0.05 * index for index in range(10)])
    assert model.get_submodule("refinement.drop_path").rate == before
    assert model.get_submodule("dropout").p == 0.25


@pytest.mark.parametrize("name", ["ial-gca", "ifdd-stream"])
def test_what_needs_a_stack_of_blocks_says_so(name: str) -> None:
    model = small(name)
    with pytest.raises(ModelError, match="drop_path: expected -1"):
        set_regularisation(model, ClipModel(drop_path=0.1))
    with pytest.raises(ModelError, match="layer_decay: expected 1"):
        parameter_groups(model, Optimisation(layer_decay=0.9))
