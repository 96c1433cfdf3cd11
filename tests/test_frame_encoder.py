import pytest
import torch

from models import ModelError
from models.backbones.frame_encoder import ENCODERS, create_encoder, feature_side


@pytest.mark.parametrize("name", sorted(ENCODERS))
@torch.no_grad()
def test_every_encoder_reads_each_frame_alone_at_a_sixteenth_of_the_side(name: str) -> None:
    torch.manual_seed(1)
    encoder = create_encoder(name, 32).eval()
    frames = torch.randn(3, 3, 48, 48)
    features = encoder(frames)
    assert features.shape == (3, 32, 3, 3)
    torch.testing.assert_close(features[1:2], encoder(frames[1:2]), rtol=1e-4, atol=1e-4)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ModelError, match=r"encoder: expected one of .*, got 'huge'"):
        create_encoder("huge", 32)
    for size in (0, 8, 15):
        with pytest.raises(ModelError, match=f"size: expected at least 16 pixels, got {size}"):
            feature_side(size)


@pytest.mark.parametrize("size", [16, 36, 40, 64])
def test_the_stated_side_is_that_of_the_features(size: int) -> None:
    encoder = create_encoder("plain", 32).eval()
    assert encoder(torch.randn(1, 3, size, size)).shape[2:] == (feature_side(size), feature_side(size))
