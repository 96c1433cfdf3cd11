import math

import pytest
import torch

from models.errors import ModelError
from models.losses import (
    cross_entropy,
    ial_total,
    intensity_aware_loss,
    lifting_loss,
    mixed_targets,
    soft_targets,
)


def test_smoothed_targets_have_the_published_values() -> None:
    targets = soft_targets(torch.tensor([2]), 7, 0.1)
    assert float(targets[0, 2]) == pytest.approx(0.9 + 0.1 / 7)
    assert float(targets[0, 0]) == pytest.approx(0.1 / 7)
    assert float(targets.sum()) == pytest.approx(1)


def test_a_batch_is_mixed_with_itself_in_reverse() -> None:
    targets = soft_targets(torch.tensor([0, 1, 2]), 3)
    torch.testing.assert_close(
        mixed_targets(targets, 0.75), torch.tensor([[0.75, 0, 0.25], [0, 1, 0], [0.25, 0, 0.75]])
    )


def test_cross_entropy_is_torchs_for_labels_and_for_soft_targets() -> None:
    torch.manual_seed(1)
    logits, labels = torch.randn(5, 7), torch.tensor([0, 3, 6, 1, 1])
    expected = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    torch.testing.assert_close(cross_entropy(logits, labels, smoothing=0.1), expected)
    torch.testing.assert_close(cross_entropy(logits, soft_targets(labels, 7, 0.1)), expected)


def test_equal_target_and_rival_cost_the_logarithm_of_2() -> None:
    logits = torch.tensor([[1.5, 1.5, -3.0]])
    assert float(intensity_aware_loss(logits, torch.tensor([0]))) == pytest.approx(math.log(2))


def test_the_intensity_aware_loss_is_at_most_the_cross_entropy_and_equals_it_for_two_classes() -> None:
    torch.manual_seed(2)
    for classes in (2, 3, 7):
        logits = torch.randn(64, classes) * 3
        for row, label in zip(logits, torch.randint(0, classes, (64,)), strict=True):
            one, target = row[None], label[None]
            narrow, full = intensity_aware_loss(one, target), cross_entropy(one, target)
            assert float(narrow) <= float(full) + 1e-6
            if classes == 2:
                torch.testing.assert_close(narrow, full)


def test_its_gradient_touches_target_and_strongest_rival_alone() -> None:
    logits = torch.tensor([[0.2, 1.0, 0.7, -1.0]], requires_grad=True)
    torch.autograd.backward(intensity_aware_loss(logits, torch.tensor([2])))
    share = 1 / (1 + math.exp(0.7 - 1.0))  # sigma(m - x_y)
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.tensor([[0.0, share, -share, 0.0]]))


def test_its_smoothed_form_is_the_smoothed_cross_entropy_of_the_pair() -> None:
    logits, label = torch.tensor([[0.2, 1.0, 0.7, -1.0]]), torch.tensor([2])
    pair = torch.nn.functional.cross_entropy(logits[:, [2, 1]], torch.tensor([0]), label_smoothing=0.2)
    torch.testing.assert_close(intensity_aware_loss(logits, label, smoothing=0.2), pair)


def test_mixed_targets_count_by_their_dominant_class_or_not_at_all() -> None:
    torch.manual_seed(3)
    logits = torch.randn(2, 3)
    clear = torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(
        intensity_aware_loss(logits, clear), intensity_aware_loss(logits, torch.tensor([0, 2]))
    )
    mixed = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(
        intensity_aware_loss(logits, mixed, mixed="off"),
        intensity_aware_loss(logits[1:], torch.tensor([2])),
    )
    assert float(intensity_aware_loss(logits[:1], mixed[:1], mixed="off")) == 0


def test_the_lifting_loss_sums_or_averages_the_batch() -> None:
    residual = torch.stack((torch.full((7, 7), 0.5), torch.full((7, 7), -2.0)))
    assert float(lifting_loss(residual, reduction="sum")) == pytest.approx(0.1 * (0.125 + 1.5))
    assert float(lifting_loss(residual)) == pytest.approx(0.05 * (0.125 + 1.5))
    assert float(lifting_loss(torch.zeros(2, 7, 7))) == 0


def test_the_total_is_the_released_sum_and_half_precision_is_computed_in_float32() -> None:
    torch.manual_seed(4)
    logits, second, third = torch.randn(4, 7), torch.randn(4, 7), torch.randn(4, 7)
    label = torch.tensor([0, 1, 2, 3])
    wanted = cross_entropy(logits, label) + 0.1 * intensity_aware_loss(logits, label)
    wanted = wanted + 0.05 * cross_entropy(second, label)
    torch.testing.assert_close(ial_total(logits, (second, third), label), wanted)
    assert cross_entropy(logits.bfloat16(), label).dtype == torch.float32
    assert intensity_aware_loss(logits.bfloat16(), label).dtype == torch.float32


@pytest.mark.parametrize(
    ("logits", "target", "told"),
    [
        (torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64), r"logits: expected .* K >= 2, got"),
        (torch.zeros(2, 7), torch.zeros(3, dtype=torch.int64), r"target: expected \(2,\) int64 or \(2, 7\)"),
        (torch.zeros(2, 7), torch.zeros(2), r"got \(2,\) torch.float32"),
    ],
)
def test_what_does_not_fit_is_named(logits: torch.Tensor, target: torch.Tensor, told: str) -> None:
    for loss in (cross_entropy, intensity_aware_loss):
        with pytest.raises(ModelError, match=told):
            loss(logits, target)
    with pytest.raises(ModelError, match="auxiliary: expected 2 heads, got 1"):
        ial_total(torch.zeros(1, 7), (torch.zeros(1, 7),), torch.zeros(1, dtype=torch.int64))
