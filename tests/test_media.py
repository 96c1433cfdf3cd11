"""UDP sockets: where they are bound, and that only those are heard who may be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiortc import RTCPeerConnection

from realtime.serving import aiortc_internals as internals
from realtime.serving.hosts import is_loopback, machine_addresses
from realtime.serving.media import media
from realtime.serving.viewer import new_connection


def outside() -> list[str]:
    return [each for each in machine_addresses() if not is_loopback(each)]


def test_on_loopback_only_this_machine_is_heard() -> None:
    found = media("127.0.0.1")
    assert list(found.addresses) == (outside() or machine_addresses())
    assert all(found.accept(each) for each in machine_addresses())
    assert not found.accept("203.0.113.9")


def test_on_a_network_the_sockets_are_where_the_server_is() -> None:
    assert media("192.168.1.4").addresses == ("192.168.1.4",)
    assert media("192.168.1.4").accept("203.0.113.9")
    assert list(media("0.0.0.0").addresses) == [each for each in outside() if ":" not in each]
    assert list(media("::").addresses) == [each for each in outside() if ":" in each]


async def gathered(addresses: list[str], accept: Callable[[str], bool] | None = None) -> RTCPeerConnection:
    connection = new_connection()
    connection.addTransceiver("video", direction="recvonly")
    internals.bind_media(connection, addresses, accept)
    await connection.setLocalDescription(await connection.createOffer())
    return connection


def test_the_sockets_are_bound_to_the_given_addresses_alone() -> None:
    async def main() -> None:
        connection = await gathered(["127.0.0.1"])
        (ice,) = internals.ice_connections(connection)
        bound = [each.transport.get_extra_info("sockname")[0] for each in ice._protocols]
        assert bound == ["127.0.0.1"]
        assert " 127.0.0.1 " in connection.localDescription.sdp
        await connection.close()

    asyncio.run(main())


def test_who_is_heard_gets_an_answer_and_who_is_not_gets_none() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        answers: asyncio.Queue[bytes] = asyncio.Queue()
        asked: asyncio.Queue[str] = asyncio.Queue()
        heard = True

        class Client(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, _address: object) -> None:
                answers.put_nowait(data)

        def accept(address: str) -> bool:
            asked.put_nowait(address)
            return heard

        connection = await gathered(["127.0.0.1"], accept)
        (ice,) = internals.ice_connections(connection)
        port = ice._protocols[0].transport.get_extra_info("sockname")[1]
        transport, _ = await loop.create_datagram_endpoint(Client, local_addr=("127.0.0.1", 0))
        binding = bytes.fromhex("000100002112a442") + bytes(12)
        transport.sendto(binding, ("127.0.0.1", port))
        # without credentials it is refused, but that is an answer
        assert (await asyncio.wait_for(answers.get(), 5))[:2] == b"\x01\x11"
        assert await asked.get() == "127.0.0.1"

        heard = False
        transport.sendto(b"\x80" + bytes(20), ("127.0.0.1", port))
        transport.sendto(binding, ("127.0.0.1", port))
        for _ in range(2):
            await asyncio.wait_for(asked.get(), 5)
        heard = True
        transport.sendto(binding, ("127.0.0.1", port))
        await asyncio.wait_for(answers.get(), 5)
        assert answers.empty()
        assert ice._queue.empty()
        transport.close()
        await connection.close()

    asyncio.run(main())


def test_what_waits_unread_is_bounded_and_nonsense_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internals, "MAX_WAITING_DATAGRAMS", 3)

    async def main() -> None:
        connection = await gathered(["127.0.0.1"])
        (ice,) = internals.ice_connections(connection)
        (protocol,) = ice._protocols
        for _ in range(10):
            protocol.datagram_received(b"\x80" + bytes(30), ("127.0.0.1", 5000))
        assert ice._queue.qsize() == 3
        odd_name = bytes.fromhex("000100082112a442") + bytes(12) + bytes.fromhex("00060004fffefdfc")
        for data in (b"", b"\x00", odd_name):
            protocol.datagram_received(data, ("127.0.0.1", 5000))
        await connection.close()

    asyncio.run(main())
