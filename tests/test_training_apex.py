import pytest
import torch

from models.training.apex import apex_loss

SHOWN = torch.tensor([[0.0, 0.0, 0.5, 1.0, 1.0, 0.5, 0.0, 0.0]])


def test_it_is_least_at_the_frames_that_show_most() -> None:
    even = torch.full((1, 4), 0.25)
    at_apex = apex_loss(torch.tensor([[3.0, 3.5, 4.0, 3.0]]), even, SHOWN)
    spread = apex_loss(torch.tensor([[1.0, 3.0, 5.0, 7.0]]), even, SHOWN)
    assert float(at_apex) == pytest.approx(0, abs=1e-6)
    assert float(spread) > 0.5


def test_shares_follow_what_is_shown() -> None:
    index = torch.tensor([[1.0, 3.0, 5.0, 7.0]])
    fit = apex_loss(index, torch.tensor([[1e-6, 0.94, 0.06, 1e-6]]), SHOWN)
    assert float(fit) < float(apex_loss(index, torch.full((1, 4), 0.25), SHOWN))
    assert float(fit) < float(apex_loss(index, torch.tensor([[0.94, 1e-6, 1e-6, 0.06]]), SHOWN))


def test_positions_are_drawn_to_the_apex_and_shares_to_strong_steps() -> None:
    index = torch.tensor([[2.5, 5.5]], requires_grad=True)
    share = torch.tensor([[0.2, 0.8]], requires_grad=True)
    torch.autograd.backward(apex_loss(index, share, SHOWN))
    assert index.grad is not None
    assert share.grad is not None
    assert float(index.grad[0, 0]) < 0 < float(index.grad[0, 1])  # forwards, and back
    assert float(share.grad[0, 0]) < float(share.grad[0, 1])  # more for the first


def test_a_held_expression_wants_even_shares() -> None:
    held = torch.full((2, 8), 0.8)
    index = torch.tensor([[1.0, 3.0, 5.0, 7.0]]).expand(2, -1)
    assert float(apex_loss(index, torch.full((2, 4), 0.25), held)) == pytest.approx(0, abs=1e-5)
