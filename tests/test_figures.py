from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models import ModelError
from models.convert import DATASET_LABELS
from models.training.clip_answers import Answers
from models.training.figures import (
    COLOURS,
    DYNAMIC,
    STATIC,
    draw_answers,
    draw_confusion,
    draw_features,
    draw_positions,
)
from realtime.values import ImageU8

MAFW = DATASET_LABELS["mafw"]


def count_of(image: ImageU8, colour: tuple[int, ...]) -> int:
    return int((image == np.array(colour)).all(2).sum())


def test_a_diagonal_matrix_is_dark_on_the_diagonal_only(tmp_path: Path) -> None:
    draw_confusion(np.eye(11, dtype=int).tolist(), MAFW, tmp_path / "a.png")
    image = cv2.imread(str(tmp_path / "a.png"))
    side = image.shape[0]
    cell = 72
    first = side - 8 - 11 * cell
    left = image.shape[1] - 8 - 11 * cell
    for row, column in ((0, 0), (10, 10), (3, 4), (10, 0)):
        pixel = image[first + row * cell + 8, left + column * cell + 8]
        assert (int(pixel[2]) < 100) == (row == column)


def test_labels_that_do_not_fit_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="labels: expected 2, got 11"):
        draw_confusion([[1, 0], [0, 1]], MAFW, tmp_path / "a.png")


def test_features_of_two_far_groups_lie_apart_on_the_map(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    targets = np.repeat([0, 1], 30)
    features = random.normal(size=(60, 8)) + 40 * targets[:, None]
    draw_features(features, targets.astype(np.int64), ("a", "b"), tmp_path / "a.png")
    again = tmp_path / "b.png"
    draw_features(features, targets.astype(np.int64), ("a", "b"), again)
    assert again.read_bytes() == (tmp_path / "a.png").read_bytes()
    image = cv2.imread(str(again))[:, :760]
    places = [np.argwhere((image == np.array(COLOURS[label])).all(2)) for label in (0, 1)]
    centres = [place.mean(0) for place in places]
    spread = max(float(place.std(0).max()) for place in places)
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread


def test_positions_stand_where_they_were_sampled(tmp_path: Path) -> None:
    static, dynamic = np.full((9, 2), 0.0), np.full((9, 2), 7.4)  # the latter beyond the last step of 8
    draw_positions(static, dynamic, 8, tmp_path / "a.png")
    image = cv2.imread(str(tmp_path / "a.png"))[40:]
    for colour, low, high in ((STATIC, 60, 60 + 900 / 8), (DYNAMIC, 60 + 7 * 900 / 8, 960)):
        columns = np.flatnonzero((image == np.array(colour)).all(2).any(0))
        assert low <= columns.min()
        assert columns.max() <= high


def test_few_clips_get_all_pictures_but_the_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = Answers(torch.eye(2), torch.arange(2), torch.zeros(2, 3), None, None, 0)
    draw_answers(answers, ("a", "b"), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["confusion.png"]
    assert "expected at least 5 rows, got 2" in capsys.readouterr().err
