import dataclasses
from typing import Any

import pytest

from models import ModelError, create_model
from models.ial.reading import IalReading
from models.ifdd.reading import IfddReading, to_reading


def test_the_published_reading_is_another_one_and_survives_as_names_and_values() -> None:
    assert to_reading(dataclasses.asdict(IfddReading.published())) == IfddReading.published() != IfddReading()
    assert to_reading(None) == IfddReading()
    assert IalReading.published() != IalReading()


def test_each_quirk_reaches_its_module() -> None:
    model: Any = create_model("ifdd-mvit-xs", size=64, reading=IfddReading.published())
    sane: Any = create_model("ifdd-mvit-xs", size=64)
    assert model.splitter.scale == 1 / 768
    assert sane.splitter.scale == pytest.approx(343**-0.5)
    assert model.pyramid.reduce.dilation == (2, 2)
    assert sane.pyramid.reduce.dilation == (1, 1)
    assert not model.refinement.mlp_residual
    assert sane.refinement.mlp_residual
    assert model.reading.splitter.sampling == "stretched"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"sampling": "other"}, "reading sampling: expected one of 'aligned', 'stretched', got 'other'"),
        ({"adaptive": 1}, "reading adaptive: expected one of True, False, got 1"),
        ({"samplings": "aligned"}, "reading: expected one of .*, got 'samplings'"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        to_reading(values)


@pytest.mark.parametrize("name", ["ifdd-mvit-xs", "ial-gca", "ifdd-vit"])
def test_a_word_is_no_reading(name: str) -> None:
    with pytest.raises(ModelError, match="reading: expected names and values, got 'published'"):
        create_model(name, reading="published")
