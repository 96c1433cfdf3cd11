from __future__ import annotations

import torch

from models.fingerprint import fingerprint
from tests.small_models import small


def test_the_same_weights_give_the_same_text_and_one_changed_number_another() -> None:
    model, other = small("ifdd-stream"), small("ifdd-stream")
    assert fingerprint(model) == fingerprint(other)
    assert len(fingerprint(model)) == 32
    with torch.no_grad():
        next(other.parameters()).view(-1)[3] += 1e-3
    assert fingerprint(model) != fingerprint(other)


def test_what_changes_the_input_changes_it_and_a_description_does_not() -> None:
    model = small("ifdd-stream")
    was = fingerprint(model)
    model.spec = model.spec.replace(origin="somewhere else", metrics={"war": 0.5})
    assert fingerprint(model) == was
    model.spec = model.spec.replace(view=0.5)
    assert fingerprint(model) != was
