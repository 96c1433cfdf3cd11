from __future__ import annotations

from realtime.clock import to_ns
from realtime.inference.binding import Binding, Box
from realtime.values import Face, Observation
from tests.faces import a_face

HERE: Box = (100, 100, 200, 220)
BESIDE: Box = (105, 95, 205, 215)
ELSEWHERE: Box = (400, 100, 500, 220)


def face(face_id: int, box: Box = HERE) -> Face:
    made = a_face(face_id)
    return Face(face_id, box, made.landmarks, made.quality)


def see(binding: Binding, t_s: float, *faces: Face, lost: tuple[int, ...] = ()) -> int | None:
    binding.observe(Observation(round(t_s * 30), to_ns(t_s), faces, (), lost))
    return binding.face_id


def test_a_face_keeps_it_while_it_is_there_and_loses_it_when_it_goes() -> None:
    binding = Binding(1)
    assert see(binding, 0, face(1), face(2, ELSEWHERE)) == 1
    assert see(binding, 0.1, face(2, ELSEWHERE)) == 1  # missing, not given up
    assert see(binding, 0.6, face(2, ELSEWHERE), lost=(1,)) is None
    assert see(binding, 1.0, face(2, ELSEWHERE), face(3)) is None


def test_a_lone_face_that_comes_back_to_its_place_soon_carries_it_on() -> None:
    binding = Binding(1)
    see(binding, 0, face(1))
    see(binding, 0.5, lost=(1,))
    assert see(binding, 2.0, face(2, BESIDE)) == 2
    assert binding.carried


def test_nobody_else_gets_it() -> None:
    late = Binding(1)
    see(late, 0, face(1))
    see(late, 0.5, lost=(1,))
    assert see(late, 3.5, face(2)) is None, "too late"
    assert see(late, 3.6, face(2)) is None

    other_place = Binding(1)
    see(other_place, 0, face(1))
    see(other_place, 0.5, lost=(1,))
    assert see(other_place, 1.0, face(2, ELSEWHERE)) is None
    assert see(other_place, 1.1, face(2, HERE)) is None, "there is one try"

    two_come = Binding(1)
    see(two_come, 0, face(1))
    see(two_come, 0.5, lost=(1,))
    assert see(two_come, 1.0, face(2), face(3, ELSEWHERE)) is None
    assert see(two_come, 1.1, face(2)) is None

    not_alone_before = Binding(1)
    see(not_alone_before, 0, face(1), face(2, ELSEWHERE))
    see(not_alone_before, 0.5, lost=(1, 2))
    assert see(not_alone_before, 1.0, face(3)) is None

    swapped = Binding(1)  # another face is seen while this one is missing
    see(swapped, 0, face(1))
    see(swapped, 0.2, face(2))
    assert see(swapped, 0.6, face(2), lost=(1,)) is None
    assert see(swapped, 0.7, face(2)) is None


def test_any_lone_face_takes_it_where_that_was_asked_for() -> None:
    binding = Binding(None, any_lone=True)
    assert see(binding, 0, face(1), face(2, ELSEWHERE)) is None
    assert see(binding, 1, face(2, ELSEWHERE)) == 2
    assert see(binding, 2, face(2, ELSEWHERE), face(3)) == 2
    see(binding, 60, lost=(2, 3))
    assert see(binding, 61, face(4)) == 4


def test_another_source_ends_it() -> None:
    binding = Binding(1)
    see(binding, 0, face(1))
    binding.leave()
    assert see(binding, 0.1, face(2), lost=(1,)) is None
