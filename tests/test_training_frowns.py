from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from models.training import frowns
from models.training.face_finder import Finder
from models.training.prepare import Item, prepare
from models.training.prepared import SIDE, Prepared, load_prepared
from realtime.vision.face_rig import FaceFrame

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"
SMILES_S = 4.5
CORNERS, MIDDLE_OF_LIP, INNER_BROWS, INNER_EYES = (61, 291), 13, (107, 336), (133, 362)


@pytest.fixture(scope="module")
def smile() -> Prepared:
    video = cv2.VideoCapture(str(DEMO))
    video.set(cv2.CAP_PROP_POS_FRAMES, round(SMILES_S * video.get(cv2.CAP_PROP_FPS)))
    image = cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2RGB)
    video.release()
    return prepare([Item(np.asarray(image, np.uint8), frowns.HAPPY, 0)], progress=False)


def shape(landmarks: npt.NDArray[np.floating[Any]]) -> tuple[float, float]:
    """How far the corners of the mouth are above its middle, and the brows above the eyes; face widths."""
    points = landmarks.astype(np.float64)
    face = FaceFrame(points).from_picture(points)[:, 1]
    corners = face[MIDDLE_OF_LIP] - face[list(CORNERS)].mean()
    return float(corners), float(face[list(INNER_EYES)].mean() - face[list(INNER_BROWS)].mean())


def test_a_smile_becomes_a_frown_that_the_landmarker_sees(smile: Prepared) -> None:
    drawn = frowns.frowning(smile, np.array([0]), np.random.default_rng(1))
    assert drawn.crops.shape == (1, SIDE, SIDE)
    seen = Finder().find(np.repeat(drawn.crops[0][..., None], 3, axis=2))
    assert seen is not None
    corners, brows = shape(smile.landmarks[0])
    assert shape(seen)[0] < corners - 0.05
    # the landmarker follows brows of a few pixels badly: these are as drawn
    assert shape(drawn.landmarks[0])[1] < brows - 0.02
    # what is written down beside the picture is what it shows
    assert np.abs(seen[:468, :2] - drawn.landmarks[0, :468, :2]).mean() < 2


def test_only_happy_faces_with_mouths_not_wide_open_are_taken(smile: Prepared) -> None:
    rng = np.random.default_rng(1)
    assert frowns.smiling(smile, 5, rng).tolist() == [0]
    smile_at = np.array([0, 0, 0])
    three = smile.take(smile_at)
    three.labels[1] = 0
    three.landmarks[2, 14, 1] += 30  # the lower lip
    assert frowns.smiling(three, 5, rng).tolist() == [0]
    assert frowns.smiling(three, 0, rng).tolist() == []


def test_the_tool_writes_prepared_pictures(smile: Prepared, tmp_path: Path) -> None:
    smile.save(tmp_path / "in.npz")
    arguments = ["--data", str(tmp_path / "in.npz"), "--out", str(tmp_path / "out.npz")]
    assert frowns.main(arguments) == 0
    drawn = load_prepared(tmp_path / "out.npz")
    assert drawn.labels.tolist() == [frowns.HAPPY]
    assert not np.array_equal(drawn.crops, smile.crops)


def test_pictures_without_a_smile_are_one_line(
    smile: Prepared, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = smile.take(np.array([0]))
    other.labels[0] = 0
    other.save(tmp_path / "in.npz")
    assert frowns.main(["--data", str(tmp_path / "in.npz"), "--out", str(tmp_path / "out.npz")]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "frowns: expected faces that can be drawn, got none"
    assert not (tmp_path / "out.npz").exists()
