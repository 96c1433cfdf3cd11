from __future__ import annotations

import pytest

from realtime.clock import to_ns
from realtime.vision.attention import Attention, HeadCount


class Scene:
    """Faces by id and width, frame by frame."""

    def __init__(self, limit: int = 2, *, only_chosen: bool = True) -> None:
        self.attention = Attention(limit)
        self.only_chosen = only_chosen
        self.t_s = 0.0

    def see(
        self, widths: dict[int, float], lost: tuple[int, ...] = (), chosen: int | None = None
    ) -> tuple[int, ...]:
        self.t_s += 1 / 30
        self.attention.update(to_ns(self.t_s), widths, lost, only_chosen=self.only_chosen, chosen=chosen)
        return self.attention.read


def test_as_many_faces_are_read_as_there_are_places_the_largest_first() -> None:
    scene = Scene(only_chosen=False)
    assert scene.see({1: 50, 2: 90, 3: 70}) == (2, 3)
    assert scene.see({1: 500, 2: 90, 3: 70}) == (2, 3), "who is read goes on being read"
    assert scene.see({1: 50, 3: 70}) == (1, 3), "a place is free while its face is out of sight"
    assert scene.see({1: 50, 3: 70}, lost=(2,)) == (1, 3)


def test_changes_are_told_once() -> None:
    attention = Attention(1)
    change = attention.update(0, {1: 50.0}, (), only_chosen=False, chosen=None)
    assert (change.found, change.lost) == ((1,), ())
    change = attention.update(1, {1: 50.0}, (), only_chosen=False, chosen=None)
    assert (change.found, change.lost) == ((), ())
    change = attention.update(2, {}, (1,), only_chosen=False, chosen=None)
    assert (change.found, change.lost) == ((), (1,))


def test_the_largest_of_the_first_faces_is_the_chosen_one_and_stays_it() -> None:
    scene = Scene()
    assert scene.see({1: 50, 2: 90}) == (2,)
    assert scene.see({1: 200, 2: 90, 3: 300}) == (2,)
    assert scene.see({1: 200, 3: 300}) == (2,), "out of sight for a moment"


def test_a_bystander_never_takes_the_place_of_the_chosen_one() -> None:
    scene = Scene()
    scene.see({1: 50, 2: 90})
    assert scene.see({1: 50}, lost=(2,)) == ()
    assert scene.see({1: 400}) == ()
    assert scene.see({1: 50, 3: 88}) == (3,), "but who comes back does"


def test_somebody_much_smaller_does_not_follow_at_once() -> None:
    scene = Scene()
    scene.see({1: 100})
    scene.see({}, lost=(1,))
    assert scene.see({2: 30}) == ()
    assert scene.see({2: 30, 3: 60}) == (3,)
    later = Scene()
    later.see({1: 100})
    later.see({}, lost=(1,))
    later.t_s += 20
    assert later.see({2: 30}) == (2,)


def test_a_fast_movement_that_changes_the_id_does_not_make_the_chosen_one_a_bystander() -> None:
    scene = Scene()
    scene.see({1: 100})
    assert scene.see({2: 98}) == (1,), "nobody knows yet"
    assert scene.see({2: 98}, lost=(1,)) == (2,)


def test_a_picked_face_is_the_only_one_even_when_it_is_gone() -> None:
    scene = Scene()
    scene.see({1: 50, 2: 90})
    assert scene.see({1: 50, 2: 90}, chosen=1) == (1,)
    assert scene.see({2: 90}, lost=(1,), chosen=1) == ()
    assert scene.see({2: 90, 3: 50}, chosen=1) == ()
    assert scene.see({2: 90, 3: 50}, chosen=None) == (2,), "the choice was taken back"


def test_going_from_all_to_one_keeps_one_of_those_that_were_read() -> None:
    scene = Scene(only_chosen=False)
    scene.see({1: 50, 2: 90})
    scene.only_chosen = True
    assert scene.see({1: 50, 2: 90, 3: 400}) == (2,)


def test_forgetting_everybody_tells_who_was_read() -> None:
    scene = Scene()
    scene.see({1: 50, 2: 90})
    assert scene.attention.drop_all() == (2,)
    assert scene.see({3: 10}) == (3,)


@pytest.mark.parametrize("gap_s", [0.0, 0.5, 1.9])
def test_a_face_that_was_there_a_moment_ago_is_missing(gap_s: float) -> None:
    heads = HeadCount(2.0)
    assert heads.missing(0, 2) == 0
    assert heads.missing(to_ns(gap_s + 0.01), 1) == 1


def test_heads_are_forgotten_after_a_while_and_new_ones_are_not_missing() -> None:
    heads = HeadCount(2.0)
    heads.missing(0, 3)
    assert heads.missing(to_ns(1.0), 1) == 2
    assert heads.missing(to_ns(1.5), 2) == 1
    assert heads.missing(to_ns(2.1), 2) == 0
    assert heads.missing(to_ns(2.2), 3) == 0
    assert heads.missing(to_ns(2.3), 0) == 3
