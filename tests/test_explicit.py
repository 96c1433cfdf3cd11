from typing import Any

import pytest
import torch

from models.cost import clip_for
from models.explicit import explicit
from tests.small_models import SMALL, small


@pytest.mark.parametrize("name", sorted(set(SMALL) - {"ifdd-mvit-s"}))
@torch.no_grad()
def test_the_published_formulation_gives_the_same_answers(name: str) -> None:
    model = small(name)
    clip = clip_for(model, 2)
    before = model(clip)
    with explicit():
        inside = model(clip)
    after = model(clip)
    assert not torch.equal(inside.logits, before.logits)  # another order of the same sums
    torch.testing.assert_close(inside.logits, before.logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(after.logits, before.logits, rtol=0, atol=0)


@torch.no_grad()
def test_each_branch_of_the_ial_transformers_runs_once_for_us_and_twice_as_published() -> None:
    model: Any = small("ial-gca")
    runs: list[str] = []
    model.temporal[0].attention.register_forward_hook(lambda *_: runs.append("attention"))
    model.temporal[0].mlp.register_forward_hook(lambda *_: runs.append("mlp"))
    model(clip_for(model))
    assert runs == ["attention", "mlp"]
    runs.clear()
    with explicit():
        model(clip_for(model))
    assert runs == ["attention", "attention", "mlp", "mlp"]
