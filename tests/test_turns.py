from __future__ import annotations

from realtime.inference.turns import WINDOW_COST, Pace, in_turns


def test_all_that_waits_goes_when_there_is_room() -> None:
    waiting = [("a", 3, "a3"), ("a", 1, "a1"), ("b", 2, "b2")]
    assert sorted(in_turns(waiting, 100)) == ["a1", "a3", "b2"]
    assert in_turns([], 0) == []


def test_streams_take_turns_and_the_oldest_of_each_comes_first() -> None:
    waiting = [("many", since, f"many{since}") for since in (4, 2, 9, 7)] + [("one", 8, "one8")]
    assert in_turns(waiting, 3) == ["many2", "one8", "many4"]
    assert set(in_turns(waiting, 0)) == {"many2", "one8"}, "one of each, however little room there is"


def test_a_stream_with_one_face_is_read_each_time_and_those_of_the_other_in_turn() -> None:
    since = {("many", face): 0 for face in range(8)} | {("one", 0): 0}
    served: list[tuple[str, int]] = []
    for now in range(1, 33):
        chosen = in_turns([(stream, at, (stream, face)) for (stream, face), at in since.items()], 3)
        served += chosen
        since |= dict.fromkeys(chosen, now)
    counts = {key: served.count(key) for key in since}
    assert counts.pop(("one", 0)) == 32
    assert set(counts.values()) == {8}


def test_room_follows_what_batches_cost() -> None:
    pace = Pace(0.06)
    assert pace.room() > 1000, "nothing is known yet"
    for _ in range(50):
        pace.note(2, 1, 0.01 * (2 * WINDOW_COST + 1))
    assert pace.room() == 6
    pace.note(0, 0, 5.0)
    assert pace.room() == 6, "nothing was read"
    for _ in range(50):
        pace.note(1, 0, 1.0)
    assert pace.room() == 0
