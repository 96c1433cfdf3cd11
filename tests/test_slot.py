from __future__ import annotations

import threading

from realtime.slot import Fanout, Slot


def test_newest_value_wins_and_the_replaced_one_counts_as_dropped() -> None:
    slot: Slot[int] = Slot()
    for value in (1, 2, 3):
        slot.put(value)
    assert slot.take(0) == 3
    assert slot.take(0) is None
    assert slot.peek() == 3
    assert (slot.put_count, slot.dropped) == (3, 2)


def test_taker_is_woken_by_a_put_from_another_thread() -> None:
    slot: Slot[str] = Slot()
    taken: list[str | None] = []
    thread = threading.Thread(target=lambda: taken.append(slot.take(10)))
    thread.start()
    slot.put("value")
    thread.join(5)
    assert taken == ["value"]


def test_close_wakes_a_taker_and_can_be_repeated() -> None:
    slot: Slot[int] = Slot()
    thread = threading.Thread(target=lambda: slot.take(60))
    thread.start()
    slot.close()
    slot.close()
    thread.join(5)
    assert not thread.is_alive()
    slot.put(1)
    assert slot.take(0) is None


def test_fanout_reaches_every_subscriber_once() -> None:
    fanout: Fanout[int] = Fanout()
    first: list[int] = []
    second: list[int] = []
    fanout.subscribe(first.append)
    fanout.subscribe(first.append)
    fanout.subscribe(second.append)
    assert len(fanout) == 2
    fanout.publish(7)
    fanout.unsubscribe(second.append)
    fanout.unsubscribe(second.append)
    fanout.publish(8)
    assert (first, second) == ([7, 8], [7])
