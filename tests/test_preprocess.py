import pytest
import torch

from models.errors import ModelError
from models.preprocess import to_tensor
from models.spec import ModelSpec


def test_values_are_scaled_and_normalised_in_rgb_order() -> None:
    spec = ModelSpec("m", 16, 4, mean=(0.5, 0.0, 1.0), std=(0.25, 1.0, 0.5))
    crops = torch.zeros(2, 4, 4, 3, dtype=torch.uint8)
    crops[..., 0], crops[..., 2] = 255, 51
    out = to_tensor(crops, spec)
    assert out.shape == (2, 3, 4, 4)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out[0, :, 0, 0], torch.tensor([2.0, 0.0, -1.6]))


def test_a_finer_picture_is_averaged_and_not_sampled() -> None:
    spec = ModelSpec("m", 16, 8)
    stripes = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    stripes[:, :, ::2] = 255
    out = to_tensor(stripes, spec)
    assert float((out - 0.5).abs().max()) < 0.05


def test_each_crop_is_read_alone() -> None:
    spec = ModelSpec("m", 16, 16)
    crops = torch.randint(0, 256, (3, 40, 30, 3), dtype=torch.uint8, generator=torch.manual_seed(1))
    torch.testing.assert_close(to_tensor(crops, spec)[1:2], to_tensor(crops[1:2], spec))


def test_a_grey_model_sees_luma_three_times() -> None:
    spec = ModelSpec("m", 16, 2, grey=True)
    crops = torch.tensor([255, 0, 0], dtype=torch.uint8).expand(1, 2, 2, 3)
    torch.testing.assert_close(to_tensor(crops, spec), torch.full((1, 3, 2, 2), 0.299))


@pytest.mark.parametrize(
    "crops",
    [torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(1, 8, 8, 3), torch.zeros(8, 8, 3).byte()],
)
def test_another_layout_or_type_is_refused(crops: torch.Tensor) -> None:
    with pytest.raises(ModelError, match=r"crops: expected \(N,H,W,3\) torch.uint8, got"):
        to_tensor(crops, ModelSpec("m", 16, 8))
