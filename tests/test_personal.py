"""A head adapted to one person, on made features; tests/test_persons.py has the demo clip's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from models import ModelSpec
from realtime.errors import WeightsError
from realtime.inference.lesson import Samples
from realtime.inference.personal import Adapter, fit, load
from realtime.inference.scores import probabilities_of

SPEC = ModelSpec("m", 16, 48, temperature=1.2)
LABELS = SPEC.labels
MODEL = "0123456789abcdef"


def lesson(seed: int = 0, width: int = 32, noise: float = 0.4, confused: bool = True) -> Samples:
    """A shipped head that takes this person's classes for one another, features that tell them apart."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(7, width)).astype(np.float32)
    head = np.roll(centres, 1, axis=0) if confused else centres
    features, logits, classes, held = [], [], [], []
    for number in range(7):
        for k in range(24):
            feature = centres[number] + noise * rng.normal(size=width).astype(np.float32)
            features.append(feature)
            logits.append(0.2 * head @ feature)
            classes.append(number)
            held.append(k >= 16)
    return Samples(
        np.array(features, np.float32), np.array(logits, np.float32), np.array(classes), np.array(held)
    )


def made(seed: int = 0) -> Adapter:
    return fit(lesson(seed), MODEL, SPEC)


def test_a_head_that_confuses_this_person_learns_it_and_is_measured_on_what_was_held_back() -> None:
    samples = lesson()
    adapter = fit(samples, MODEL, SPEC)
    assert adapter.before.accuracy < 0.3
    assert adapter.after.accuracy > 0.95
    assert adapter.before.count == adapter.after.count == 7 * 8
    held = samples.held_back
    rows = zip(samples.logits[held], samples.features[held], strict=True)
    right = [int(adapter.logits(*row).argmax()) for row in rows] == samples.classes[held]
    assert np.mean(right) == pytest.approx(adapter.after.accuracy)


def test_what_is_held_back_is_not_learnt_from() -> None:
    samples = lesson()
    poisoned = Samples(
        np.where(samples.held_back[:, None], 100, samples.features).astype(np.float32),
        samples.logits, samples.classes, samples.held_back,
    )  # fmt: skip
    np.testing.assert_array_equal(fit(poisoned, MODEL, SPEC).weight, fit(samples, MODEL, SPEC).weight)


def test_a_head_that_knows_this_person_is_hardly_changed() -> None:
    samples = lesson(confused=False)
    sure = Samples(samples.features, samples.logits * 3, samples.classes, samples.held_back)
    adapter = fit(sure, MODEL, SPEC)
    assert adapter.after.accuracy >= adapter.before.accuracy >= 0.95
    change = np.abs(adapter.logits(sure.logits[0], sure.features[0]) - sure.logits[0]).max()
    learnt = made()
    large = np.abs(learnt.logits(samples.logits[0], samples.features[0]) - samples.logits[0]).max()
    assert change < 0.5 * large


def test_features_that_say_nothing_are_not_made_to_say_much() -> None:
    rng = np.random.default_rng(5)
    classes = np.repeat(np.arange(7), 24)
    samples = Samples(
        rng.normal(size=(168, 32)).astype(np.float32), rng.normal(size=(168, 7)).astype(np.float32),
        classes, np.tile(np.arange(24) >= 16, 7),
    )  # fmt: skip
    assert fit(samples, MODEL, SPEC).after.accuracy < 0.4


def test_scores_are_of_the_adapted_logits_and_say_so() -> None:
    adapter, samples = made(), lesson()
    scores = adapter.scores(samples.logits[0], samples.features[0], SPEC)
    adapted = samples.logits[0] + adapter.weight @ samples.features[0] + adapter.bias
    np.testing.assert_allclose(scores.probabilities, probabilities_of(adapted, SPEC), atol=1e-6)
    assert (scores.taught, scores.calibrated) == (True, False)


# --- the file ------------------------------------------------------------------------------------------


def test_the_file_gives_the_same_head_back(tmp_path: Path) -> None:
    adapter, path = made(), tmp_path / "me.safetensors"
    path.write_bytes(adapter.to_bytes())
    assert path.stat().st_size < 10_000
    back = load(path, MODEL, LABELS, 32)
    np.testing.assert_array_equal(back.weight, adapter.weight)
    np.testing.assert_array_equal(back.bias, adapter.bias)
    assert back.head == adapter.head
    assert back.after.to_json() == adapter.after.to_json()
    assert back.before.to_json() == adapter.before.to_json()


def test_heads_differ_by_what_they_learnt() -> None:
    assert made(0).head != made(1).head
    assert made(0).head.startswith(MODEL)


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "me.safetensors"
    path.write_bytes(made().to_bytes())
    with pytest.raises(WeightsError, match="expected a head taught with these weights"):
        load(path, "f" * 16, LABELS, 32)
    with pytest.raises(WeightsError, match="expected classes"):
        load(path, MODEL, tuple(reversed(LABELS)), 32)
    with pytest.raises(WeightsError, match="expected weight"):
        load(path, MODEL, LABELS, 64)


@pytest.mark.parametrize("what", ["none", "empty", "text", "other", "nan", "half", "short", "huge", "bare"])
def test_what_is_no_taught_head_is_refused_in_one_line(tmp_path: Path, what: str) -> None:
    path = tmp_path / "me.safetensors"
    weight, bias = np.zeros((7, 32), np.float32), np.zeros(7, np.float32)
    metadata = {
        "format": "ifdd-live-person-1", "model": MODEL, "labels": str(list(LABELS)).replace("'", '"'),
        "before": '{"accuracy": 0.1, "count": 3}', "after": '{"accuracy": 0.1, "count": 3}',
    }  # fmt: skip
    if what in ("empty", "text", "huge"):
        path.write_bytes({"empty": b"", "text": b"hello" * 9, "huge": b"\0" * 4_000_001}[what])
    elif what == "other":
        save_file({"weight": weight, "bias": bias}, path, {"format": "x"})
    elif what == "nan":
        save_file({"weight": weight * np.nan, "bias": bias}, path, metadata)
    elif what == "half":
        save_file({"weight": weight.astype(np.float16), "bias": bias}, path, metadata)
    elif what == "short":
        save_file({"weight": weight[:3], "bias": bias}, path, metadata)
    elif what == "bare":
        save_file({"bias": bias}, path, metadata)
    with pytest.raises(WeightsError, match=r"expected .*got") as caught:
        load(path, MODEL, LABELS, 32)
    assert "\n" not in str(caught.value)
