"""A server of the tests on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import TypeVar

Own = TypeVar("Own", bound="OnLoop")


class OnLoop:
    """Runs `_main` while it is entered; that sets `_loop`, `_stop`, then `_started`, and awaits `_stop`."""

    def __init__(self, name: str) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name=name)

    def __enter__(self: Own) -> Own:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    async def _main(self) -> None:
        raise AssertionError("a server says what it does")
