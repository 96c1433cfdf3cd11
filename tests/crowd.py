"""Viewers that come and go, in a process of their own: `python -m tests.crowd URL TOTAL AT_ONCE SECONDS`.

Each connects, counts pictures, stays for a while and leaves; every tenth vanishes: its sockets close without
a word. Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

import aiohttp

from realtime.serving.viewers import CountingViewer


class Guest(CountingViewer):
    """A viewer that can vanish."""

    async def vanish(self) -> None:
        """Closes the sockets under the connection, then forgets it without telling the other side."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        for transport in self._connection._RTCPeerConnection__iceTransports:  # type: ignore[attr-defined]
            for protocol in transport._connection._protocols:
                protocol.transport.close()
        await asyncio.sleep(0.1)
        await self._connection.close()


async def visit(
    url: str, session: aiohttp.ClientSession, number: int, stay_s: float, seen: Counter[str]
) -> None:
    """One viewer's visit."""
    guest = Guest()
    try:
        await guest.connect(session, url)
        await asyncio.sleep(stay_s)
    except Exception as error:
        seen[f"failed: {type(error).__name__}: {error}"[:200]] += 1
        await guest.close()
        return
    seen["came"] += 1
    seen["pictures"] += guest.pictures
    seen["without pictures"] += guest.pictures == 0
    if number % 10 == 9:
        seen["vanished"] += 1
        await guest.vanish()
    else:
        await guest.close()


async def main(url: str, total: int, at_once: int, seconds: float) -> None:
    """Lets `total` viewers come, `at_once` at a time, within about `seconds`."""
    seen: Counter[str] = Counter()
    stay_s = seconds * at_once / total
    numbers = iter(range(total))

    async def one_place(place: int) -> None:
        await asyncio.sleep(stay_s * place / at_once)  # not all in the same moment
        for number in numbers:
            await visit(url, session, number, stay_s, seen)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(one_place(place) for place in range(at_once)))
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
