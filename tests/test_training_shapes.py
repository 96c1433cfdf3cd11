from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training import shapes
from models.training.face_finder import Finder
from models.training.frowns import HAPPY
from models.training.prepare import Item, prepare
from models.training.prepared import SIDE, Prepared
from tests.test_training_frowns import shape

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"


@pytest.fixture(scope="module")
def rest_and_smile() -> Prepared:
    video = cv2.VideoCapture(str(DEMO))
    items = []
    for time_s, label in ((0.8, shapes.NEUTRAL), (4.5, HAPPY)):
        video.set(cv2.CAP_PROP_POS_FRAMES, round(time_s * video.get(cv2.CAP_PROP_FPS)))
        image = cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2RGB)
        items.append(Item(np.asarray(image, np.uint8), label, 0))
    video.release()
    return prepare(items, progress=False)


def test_a_smile_goes_back_to_rest_and_its_full_strength_is_the_photograph(rest_and_smile: Prepared) -> None:
    pictures, labels, failed = shapes.draw_faces(rest_and_smile, np.arange(2), np.random.default_rng(1))
    assert pictures.shape == (2, len(shapes.STRENGTHS), SIDE, SIDE)
    assert labels.tolist() == [shapes.NEUTRAL, HAPPY]
    assert failed == 0
    assert np.array_equal(pictures[:, -1], rest_and_smile.crops)
    rest, smile = (shape(each)[0] for each in rest_and_smile.landmarks)
    seen = Finder().find(np.repeat(pictures[1, 0][..., None], 3, axis=2))
    assert seen is not None
    drawn = shape(seen)[0]  # how far the corners of the mouth are up
    assert rest < smile
    assert abs(drawn - rest) < 0.5 * abs(smile - rest)
