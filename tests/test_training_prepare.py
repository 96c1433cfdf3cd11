from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models.errors import ModelError
from models.preprocess import to_tensor
from models.spec import ModelSpec
from models.training import prepare
from models.training.face_finder import Finder
from models.training.prepared import SIDE, load_prepared
from realtime.values import FloatArray, ImageU8
from realtime.vision.align import align_still
from tests.faces import face_landmarks


def picture(seed: int = 0, side: int = 300) -> ImageU8:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


class FakeFinder:
    """Finds a face in the middle of every picture that is not flat."""

    def find(self, image: ImageU8) -> FloatArray | None:
        if image.std() < 1:
            return None
        return face_landmarks(image.shape[1] / 2, image.shape[0] / 2, image.shape[0] / 2)


@pytest.fixture
def fake_finder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "_FINDER", [FakeFinder()])


def items(count: int) -> list[prepare.Item]:
    pictures = [picture(seed) for seed in range(count)]
    pictures[-1] = np.full((300, 300, 3), 90, np.uint8)
    return [prepare.Item(each, number % 7, number % 3) for number, each in enumerate(pictures)]


@pytest.mark.usefixtures("fake_finder")
def test_prepared_crops_are_the_live_crops_to_the_model() -> None:
    spec = ModelSpec("m", 16, 48, grey=True, view=0.75)
    found = prepare.prepare(items(2), progress=False)
    landmarks = FakeFinder().find(picture(0))
    assert landmarks is not None
    live = to_tensor(torch.from_numpy(align_still(picture(0), landmarks))[None], spec)
    stored = to_tensor(torch.from_numpy(found.crops[:1])[..., None].expand(-1, -1, -1, 3), spec)
    assert float((live - stored).abs().mean()) < 1 / 255


@pytest.mark.usefixtures("fake_finder")
def test_a_picture_without_a_face_is_marked_and_put_where_faces_are() -> None:
    found = prepare.prepare(items(5), progress=False)
    assert found.found.tolist() == [True] * 4 + [False]
    assert np.isnan(found.landmarks[-1].astype(float)).all()
    np.testing.assert_allclose(found.inside[-1], np.median(found.inside[:4], axis=0), atol=0.02)


@pytest.mark.usefixtures("fake_finder")
def test_saved_pictures_come_back_and_splits_are_taken(tmp_path: Path) -> None:
    found = prepare.prepare(items(7), progress=False)
    found.save(tmp_path / "a.npz")
    again = load_prepared(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.crops, found.crops)
    assert len(again.split("public")) == 2
    assert again.crops.shape == (7, SIDE, SIDE)
    with pytest.raises(ModelError, match="expected one of train, public, test, got 'val'"):
        again.split("val")


def test_persons_are_in_one_split_for_ever() -> None:
    assert [prepare.held_out(f"person{number}") for number in range(6)] == [
        prepare.held_out(f"person{number}") for number in range(6)
    ]
    share = np.mean([prepare.held_out(f"person{number}") for number in range(2000)])
    assert 0.3 < share < 0.37


def test_photographs_are_read_by_their_table(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        cv2.imwrite(str(tmp_path / name), picture(1, 64))
    (tmp_path / "labels.csv").write_text("image,expression,person\na.jpg,happy,p1\nb.jpg,sad,p1\n")
    first, second = prepare.read_source(f"faces:{tmp_path}")
    assert (first.label, second.label) == (3, 5)
    assert first.split == second.split  # the same person
    (tmp_path / "labels.csv").write_text("image,expression,person\na.jpg,bored,p1\n")
    with pytest.raises(ModelError, match="got 'bored'"):
        prepare.read_source(f"faces:{tmp_path}")


@pytest.mark.parametrize("source", ["fer2013", "films:/x", "faces:/nowhere"])
def test_a_wrong_source_is_named(source: str) -> None:
    with pytest.raises(ModelError, match="data: expected"):
        prepare.read_source(source)


def test_faces_on_small_pictures_are_found(shared_data: Path) -> None:
    with np.load(shared_data / "fer2013.npz") as file:
        images = file["images"][:4]
    finder = Finder()
    found = [finder.find(np.repeat(image[..., None], 3, axis=2)) for image in images]
    inside = [points for points in found if points is not None and 8 < points[:, 0].mean() < 40]
    assert len(inside) >= 3
