import pytest
import torch
from torch import Tensor

from models.ifdd.splitting import Splitter, SplitterReading, interpolation_weights

WIDTH = 12


def _splitter(reading: SplitterReading | None = None, steps: int = 8) -> Splitter:
    torch.manual_seed(5)
    return Splitter(WIDTH, steps, reading)


def _features(steps: int = 8, batch: int = 2, side: int = 7) -> Tensor:
    return torch.randn(batch, steps, WIDTH, side, side, generator=torch.manual_seed(6))


def _still(splitter: Splitter) -> Splitter:
    with torch.no_grad():
        splitter.static_offset.weight.zero_()
        splitter.dynamic_offset.weight.zero_()
    return splitter


@pytest.mark.parametrize(("steps", "side"), [(8, 7), (16, 4), (6, 5), (4, 2)])
def test_shapes(steps: int, side: int) -> None:
    split = _splitter(steps=steps)(_features(steps, side=side))
    assert split.static.shape == split.dynamic.shape == (2, steps // 2, WIDTH, side, side)
    assert split.static_index.shape == split.dynamic_index.shape == (2, steps // 2)
    assert split.correlation.shape == (2, steps, steps)


def test_without_offsets_the_groups_are_exactly_the_even_and_the_odd_frames() -> None:
    features = _features()
    for splitter in (_still(_splitter()), _splitter(SplitterReading(adaptive=False))):
        split = splitter(features)
        torch.testing.assert_close(split.static, features[:, 0::2], rtol=0, atol=0)
        torch.testing.assert_close(split.dynamic, features[:, 1::2], rtol=0, atol=0)


def test_the_published_sampling_stretches_about_the_centre() -> None:
    # frames that hold their own number show where they are sampled
    features = torch.arange(8.0).view(1, 8, 1, 1, 1).expand(1, 8, WIDTH, 7, 7)
    split = _still(_splitter(SplitterReading(sampling="stretched")))(features)
    torch.testing.assert_close(
        split.static[0, :, 0, 0, 0], torch.tensor([0.0, 1.786, 4.071, 6.357]), atol=1e-3, rtol=0
    )
    torch.testing.assert_close(
        split.dynamic[0, :, 0, 0, 0], torch.tensor([0.643, 2.929, 5.214, 7.0]), atol=1e-3, rtol=0
    )


def test_the_correlation_is_scaled_by_the_descriptors_root_or_by_the_width() -> None:
    features = _features()
    by_tokens = _splitter()(features).correlation
    by_width = _splitter(SplitterReading(correlation_scale="width"))(features).correlation
    torch.testing.assert_close(by_tokens * 343**0.5, by_width * WIDTH)


@pytest.mark.parametrize("side", [4, 7, 9])
def test_steps_are_described_on_a_pooled_grid(side: int) -> None:
    splitter, features = _splitter(), _features(side=side)
    pooled = torch.nn.functional.adaptive_avg_pool2d(features.flatten(0, 1), 7)
    tokens = torch.nn.functional.gelu(splitter.describe(pooled)).view(2, 8, 343)
    torch.testing.assert_close(splitter.correlate(features), tokens @ tokens.mT / 343**0.5)


def test_positions_between_frames_mix_them_and_positions_outside_clamp() -> None:
    weights = interpolation_weights(torch.tensor([[-3.0, 0.0, 2.25, 7.0, 9.0]]), 8)
    expected = torch.zeros(1, 5, 8)
    expected[0, 0, 0] = expected[0, 1, 0] = expected[0, 3, 7] = expected[0, 4, 7] = 1
    expected[0, 2, 2], expected[0, 2, 3] = 0.75, 0.25
    torch.testing.assert_close(weights, expected)


def test_offsets_learn_when_frames_differ_and_only_then() -> None:
    for splitter in (_splitter(), _still(_splitter())):
        features = _features()
        weight = torch.randn(2, 4, WIDTH, 7, 7)
        split = splitter(features)
        torch.autograd.backward((weight * (split.static + split.dynamic)).sum())
        for layer in (splitter.static_offset, splitter.dynamic_offset):
            assert layer.weight.grad is not None
            assert float(layer.weight.grad.abs().max()) > 1e-3
            layer.weight.grad = None
        split = splitter(features[:, :1].expand(-1, 8, -1, -1, -1))
        torch.autograd.backward((weight * (split.static + split.dynamic)).sum())
        for layer in (splitter.static_offset, splitter.dynamic_offset):
            assert layer.weight.grad is not None
            assert float(layer.weight.grad.abs().max()) < 1e-4


def test_a_clamped_position_learns_nothing() -> None:
    positions = torch.tensor([[-0.5, 0.5, 7.5]], requires_grad=True)
    frames = torch.arange(8.0) ** 2
    torch.autograd.backward((interpolation_weights(positions, 8) @ frames).sum())
    assert positions.grad is not None
    assert positions.grad.tolist() == [[0.0, 1.0, 0.0]]


def test_equal_frames_give_the_same_result_for_all_offsets() -> None:
    equal = _features()[:, :1].expand(-1, 8, -1, -1, -1)
    moved, fixed = _splitter(), _still(_splitter())
    torch.testing.assert_close(moved(equal).static, fixed(equal).static)
    torch.testing.assert_close(moved(equal).dynamic, fixed(equal).dynamic)


def test_offsets_reach_two_steps_at_most() -> None:
    splitter = _splitter()
    with torch.no_grad():
        splitter.static_offset.weight.fill_(50.0)
        splitter.dynamic_offset.weight.fill_(-50.0)
    split = splitter(_features())
    torch.testing.assert_close(split.static_index[0], torch.tensor([2.0, 4.0, 6.0, 8.0]))
    torch.testing.assert_close(split.dynamic_index[0], torch.tensor([-1.0, 1.0, 3.0, 5.0]))


def test_indexes_stay_in_float32_in_half_precision() -> None:
    features = _features()
    wanted = _splitter()(features)
    lowered = _splitter().bfloat16()(features.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        mixed = _splitter()(features)
    for each in (lowered, mixed):
        assert each.static_index.dtype == torch.float32
        torch.testing.assert_close(each.static_index, wanted.static_index, atol=0.05, rtol=0)
        assert each.static.shape == wanted.static.shape
