from __future__ import annotations

from realtime.clock import to_ns
from realtime.vision.faces import FaceTracker
from tests.faces import face_landmarks


def test_two_crossing_orders_keep_their_ids() -> None:
    tracker = FaceTracker(2)
    left, right = face_landmarks(x=150), face_landmarks(x=480)
    first = tracker.update(0, [left, right])
    assert first.found == (1, 2)
    swapped = tracker.update(to_ns(0.033), [face_landmarks(x=485), face_landmarks(x=155)])
    assert swapped.found == ()
    centres = {face_id: points[:, 0].mean() for face_id, points in swapped.faces}
    assert centres[1] < centres[2]


def test_a_face_is_lost_after_the_time_and_its_id_is_not_reused() -> None:
    tracker = FaceTracker(2, lost_after_s=0.5)
    tracker.update(0, [face_landmarks()])
    assert tracker.update(to_ns(0.5), []).lost == ()
    assert tracker.update(to_ns(0.51), []).lost == (1,)
    assert tracker.update(to_ns(0.6), [face_landmarks()]).found == (2,)


def test_a_short_miss_keeps_the_id() -> None:
    tracker = FaceTracker(2)
    tracker.update(0, [face_landmarks()])
    tracker.update(to_ns(0.2), [])
    again = tracker.update(to_ns(0.3), [face_landmarks(x=330)])
    assert [face_id for face_id, _ in again.faces] == [1]


def test_doubles_and_faces_over_the_limit_are_left_out() -> None:
    tracker = FaceTracker(1)
    seen = tracker.update(0, [face_landmarks(), face_landmarks(x=322), face_landmarks(x=600, size=50)])
    assert [face_id for face_id, _ in seen.faces] == [1]


def test_drop_all_gives_up_every_face() -> None:
    tracker = FaceTracker(2)
    tracker.update(0, [face_landmarks()])
    assert tracker.drop_all() == (1,)
    assert tracker.update(1, [face_landmarks()]).found == (2,)
