import torch

from models.training.targets import unsmoothed, without


def test_of_a_denied_picture_only_its_label_is_unlearnt() -> None:
    targets = torch.tensor([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1]])
    learnt = without(targets, torch.tensor([0, 0]), torch.tensor([False, True]))
    assert torch.equal(learnt[0], targets[0])
    assert torch.allclose(learnt[1], torch.tensor([0.0, 0.75, 0.25]), atol=1e-4)


def test_a_denied_label_that_was_certain_leaves_all_others_alike() -> None:
    learnt = without(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([0]), torch.tensor([True]))
    assert torch.allclose(learnt, torch.tensor([[0.0, 0.5, 0.5]]))


def test_smoothing_comes_off_as_it_went_on() -> None:
    clear = torch.tensor([[0.9, 0.06, 0.04], [0.4, 0.3, 0.3]])
    smoothed = clear * 0.9 + 0.1 / 3
    assert torch.allclose(unsmoothed(smoothed, 0.1), clear, atol=1e-4)
    assert torch.equal(unsmoothed(clear, 0.0), clear)


def test_what_is_below_the_smoothing_is_rare_and_not_ruled_out() -> None:
    sharp = unsmoothed(torch.tensor([[0.98, 0.01, 0.01]]), 0.1)
    assert torch.allclose(sharp.sum(1), torch.ones(1))
    assert 0 < float(sharp[0, 1]) < 0.01
