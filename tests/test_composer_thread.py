from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from realtime.clock import now_ns
from realtime.picture.compose import Painter
from realtime.picture.thread import Composer
from realtime.values import Frame, Guard, Observation, Picture
from realtime.view import View, ViewControl
from tests.faces import a_face


class Viewer:
    """Collects pictures and lets a test wait for a number of them."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self._condition = threading.Condition()

    def __call__(self, picture: Picture) -> None:
        with self._condition:
            self.pictures.append(picture)
            self._condition.notify_all()

    def wait_for(self, count: int) -> list[Picture]:
        with self._condition:
            assert self._condition.wait_for(lambda: len(self.pictures) >= count, 5)
            return list(self.pictures)


def composer(
    notice: str = "", frozen_s: float = 60.0, grace_s: float = 1.0, view: Callable[[], View] = View
) -> Composer:
    def failed(name: str, error: BaseException) -> None:
        raise AssertionError(f"{name} failed") from error

    return Composer(
        "composer", blank_wh=(64, 48), source_notice=lambda: notice, notices=tuple, on_error=failed,
        grace_s=grace_s, frozen_s=frozen_s, view=view,
    )  # fmt: skip


def frame(seq: int) -> Frame:
    return Frame(seq, now_ns(), np.full((480, 640, 3), 90, np.uint8))


def test_a_frame_waits_for_its_own_observation() -> None:
    stage, viewer = composer(), Viewer()
    stage.pictures.subscribe(viewer)
    stage.worker.start()
    stage.observe(Observation(0, now_ns(), ()))
    stage.frames.put(frame(1))
    stage.observe(Observation(1, now_ns(), (a_face(),)))
    picture = viewer.wait_for(1)[0]
    assert picture.seq == 1
    assert (picture.image_rgb[:480] != 90).any(), "the face of this very frame is painted"
    assert stage.worker.stop()


def test_a_dead_vision_does_not_hold_pictures_up() -> None:
    stage, viewer = composer(grace_s=30.0), Viewer()
    stage.pictures.subscribe(viewer)
    stage.worker.start()
    for seq in range(1, 4):
        stage.frames.put(frame(seq))
        viewer.wait_for(seq)
    assert [each.seq for each in viewer.pictures] == [1, 2, 3]
    assert stage.worker.stop()


def test_a_lost_source_gives_dimmed_pictures_and_never_silence() -> None:
    stage, viewer = composer(notice="camera lost"), Viewer()
    stage.pictures.subscribe(viewer)
    stage.worker.start()
    blank = viewer.wait_for(1)[0]
    assert blank.size_wh[0] == 64
    stage.frames.put(frame(1))
    viewer.wait_for(2)
    last = viewer.wait_for(4)[-1]
    assert last.size_wh[0] == 640
    assert last.image_rgb[300, 100].max() < 45
    assert stage.worker.stop()


def test_without_viewers_nothing_is_painted() -> None:
    stage, viewer = composer(), Viewer()
    stage.worker.start()
    stage.frames.put(frame(1))
    stage.frames.put(frame(2))
    stage.pictures.subscribe(viewer)
    stage.frames.put(frame(3))
    viewer.wait_for(1)
    assert stage.worker.stop()
    assert stage.rate.count == len(viewer.pictures)


def test_an_observation_from_long_ago_is_not_painted() -> None:
    stage, viewer = composer(), Viewer()
    stage.pictures.subscribe(viewer)
    stage.worker.start()
    stage.observe(Observation(0, now_ns() - 2_000_000_000, (a_face(),)))
    stage.frames.put(frame(60))
    picture = viewer.wait_for(1)[0]
    assert (picture.image_rgb[:480] == 90).all(), "vision has failed: the face is elsewhere by now"
    assert stage.worker.stop()


def test_a_painter_that_fails_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    stage, viewer = composer(), Viewer()
    failed = threading.Event()

    def tell(name: str, _error: BaseException) -> None:
        told.append(name)
        failed.set()

    stage.worker._on_error = tell
    recovered = threading.Event()
    stage.worker._on_recovered = lambda _name: recovered.set()
    stage.pictures.subscribe(viewer)
    paint, fails = Painter.paint, [True]

    def fail_once(*args: Any, **keywords: Any) -> Picture:
        if fails:
            fails.pop()
            raise RuntimeError("cannot paint this")
        return paint(*args, **keywords)

    monkeypatch.setattr(Painter, "paint", fail_once)
    stage.worker.start()
    stage.frames.put(frame(1))
    assert failed.wait(10)
    stage.frames.put(frame(2))
    assert recovered.wait(10)
    assert [picture.seq for picture in viewer.wait_for(1)] == [2]
    assert told == ["composer"]
    assert stage.worker.stop()


# --- guarded views: a frame that vision has not seen is never painted -----------------------------------

KNOWN = Guard((), (), 0, 0, only_chosen=True)
GUARDED = [View(picture="mesh"), View(picture="mesh-only"), View(bystanders="blur")]


def marked(seq: int) -> Frame:
    """A frame whose corner is of a colour that nothing else has."""
    image = np.full((480, 640, 3), 90, np.uint8)
    image[400:, :200] = (250, 10, 200)
    return Frame(seq, now_ns(), image)


def shows_the_mark(picture: Picture) -> bool:
    return bool((picture.image_rgb[440, 100].astype(int) - (250, 10, 200) == 0).all())


@pytest.mark.parametrize("view", GUARDED)
def test_guarded_frames_without_vision_are_covered_and_say_why(view: View) -> None:
    stage, viewer = composer(frozen_s=0.05, view=lambda: view), Viewer()
    stage.pictures.subscribe(viewer)
    stage.worker.start()
    for seq in range(1, 4):
        stage.offer(marked(seq))
        viewer.wait_for(seq)
    assert stage.worker.stop()
    assert stage.frames.put_count == 0
    for picture in viewer.pictures:
        assert not shows_the_mark(picture)
        assert picture.image_rgb[:40, 30:].max() > 150, "the notice"


def test_a_guarded_frame_comes_with_its_own_observation_or_not_at_all() -> None:
    stage, viewer = composer(view=lambda: View(bystanders="blur")), Viewer()
    stage.pictures.subscribe(viewer)
    stage.worker.start()
    frames = [marked(seq) for seq in range(1, 5)]
    unfit = (None, Guard((), (), 0, 0, only_chosen=False))
    for image, guard in zip(frames, unfit, strict=False):
        stage.see((image, Observation(image.seq, image.t_ns, (), guard=guard)))
    stage.see((frames[3], Observation(4, frames[3].t_ns, (), guard=KNOWN)))
    picture = viewer.wait_for(1)[0]
    assert stage.worker.stop()
    assert [each.seq for each in viewer.pictures] == [4]
    assert shows_the_mark(picture), "what was seen is shown"


def test_a_view_that_is_guarded_from_now_on_shows_nothing_from_before() -> None:
    control = ViewControl()
    stage, viewer = composer(frozen_s=0.05, view=control), Viewer()
    stage.pictures.subscribe(viewer)
    stage.offer(marked(1))
    stage.worker.start()
    assert shows_the_mark(viewer.wait_for(1)[0])
    stage.offer(marked(2))
    control.change({"picture": "mesh"})
    count = len(viewer.pictures) + 1  # one may be in the making
    stage.offer(marked(3))
    later = viewer.wait_for(count + 2)[count:]
    assert later
    assert not any(shows_the_mark(each) for each in later)
    assert stage.worker.stop()
