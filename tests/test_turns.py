from __future__ import annotations

from collections import Counter

from realtime.inference.turns import MOST_PREPARED, UNLIMITED, Pace, Turns, Waiting, in_turns


def waiting(stream: str, since: int, crops: int = 0) -> Waiting[str]:
    return Waiting(stream, since, crops, f"{stream}{since}")


def test_all_that_waits_goes_when_there_is_room() -> None:
    plan = Turns().plan([waiting("a", 3, 2), waiting("a", 1, 16), waiting("b", 2)], UNLIMITED)
    assert sorted(plan.read) == ["a1", "a3", "b2"]
    assert plan.prepare == []
    assert plan.room == UNLIMITED - 3 - 18
    assert Turns().plan([], 5).read == []


def test_streams_take_turns_and_the_oldest_of_each_comes_first() -> None:
    many = [waiting("many", since) for since in (4, 2, 9, 7)]
    assert [(turn, each.what) for turn, each in in_turns([*many, waiting("one", 8)])] == [
        (0, "many2"), (0, "one8"), (1, "many4"), (2, "many7"), (3, "many9"),
    ]  # fmt: skip
    assert Turns().plan([*many, waiting("one", 8)], 3).read == ["many2", "one8", "many4"]
    turns = Turns()
    read = [turns.plan([*many, waiting("one", 8)], 0).read for _ in range(4)]
    assert read == [["many2"], ["one8"], ["many2"], ["one8"]], "one at least, each stream in its turn"


def test_many_streams_with_little_room_are_read_in_turn_and_whole() -> None:
    since = {f"s{number}": 0 for number in range(6)}
    turns, served = Turns(), Counter[str]()
    for now in range(1, 31):
        plan = turns.plan([Waiting(name, at, 2, name) for name, at in since.items()], 6)
        assert plan.prepare == []
        served.update(plan.read)
        since |= dict.fromkeys(plan.read, now)
    assert set(served.values()) == {10}, "two windows of three units each in a batch"


def test_a_stream_with_one_face_is_read_each_time_and_those_of_the_other_in_turn() -> None:
    since = {("many", face): 0 for face in range(8)} | {("one", 0): 0}
    turns, served = Turns(), Counter[tuple[str, int]]()
    for now in range(1, 33):
        plan = turns.plan([Waiting(key[0], at, 0, key) for key, at in since.items()], 3)
        served.update(plan.read)
        since |= dict.fromkeys(plan.read, now)
    assert served.pop(("one", 0)) == 32
    assert set(served.values()) == {8}


def test_a_window_with_too_many_crops_is_prepared_over_several_batches() -> None:
    turns, lacking = Turns(), 16
    for _ in range(3):
        plan = turns.plan([waiting("many", 0, lacking), waiting("many", 1, 16), waiting("one", 5, 2)], 10)
        assert plan.read == ["one5"], "which costs 3 of its 5"
        ((what, count),) = plan.prepare
        assert what == "many0"
        assert count == 5
        lacking -= count
    plan = turns.plan([waiting("many", 0, lacking), waiting("one", 5, 2)], 10)
    assert set(plan.read) == {"many0", "one5"}


def test_a_machine_that_is_too_slow_for_all_crops_reads_after_some_batches_all_the_same() -> None:
    turns, read = Turns(), list[str]()
    for _ in range(2 * (MOST_PREPARED + 1)):
        read += turns.plan([waiting("a", 0, 16), waiting("b", 0, 16)], 2).read
    assert sorted(read) == ["a0", "b0"]


def test_room_follows_what_batches_cost() -> None:
    pace = Pace(0.06)
    assert pace.room() == UNLIMITED, "nothing is known yet"
    for _ in range(50):
        pace.note(5, 0.0501)
    assert pace.room() == 5
    pace.note(0, 5.0)
    assert pace.room() == 5, "nothing was done"
    for _ in range(50):
        pace.note(1, 1.0)
    assert pace.room() == 0
