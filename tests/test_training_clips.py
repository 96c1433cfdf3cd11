import pytest
import torch

from models.spec import ModelSpec
from models.training import augment, clips
from models.training.augment import Random
from models.training.features import Encoded
from models.training.prepared import SIDE

CPU = torch.device("cpu")
SPEC = ModelSpec("m", 16, 32, mean=(0.5,) * 3, std=(0.25,) * 3, grey=True, view=0.75)


def test_every_clip_shows_its_expression_for_a_third_of_its_frames() -> None:
    curve = clips.strengths(Random(1, CPU), torch.ones(500), 16)
    assert float(curve.min()) >= 0
    assert float(curve.max()) <= 1
    assert 0.75 < float(curve.amax(1).mean()) < 0.95  # hard clips do not reach all of it
    assert float(clips.strengths(Random(1, CPU), torch.zeros(50), 64).amax(1).min()) > 0.9  # easy ones do
    assert bool(((curve > 0.4).float().mean(1) >= 0.3).all())
    assert bool((curve[:, 0] < 0.2).any())  # some begin at rest
    assert bool((curve[:, -1] < 0.2).any())  # and some end there


def test_pictures_between_two_strengths_are_blended() -> None:
    levels = torch.stack([torch.full((2, 2), value) for value in (0.0, 1.0, 4.0)])[None]
    made = clips.at_strengths(levels, (0.0, 0.5, 1.0), torch.tensor([[0.0, 0.25, 0.5, 0.75, 1.0]]))
    assert made[0, :, 0, 0].tolist() == pytest.approx([0, 0.5, 1, 2.5, 4])


def test_compression_leaves_alone_or_coarsens() -> None:
    pixels = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    made = clips.compress(pixels, torch.tensor([0.0, 0.02, 0.3]))
    error = (made - pixels).abs().mean((1, 2, 3))
    assert float(error[0]) == 0
    assert 0 < float(error[1]) < float(error[2])


def test_motion_is_smooth_beside_the_pose_of_the_clip() -> None:
    maps = clips.motion(Random(2, CPU), 64, 16, 1.0).view(64, 16, 6)
    within = (maps[:, 1:] - maps[:, :-1]).abs().mean()
    between = (maps[1:] - maps[:-1]).abs().mean()
    assert float(within) < 0.2 * float(between)


def test_made_clips_have_the_models_shape_and_change_over_time() -> None:
    levels = torch.randint(0, 256, (5, 2, SIDE, SIDE), dtype=torch.uint8)
    made, shown = clips.make(Random(3, CPU), levels, None, (0.0, 1.0), SPEC, 6)
    assert made.shape == (5, 6, 3, 32, 32)
    assert shown.shape == (5, 6)
    assert bool(torch.isfinite(made).all())
    assert float((made[:, 1:] - made[:, :-1]).abs().mean()) > 0.01


def test_the_harder_a_clip_the_further_it_is_from_its_face() -> None:
    face = torch.rand(64, 1, 7, 7, generator=torch.Generator().manual_seed(1))
    levels = (torch.nn.functional.interpolate(face, (SIDE, SIDE), mode="bilinear") * 255).to(torch.uint8)
    shown = augment.sample(levels / 255, torch.eye(2, 3).expand(64, 2, 3), SPEC)  # N 1 S S
    ways = torch.stack([shown, shown.flip(3)])[:, :, 0, None]  # half of the clips are mirrored

    def error(hardness: float | None) -> float:
        made = clips.make(Random(4, CPU), levels, None, (1.0,), SPEC, 6, strength=0, hardness=hardness).frames
        off = (made[:, :, 0] * 0.25 + 0.5 - ways).abs()
        return float(off.mean((2, 3, 4)).amin(0).mean())

    assert error(0.0) < error(0.1) < error(0.5) < error(1.0)
    assert error(0.0) < 0.5 * error(1.0)
    assert error(0.0) < error(None) < error(1.0)  # training draws one for each clip


def test_a_clip_of_few_frames_repeats_them_in_order() -> None:
    features = torch.arange(3.0).view(1, 3, 1, 1, 1).half()
    encoded = Encoded(features, torch.zeros(1, dtype=torch.int64))

    def window(frames: int, random: Random | None = None) -> torch.Tensor:
        return encoded.window(torch.tensor([0]), encoded.places(1, frames, random))[0, :, 0, 0, 0]

    even = window(6)
    assert even.tolist() == [0, 0, 1, 1, 2, 2]
    drawn = window(16, Random(1, CPU))
    assert drawn.tolist() == sorted(drawn.tolist())
    assert set(drawn.tolist()) == {0.0, 1.0, 2.0}


def test_it_is_known_how_much_each_frame_shows() -> None:
    levels = torch.zeros(200, 2, SIDE, SIDE, dtype=torch.uint8)
    levels[:, 1] = 200  # the stronger, the brighter
    frames, shown = clips.make(Random(5, CPU), levels, None, (0.0, 1.0), SPEC, 16, hardness=0.0)
    bright = frames.mean((2, 3, 4)) * 0.25 + 0.5
    torch.testing.assert_close(bright, shown * 200 / 255, atol=0.02, rtol=0)


def test_a_stranger_shows_nothing_and_a_late_frame_what_the_one_before_showed() -> None:
    clip = torch.arange(1.0, 17).view(1, 16, 1, 1).expand(300, 16, 2, 2) / 16
    noted = clip[:, :, 0, 0].clone()
    made, shown = clips.stumble(Random(6, CPU), clip.contiguous(), noted, torch.zeros(300))
    torch.testing.assert_close(shown, made[:, :, 0, 0])
    assert not torch.equal(shown, noted)
    strange = clips.stumble(Random(6, CPU), clip.contiguous(), noted, torch.ones(300))[1]
    assert set((strange == 0).sum(1).tolist()) == {0, 1, 2}  # fewer than two where it comes last
