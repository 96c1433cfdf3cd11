import dataclasses

import pytest
import torch

from models.training import head
from models.training.settings import StageSettings
from tests.test_training_train import seven_patterns
from tests.test_training_whole import small_model

SETTINGS = StageSettings(epochs=50, teacher=0.0, smoothing=0.1)


def refit(settings: StageSettings, denied: bool = False) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Answers before and after, and the labels."""
    model, pictures = small_model(), seven_patterns(56)
    crops = torch.from_numpy(pictures.crops)
    before = head.see(model, crops)[1]
    others = {name: value.clone() for name, value in model.state_dict().items() if "head" not in name}
    mask = torch.full((56,), denied)
    head.refit_head(model, pictures, torch.ones(56, dtype=torch.double), mask, settings, seed=1)
    for name, value in others.items():
        assert torch.equal(model.state_dict()[name], value), name  # the head alone
    return before, head.see(model, crops)[1], torch.from_numpy(pictures.labels)


def test_the_head_learns_the_labels_that_the_rest_can_tell_apart() -> None:
    before, after, labels = refit(SETTINGS)
    assert float((after.argmax(1) == labels).float().mean()) > 0.9
    assert float((before.argmax(1) == labels).float().mean()) < 0.5


def test_as_its_own_teacher_it_keeps_its_answers() -> None:
    before, after, _ = refit(dataclasses.replace(SETTINGS, teacher=1.0, smoothing=0.0))
    assert torch.allclose(before, after, atol=0.01)


def test_of_denied_pictures_only_the_label_goes() -> None:
    _, after, labels = refit(dataclasses.replace(SETTINGS, teacher=1.0, smoothing=0.0), denied=True)
    assert float(after.gather(1, labels[:, None]).max()) < 0.1
    assert float(after.amax(1).mean()) < 0.4  # the six others share what it had


@pytest.mark.parametrize("count", [1, 20])
def test_no_picture_is_drawn_twice_nor_one_of_no_weight(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    see = head.see

    def watch(model: object, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(crops)
        return see(model, crops)  # type: ignore[arg-type]

    monkeypatch.setattr(head, "see", watch)
    pictures = seven_patterns(56)
    weights = (torch.arange(56) < count).double()
    head.refit_head(small_model(), pictures, weights, torch.zeros(56, dtype=torch.bool), SETTINGS, seed=1)
    assert len(seen[0]) == count
    assert len({each.numpy().tobytes() for each in seen[0]}) == count
