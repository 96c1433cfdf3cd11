from __future__ import annotations

import asyncio
import threading

import pytest

from realtime.serving.hub import Hub


def test_values_of_many_threads_arrive_in_order_and_on_the_loop() -> None:
    async def main() -> None:
        hub = Hub(asyncio.get_running_loop(), capacity=10_000)
        got: list[tuple[int, int]] = []
        threads: set[str] = set()
        done = asyncio.Event()

        def sink(value: tuple[int, int]) -> None:
            got.append(value)
            threads.add(threading.current_thread().name)
            if len(got) == 1500:
                done.set()

        def produce(producer: int) -> None:
            for number in range(500):
                hub.post(sink, (producer, number))

        workers = [threading.Thread(target=produce, args=(each,)) for each in range(3)]
        for worker in workers:
            worker.start()
        await asyncio.wait_for(done.wait(), 5)
        for worker in workers:
            worker.join()
        assert threads == {threading.current_thread().name}
        for producer in range(3):
            assert [number for each, number in got if each == producer] == list(range(500))

    asyncio.run(main())


def test_one_wakeup_for_all_that_waits() -> None:
    async def main() -> None:
        hub = Hub(asyncio.get_running_loop())
        got: list[int] = []
        for number in range(100):
            hub.post(got.append, number)
        assert hub.wakeups == 1
        await asyncio.sleep(0)
        assert got == list(range(100))
        hub.post(got.append, 100)
        assert hub.wakeups == 2

    asyncio.run(main())


def test_over_the_capacity_the_oldest_goes_and_is_counted() -> None:
    async def main() -> None:
        hub = Hub(asyncio.get_running_loop(), capacity=4)
        got: list[int] = []
        for number in range(10):
            hub.post(got.append, number)
        await asyncio.sleep(0)
        assert got == [6, 7, 8, 9]
        assert hub.dropped == 6

    asyncio.run(main())


def test_a_failing_receiver_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        hub = Hub(asyncio.get_running_loop())
        got: list[int] = []

        def fail(_: int) -> None:
            raise RuntimeError("broken receiver")

        hub.post(fail, 1)
        hub.post(got.append, 2)
        await asyncio.sleep(0)
        assert got == [2]
        assert "broken receiver" in caplog.text

    asyncio.run(main())


def test_posts_after_the_close_are_ignored_even_without_a_loop() -> None:
    got: list[int] = []

    async def main() -> Hub:
        hub = Hub(asyncio.get_running_loop())
        hub.post(got.append, 1)
        hub.close()
        await asyncio.sleep(0)
        return hub

    hub = asyncio.run(main())
    hub.post(got.append, 2)
    assert got == []
