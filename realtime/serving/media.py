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

    A server on loopback binds to the machine's other addresses, since Firefox connects none of those, which
    are all that a browser has, with a loopback one; but nobody is heard there except this machine.
    """
    if is_loopback(host):
        own = machine_addresses()
        return Media(_outside(own) or tuple(own), frozenset(own).__contains__)
    return Media(_outside(served_addresses(host)))


def outgoing(local: bool) -> tuple[str, ...]:
    """Addresses to publish from: the machine's outside ones, and loopback to a server on it."""
    outside = _outside(machine_addresses())
    return ("127.0.0.1", *outside) if local or not outside else outside


def _outside(addresses: list[str]) -> tuple[str, ...]:
    return tuple(each for each in addresses if not is_loopback(each))
