from __future__ import annotations

import asyncio

import pytest

from realtime.serving import sse
from realtime.serving.sse import QUEUE_EVENTS, EventClient


def test_a_slow_reader_keeps_the_newest_and_the_loss_is_counted() -> None:
    async def main() -> None:
        client = EventClient()
        for number in range(QUEUE_EVENTS + 10):
            client.put(f'{{"frame":{number}}}')
        assert client.dropped == 10
        assert await client.next() == 'data: {"frame":10}\n\n'
        for _ in range(QUEUE_EVENTS - 1):
            last = await client.next()
        assert last == f'data: {{"frame":{QUEUE_EVENTS + 9}}}\n\n'
        assert client.sent == QUEUE_EVENTS

    asyncio.run(main())


def test_silence_is_filled_with_comments_so_that_a_reader_that_has_gone_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 0.01)

    async def main() -> None:
        client = EventClient()
        assert await client.next() == ":\n\n"
        client.put("{}")
        assert await client.next() == "data: {}\n\n"

    asyncio.run(main())


def test_close_ends_a_waiting_reader() -> None:
    async def main() -> None:
        client = EventClient()
        reading = asyncio.create_task(client.next())
        await asyncio.sleep(0)
        client.close()
        assert await reading is None
        assert await client.next() is None

    asyncio.run(main())
