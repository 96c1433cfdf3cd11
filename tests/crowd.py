"""Viewers that come and go, in a process of their own: `python -m tests.crowd URL TOTAL AT_ONCE SECONDS`.

Each connects, counts pictures, stays for a while and leaves; every tenth vanishes: its sockets close without
a word, and its place stays taken for some seconds. Who is refused asks again. Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

import aiohttp

from realtime.serving.viewers import CountingViewer

RETRY_S, TRIES = 2.0, 30


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


async def enter(url: str, session: aiohttp.ClientSession, seen: Counter[str]) -> Guest:
    """A connected guest; where there is no place it asks again, as the answer's Retry-After wants it."""
    for _ in range(TRIES):
        guest = Guest()
        try:
            await guest.connect(session, url)
        except RuntimeError as error:
            await guest.close()
            if not any(f"got {status}" in str(error) for status in (429, 503)):
                raise
            seen["refused"] += 1
            await asyncio.sleep(RETRY_S)
        except BaseException:
            await guest.close()
            raise
        else:
            return guest
    raise RuntimeError(f"no place after {TRIES} tries")


async def visit(
    url: str, session: aiohttp.ClientSession, number: int, stay_s: float, seen: Counter[str]
) -> None:
    """One viewer's visit."""
    try:
        guest = await enter(url, session, seen)
    except Exception as error:
        seen[f"failed: {type(error).__name__}: {error}"[:200]] += 1
        return
    await asyncio.sleep(stay_s)
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
