import torch

from models.layers.drop_path import DropPath


def test_whole_samples_are_dropped_in_training_and_the_rest_grow() -> None:
    torch.manual_seed(1)
    drop = DropPath(0.25)
    out = drop(torch.ones(4000, 2, 3))
    each = out.flatten(1)
    assert bool((each == each[:, :1]).all())
    kept = each[:, 0] > 0
    torch.testing.assert_close(each[kept][:, 0], torch.full((int(kept.sum()),), 1 / 0.75))
    assert abs(float(kept.float().mean()) - 0.75) < 0.03


def test_nothing_is_dropped_in_evaluation_or_at_rate_0() -> None:
    ones = torch.ones(50, 2)
    assert torch.equal(DropPath(0.5).eval()(ones), ones)
    assert torch.equal(DropPath(0.0)(ones), ones)
