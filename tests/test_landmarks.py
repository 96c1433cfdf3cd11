"""Face landmarks by the real mesh, on the demo clip's face."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from realtime.values import ImageU8
from realtime.vision import landmarks
from realtime.vision.landmarks import LOOK_EACH, FaceMesh

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"


@pytest.fixture(scope="module")
def pictures() -> list[ImageU8]:
    found = []
    with av.open(str(DEMO)) as clip:
        for frame in clip.decode(video=0):
            found.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            if len(found) == 40:
                break
    return found


@pytest.fixture
def mesh() -> Iterator[FaceMesh]:
    with FaceMesh(2) as made:
        yield made


def beside(left: ImageU8, right: ImageU8) -> ImageU8:
    """Two pictures side by side on one of their size."""
    half = [np.asarray(cv2.resize(each, (320, 240)), np.uint8) for each in (left, right)]
    return np.pad(np.concatenate(half, axis=1), ((120, 120), (0, 0), (0, 0)), mode="edge")


def test_a_lone_face_is_followed_as_by_a_mesh_for_one(mesh: FaceMesh, pictures: list[ImageU8]) -> None:
    with FaceMesh(1) as single:
        for each in pictures:
            ours, theirs = mesh.find(each), single.find(each)
            assert len(ours) == len(theirs) == 1
            np.testing.assert_allclose(ours[0], theirs[0], atol=1e-3)


def test_a_second_face_is_seen_soon_and_kept_until_it_leaves(mesh: FaceMesh, pictures: list[ImageU8]) -> None:
    for each in pictures[:15]:
        assert len(mesh.find(each)) == 1
    counts = [len(mesh.find(beside(each, pictures[0]))) for each in pictures[15:30]]
    first = counts.index(2)
    assert first <= LOOK_EACH
    assert set(counts[first:]) == {2}
    centres = sorted(each[:, 0].mean() for each in mesh.find(beside(pictures[30], pictures[0])))
    assert centres[0] < 320 < centres[1]
    counts = [len(mesh.find(each)) for each in [*pictures, *pictures[::-1]]]
    assert set(counts[-LOOK_EACH:]) == {1}


def test_two_faces_are_seen_at_once_in_the_first_picture(mesh: FaceMesh, pictures: list[ImageU8]) -> None:
    assert len(mesh.find(beside(pictures[0], pictures[9]))) == 2


def test_no_face_gives_none_and_a_closed_mesh_is_refused(mesh: FaceMesh) -> None:
    grey = np.full((480, 640, 3), 128, np.uint8)
    assert mesh.find(grey) == []
    mesh.close()
    mesh.close()
    with pytest.raises(ValueError, match="expected an open landmarker"):
        mesh.find(grey)


def test_one_that_hangs_while_it_is_made_keeps_no_other_from_being_made(
    capfd: pytest.CaptureFixture[str], pictures: list[ImageU8]
) -> None:
    entered, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        with landmarks._quiet():
            entered.set()
            let_go.wait(60)

    hung = threading.Thread(target=hang)
    hung.start()
    assert entered.wait(10)
    with FaceMesh(1) as made:
        assert len(made.find(pictures[0])) == 1
    os.write(2, b"not heard\n")
    let_go.set()
    hung.join(10)
    os.write(2, b"heard\n")
    told = capfd.readouterr().err.splitlines()
    assert told.count("heard") == 1
    assert "not heard" not in told
    with pytest.raises(UserWarning, match="still an error"):
        warnings.warn("still an error", stacklevel=1)


def test_what_python_says_while_one_is_made_is_heard() -> None:
    program = """
import logging, os, sys
from realtime.logs import configure
from realtime.vision import landmarks
configure("text", "info")
for number in (1, 2):
    with landmarks._quiet():
        logging.getLogger("a").warning("line %d", number)
        print("printed", number, file=sys.stderr)
        os.write(2, b"chatter\\n")
    logging.getLogger("a").warning("after %d", number)
    assert sys.stderr is sys.__stderr__
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stderr.splitlines() == [
        line.format(number)
        for number in (1, 2)
        for line in ("WARNING a: line {}", "printed {}", "WARNING a: after {}")
    ]
