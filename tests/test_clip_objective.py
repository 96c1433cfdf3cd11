import pytest
import torch

from models import ModelError
from models.cost import clip_for
from models.ifdd.reading import IfddReading
from models.losses import cross_entropy, ial_total, lifting_loss, soft_targets
from models.training.clip_objective import PARTS, Objective
from models.training.recipe import Losses
from tests.small_models import small

LABELS = torch.tensor([0, 3, 6])


def test_the_ial_total_is_that_of_the_paper() -> None:
    model = small("ial-gca").eval()
    clip, target = clip_for(model, 3), soft_targets(LABELS, 7)
    objective = Objective(model, Losses(intensity=0.1, auxiliary=[0.05, 0.0]), 40)
    total, parts, logits = objective(clip, target)
    out = model(clip)
    assert out.auxiliary_logits is not None
    torch.testing.assert_close(total, ial_total(out.logits, out.auxiliary_logits, LABELS))
    torch.testing.assert_close(parts.sum(), total.detach())
    torch.testing.assert_close(logits, out.logits)
    assert parts[PARTS.index("lifting")] == 0


@pytest.mark.parametrize(("reading", "share"), [(IfddReading.published(), 12), (IfddReading(), 1)])
def test_the_lifting_loss_is_the_batchs_sum_or_mean_as_the_reading_says(
    reading: IfddReading, share: int
) -> None:
    model = small("ifdd-vit", reading=reading).eval()
    clip, target = clip_for(model, 3), soft_targets(LABELS, 7, 0.1)
    # 3 clips of a batch of 12: the mean of four such parts is to be the batch's
    total, parts, _ = Objective(model, Losses(smoothing=0.1, lifting=0.1), 12)(clip, target)
    out = model(clip)
    assert out.context_residual is not None
    wanted = share * lifting_loss(out.context_residual, 0.1)
    torch.testing.assert_close(parts[PARTS.index("lifting")], wanted)
    torch.testing.assert_close(total, cross_entropy(out.logits, target) + wanted)


def test_a_term_that_the_model_cannot_have_is_an_error() -> None:
    model = small("ial-gca")
    clip, target = clip_for(model, 3), soft_targets(LABELS, 7)
    with pytest.raises(ModelError, match="losses lifting: expected 0 for ial-gca, got "):
        Objective(model, Losses(lifting=0.1), 3)(clip, target)
    with pytest.raises(ModelError, match="expected 2 weights for ial-gca, got 1"):
        Objective(model, Losses(auxiliary=[1.0]), 3)(clip, target)
