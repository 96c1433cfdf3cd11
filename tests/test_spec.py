import pytest

from models.errors import ModelError
from models.spec import BASIC_LABELS, ModelSpec, from_json


def test_a_spec_survives_the_way_through_json() -> None:
    spec = ModelSpec(
        "m", 16, 64, mean=(0.1, 0.2, 0.3), temperature=1.5, metrics={"war": 0.7}, options={"width": 128}
    )
    assert from_json(spec.to_json()) == spec
    assert spec.labels == BASIC_LABELS


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"frames": 15}, "frames: expected an even number, got 15"),
        ({"frames": 16.0}, "frames: expected a whole number > 0, got 16.0"),
        ({"size": 0}, "size: expected a whole number > 0, got 0"),
        ({"labels": ("a",)}, "labels: expected at least 2 names"),
        ({"labels": ("a", "a")}, "labels: expected distinct names"),
        ({"labels": "ab"}, "labels: expected a sequence, got 'ab'"),
        ({"std": (1.0, 0.0, 1.0)}, "std: expected 3 numbers > 0"),
        ({"mean": (1.0, 0.0)}, "mean: expected 3 numbers"),
        ({"temperature": float("nan")}, "temperature: expected a number > 0, got nan"),
        ({"window_seconds": True}, "window_seconds: expected a number > 0, got True"),
        ({"trained": 1}, "trained: expected true or false, got 1"),
        ({"metrics": {"war": object()}}, "metrics: expected JSON values"),
        ({"nonsense": 1}, "spec: expected one of .*, got 'nonsense'"),
    ],
)
def test_a_wrong_value_is_named(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        ModelSpec("m", 16, 64).replace(**changes)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "spec: expected JSON"),
        ("[1]", "spec: expected a JSON object, got list"),
        ('{"name": "m", "frames": 16}', "spec size: expected a value, got none"),
        ('{"name": "m", "frames": 16, "size": 64, "sise": 1}', "got 'sise'"),
    ],
)
def test_a_broken_text_is_named(text: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        from_json(text)
