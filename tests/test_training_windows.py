import dataclasses

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

from models.training.features import Encoded
from models.training.settings import StageSettings
from models.training.windows import Pool, train_windows
from tests.test_training_whole import small_model

SETTINGS = StageSettings(epochs=1, batch=8, peak=3e-3, warm_up=0.0, average=0.1)


def random_pool() -> Pool:
    torch.manual_seed(3)
    clips = Encoded(torch.rand(32, 4, 32, 2, 2).half(), torch.arange(32) % 7)
    stills = Encoded(torch.rand(7, 1, 32, 2, 2).half(), torch.arange(7))
    return Pool((clips,), torch.ones(32, dtype=torch.double), stills)


def change(split_rate: float) -> dict[str, float]:
    """How far training moves each part's weights."""
    model = small_model()

    def now(name: str) -> Tensor:
        return torch.cat([each.detach().flatten() for each in model.get_submodule(name).parameters()]).clone()

    before = {name: now(name) for name in ("splitter", "lifting", "head")}
    settings = dataclasses.replace(SETTINGS, split_rate=split_rate)
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    train_windows(fabric, model, random_pool(), settings, None, seed=1)
    return {name: float((now(name) - each).norm()) for name, each in before.items()}


def test_the_splitter_learns_at_a_rate_of_its_own() -> None:
    still, plain, fast = change(0.0), change(1.0), change(10.0)
    assert still["splitter"] == 0
    assert fast["splitter"] > 3 * plain["splitter"] > 0
    for part in ("lifting", "head"):
        assert still[part] == pytest.approx(plain[part], rel=0.2)
