"""Where WebRTC's UDP sockets are bound, and whom they hear: as far as the server is served, no further."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from realtime.serving.candidates import everyone
from realtime.serving.hosts import is_loopback, machine_addresses, served_addresses


@dataclass(frozen=True, slots=True)
class Media:
    """The rules of one connection.

    Attributes:
        addresses: local IP addresses to bind to.
        accept: tells of another side's IP address whether it is heard and sent to.
    """

    addresses: tuple[str, ...]
    accept: Callable[[str], bool] = everyone


def media(host: str) -> Media:
    """The rules where the server is bound to `host`, with the addresses that the machine has now.

    On loopback, browsers still send from the machine's other addresses, since they make no loopback
    candidates: so those are bound too, but nobody is heard there except this machine.
    """
    if is_loopback(host):
        own = frozenset(machine_addresses())
        return Media(tuple(own), own.__contains__)
    return Media(tuple(each for each in served_addresses(host) if not is_loopback(each)))
