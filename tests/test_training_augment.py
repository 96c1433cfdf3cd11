import torch

from models.preprocess import to_tensor
from models.spec import ModelSpec
from models.training import augment
from models.training.augment import Random
from models.training.prepared import SIDE

SPEC = ModelSpec("m", 16, 48, mean=(0.5,) * 3, std=(0.25,) * 3, grey=True, view=0.75)
CPU = torch.device("cpu")


def smooth_crops(count: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(count, 1, 7, 7, generator=generator) * 255
    fine = torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic", align_corners=False)
    return fine.clamp(0, 255).to(torch.uint8).squeeze(1)


def test_without_changes_training_sees_what_serving_sees() -> None:
    crops = smooth_crops()
    maps = torch.eye(2, 3).repeat(len(crops), 1, 1)
    made = augment.normalise(augment.sample(crops[:, None].float() / 255, maps, SPEC), SPEC)
    served = to_tensor(crops[..., None].expand(-1, -1, -1, 3), SPEC)
    assert float((made - served).abs().mean()) < 0.02  # 0.4 % of the grey range


def test_the_same_seed_gives_the_same_pictures_and_another_others() -> None:
    crops, inside = smooth_crops(), torch.eye(2, 3).repeat(4, 1, 1) / SIDE
    first, again, other = (augment.stills(Random(seed, CPU), crops, inside, SPEC) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert first.shape == (4, 3, 48, 48)


def test_only_what_the_picture_did_not_show_is_replaced() -> None:
    crops = torch.rand(8, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    # the middle half was the picture
    inside = torch.tensor([[1.0, 0, -28], [0, 1, -28]]).repeat(8, 1, 1) / 56
    made = augment.surroundings(Random(3, CPU), crops, inside, probability=1.0)
    assert torch.equal(made[:, :, 29:84, 29:84], crops[:, :, 29:84, 29:84])
    assert float((made[:, :, :28] - crops[:, :, :28]).abs().mean()) > 0.1


def test_mirroring_happens_about_half_the_time() -> None:
    maps = augment.geometry(Random(4, CPU), 400)
    mirrored = float((maps[:, 0, 0] < 0).float().mean())
    assert 0.4 < mirrored < 0.6
    plain = augment.geometry(Random(4, CPU), 400, mirrored=False)
    torch.testing.assert_close(plain[:, 0, 0], maps[:, 0, 0].abs())
