"""The demo clip is ground truth: what the landmarks measure follows its schedule."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable
from typing import Any

import av
import cv2
import numpy as np
import pytest

from assets.demo import make_demo
from realtime.values import FloatArray, ImageU8
from realtime.vision.landmarks import FaceMesh
from realtime.vision.quality import head_angles_deg

CLIP, NOTES = make_demo.FOLDER / "demo.mp4", make_demo.FOLDER / "demo.json"
MEASURES = (
    "mouth_width",
    "mouth_opening",
    "eye_openness",
    "brow_height",
    "inner_brow_height",
    "corner_drop",
    "yaw",
    "pitch",
)
Measured = dict[str, np.ndarray[Any, np.dtype[np.float64]]]


@pytest.fixture(scope="module")
def notes() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(NOTES.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def frames() -> list[ImageU8]:
    with av.open(str(CLIP)) as container:
        return [np.asarray(each.to_ndarray(format="rgb24"), np.uint8) for each in container.decode(video=0)]


@pytest.fixture(scope="module")
def measured(frames: list[ImageU8]) -> Measured:
    """Each measure over all frames, NaN where no face was found."""
    rows = np.full((len(frames), len(MEASURES)), np.nan)
    with FaceMesh(max_faces=2) as mesh:
        for row, image in zip(rows, frames, strict=True):
            faces = mesh.find(image)
            if len(faces) == 1:
                row[:] = measure(faces[0])
    return dict(zip(MEASURES, rows.T, strict=True))


def measure(landmarks: FloatArray) -> tuple[float, ...]:
    def apart(a: int, b: int) -> float:
        return float(np.linalg.norm(landmarks[a, :2] - landmarks[b, :2]))

    face = float(np.linalg.norm(landmarks[234] - landmarks[454]))
    yaw, pitch, _ = head_angles_deg(landmarks)
    down = (landmarks[152] - landmarks[10])[:2]
    down /= np.linalg.norm(down)
    return (
        apart(61, 291) / face,
        apart(13, 14) / face,
        (apart(159, 145) / apart(33, 133) + apart(386, 374) / apart(362, 263)) / 2,
        (apart(105, 159) + apart(334, 386)) / 2 / face,
        (apart(55, 133) + apart(285, 362)) / 2 / face,
        float((landmarks[[61, 291], :2].mean(axis=0) - landmarks[[13, 14], :2].mean(axis=0)) @ down) / face,
        yaw,
        pitch,
    )


def at_apex(notes: dict[str, Any], values: np.ndarray[Any, Any], action: str) -> list[float]:
    """The mean over each apex of an action."""
    return [
        float(
            np.nanmean(
                values[round(each["apex_start"] * notes["fps"]) : round(each["apex_end"] * notes["fps"]) + 1]
            )
        )
        for each in notes["schedule"]
        if each["action"] == action
    ]


def test_the_notes_describe_this_clip(notes: dict[str, Any], frames: list[ImageU8]) -> None:
    assert notes["sha256"] == hashlib.sha256(CLIP.read_bytes()).hexdigest()
    assert notes["frames"] == len(frames) == notes["fps"] * notes["seconds"]
    assert frames[0].shape == (notes["size"][1], notes["size"][0], 3)
    assert CLIP.stat().st_size < 3_000_000
    assert make_demo.describe(CLIP) == NOTES.read_text(encoding="utf-8")


def test_the_clip_can_start_before_it_is_all_read() -> None:
    data = CLIP.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_the_schedule_covers_the_clip_without_gap_or_overlap(notes: dict[str, Any]) -> None:
    schedule = notes["schedule"]
    assert schedule[0]["start"] == 0
    assert schedule[-1]["end"] == notes["seconds"]
    for before, after in itertools.pairwise(schedule):
        assert before["end"] == after["start"]
    for each in schedule:
        assert each["start"] <= each["apex_start"] < each["apex_end"] <= each["end"]
    counts = {name: sum(each["action"] == name for each in schedule) for name in make_demo.MUSCLES}
    assert counts.pop("blink") >= 4
    assert set(counts.values()) == {1}
    long = next(each for each in schedule if each["action"] == "eye_closure")
    assert long["apex_end"] - long["apex_start"] == pytest.approx(2.5)


def test_the_clip_loops(frames: list[ImageU8]) -> None:
    """From the last frame to the first is no further than a few frames of quiet."""

    def jump(a: ImageU8, b: ImageU8) -> float:
        small = (cv2.resize(each, (80, 60), interpolation=cv2.INTER_AREA).astype(np.int16) for each in (a, b))
        return float(np.abs(next(small) - next(small)).mean())

    assert jump(frames[-1], frames[0]) < 1.5 * jump(frames[0], frames[5])
    assert jump(frames[0], frames[135]) > 2 * jump(frames[-1], frames[0])  # a smile would be seen


def test_a_face_is_found(measured: Measured) -> None:
    found = np.isfinite(measured["yaw"])
    assert found.mean() >= 0.98


@pytest.mark.parametrize(
    ("action", "name", "follows"),
    [
        ("smile", "mouth_width", lambda here, rest: here > 1.3 * rest),
        ("smile", "mouth_opening", lambda here, rest: here > rest + 0.03),
        ("brows_raised_open_mouth", "mouth_opening", lambda here, rest: here > rest + 0.1),
        ("brows_raised_open_mouth", "brow_height", lambda here, rest: here > 1.25 * rest),
        ("frown", "inner_brow_height", lambda here, rest: here < 0.9 * rest),
        ("frown", "corner_drop", lambda here, rest: here > rest + 0.01),
        ("smile", "corner_drop", lambda here, rest: here < rest - 0.01),
        ("blink", "eye_openness", lambda here, rest: here < 0.4 * rest),
        ("eye_closure", "eye_openness", lambda here, rest: here < 0.4 * rest),
        ("yawn", "mouth_opening", lambda here, rest: here > rest + 0.2),
        ("yawn", "eye_openness", lambda here, rest: here < 0.8 * rest),
        ("turn_left", "yaw", lambda here, rest: here > rest + 14),
        ("turn_right", "yaw", lambda here, rest: here < rest - 14),
        ("look_down", "pitch", lambda here, rest: here < rest - 14),
    ],
)
def test_each_action_shows(
    notes: dict[str, Any], measured: Measured, action: str, name: str, follows: Callable[[float, float], bool]
) -> None:
    rest = float(np.median(at_apex(notes, measured[name], "neutral")))
    here = at_apex(notes, measured[name], action)
    assert here, f"{action} is not in the schedule"
    assert all(follows(each, rest) for each in here), f"{name} in {action}: {here}, in neutral: {rest}"


def test_nothing_happens_in_neutral(notes: dict[str, Any], measured: Measured) -> None:
    for name, allowed in (
        ("mouth_width", 0.03), ("mouth_opening", 0.02), ("eye_openness", 0.05), ("yaw", 4), ("pitch", 4),
    ):  # fmt: skip
        values = at_apex(notes, measured[name], "neutral")
        assert max(values) - min(values) < allowed, name


def test_blinks_are_short_and_the_closure_is_long(notes: dict[str, Any], measured: Measured) -> None:
    eyes = measured["eye_openness"]
    rest = float(np.median(at_apex(notes, eyes, "neutral")))
    closed = np.flatnonzero(np.diff(np.concatenate([[0], eyes < 0.4 * rest, [0]]).astype(int)))
    spans_s = (closed[1::2] - closed[::2]) / notes["fps"]
    assert (spans_s > 2.2).sum() == 1
    assert ((spans_s > 0.03) & (spans_s < 0.4)).sum() == sum(
        e["action"] == "blink" for e in notes["schedule"]
    )


def test_strength_is_whole_at_the_apex_and_nothing_outside() -> None:
    action = make_demo.Action("smile", 1.0, 2.0, 3.0, 4.0)
    assert [action.strength(t) for t in (1.0, 1.5, 2.0, 3.0, 3.5, 4.0)] == [0, 0.5, 1, 1, 0.5, 0]
