import pytest
import torch

from models import ModelError
from models.cost import clip_for
from models.ifdd.reading import IfddReading
from models.losses import cross_entropy, ial_total, lifting_loss, soft_targets
from models.training.augment import Random
from models.training.clip_augment import ClipChanges, changed
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


@pytest.mark.parametrize("grey", [True, False])
def test_the_streaming_network_learns_from_pixels_on_grey_or_in_colour(grey: bool) -> None:
    model = small("ifdd-stream", grey=grey).train()
    pictures = torch.randint(0, 256, (2, model.spec.frames, 60, 60, 3), dtype=torch.uint8)
    frames = changed(Random(1, torch.device("cpu")), pictures, model.spec, ClipChanges())
    assert torch.equal(frames[:, 0], frames[:, 1]) == grey  # luma in all three channels, or colours
    losses = Losses(lifting=0.1, intensity=0.1, auxiliary=[0.05])
    total, _, _ = Objective(model, losses, 2)(frames, soft_targets(LABELS[:2], 7))
    total.backward()
    first = next(model.get_submodule("encoder").parameters())
    assert first.grad is not None
    assert float(first.grad.abs().max()) > 0
