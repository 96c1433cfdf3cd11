import math

import pytest

from models import create_model
from models.cost import count
from tests import parity_fill


def test_ifdd_has_the_published_size_and_operations() -> None:
    cost = count(create_model("ifdd-mvit-xs"))
    shapes = parity_fill.load("ifdd")["state_dict_shapes"]
    unused = ("_pos", "time_project", "index_")  # as rel_pos has no leading underscore before "pos_"
    published = {name: math.prod(shape) for name, shape in shapes.items() if "index_" not in name}
    dropped = sum(
        size
        for name, size in published.items()
        if name.startswith("backbone.WaveLifts") and any(each in name for each in unused)
    )
    assert sum(published.values()) == pytest.approx(37.6e6, abs=5e4)
    assert cost.parameters == sum(published.values()) - dropped
    assert cost.layers == pytest.approx(35.9e9, rel=2e-3)
    assert cost.attention == pytest.approx(12.0e9, rel=2e-3)


@pytest.mark.parametrize(("size", "macs"), [(160, 21.5e9), (128, 13.0e9), (112, 10.5e9), (96, 7.0e9)])
def test_ifdd_at_other_sides_costs_what_the_layers_add_up_to(size: int, macs: float) -> None:
    assert count(create_model("ifdd-mvit-xs", size=size)).macs == pytest.approx(macs, rel=6e-3)


def test_ial_has_the_published_size_and_operations() -> None:
    cost = count(create_model("ial-gca"))
    shapes = parity_fill.load("ial")["state_dict_shapes"]
    published = {
        name: math.prod(shape)
        for name, shape in shapes.items()
        if "running_" not in name and "num_batches" not in name
    }
    layer1 = ("layer1.0.AUX_fc", "layer1.0.gc.", "layer1.0.fc1", "layer1.0.fc2")
    dropped = sum(
        size
        for name, size in published.items()
        if "bias1" in name or "bias2" in name or ".glb." in name or name == "s_former.bias"
        or any(each in name for each in layer1)
    )  # fmt: skip
    assert sum(published.values()) == pytest.approx(19.08e6, abs=1e4)
    assert dropped == pytest.approx(0.15e6, abs=1e4)
    # one position less, since there is one frame difference less than frames
    assert cost.parameters == sum(published.values()) - dropped - 4096
    assert cost.macs == pytest.approx(5.6e9, rel=1e-2)


def test_the_streaming_model_is_light() -> None:
    cost = count(create_model("ifdd-stream"))
    assert cost.parameters * 4 < 12e6
    assert cost.macs / 16 < 0.15e9
