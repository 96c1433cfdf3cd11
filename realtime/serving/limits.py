"""How much one client may ask for: rates by address, and what a WebRTC connection may use."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

from realtime.clock import NS_PER_S
from realtime.config import Config

# Addresses remembered at once; the one not seen for longest goes first. An attacker with more of them than
# this (IPv6 counts by /64) gets fresh buckets, and so does nobody else.
MAX_ADDRESSES = 4096


@dataclass(frozen=True, slots=True)
class PeerLimits:
    """What one WebRTC connection may use; the settings of the same names."""

    connect_seconds: float
    silence_seconds: float
    sender_pixels: int
    message_bytes: int
    channel_bytes: int
    candidates: int


def peer_limits(config: Config) -> PeerLimits:
    """The limits that the settings ask for."""
    return PeerLimits(
        config.connect_seconds,
        config.silence_seconds,
        config.sender_pixels,
        config.message_bytes,
        config.channel_bytes,
        config.candidates,
    )


DEFAULT_LIMITS = peer_limits(Config())


class Buckets:
    """A token bucket for each address: `per_minute` at once, and refilled at that rate. Event loop only."""

    def __init__(self, per_minute: float) -> None:
        self._capacity = max(1.0, per_minute)
        self._per_s = per_minute / 60
        self._levels: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, address: str, t_ns: int) -> float:
        """Takes one; 0.0 where there was one, else the seconds until there will be, and nothing is taken."""
        level = self._level(address, t_ns)
        wait_s = 0.0
        if level >= 1:
            level -= 1
        else:
            wait_s = (1 - level) / self._per_s
        self._levels[address] = (level, t_ns)
        self._levels.move_to_end(address)
        if len(self._levels) > MAX_ADDRESSES:
            self._levels.popitem(last=False)
        return wait_s

    def wait_s(self, address: str, t_ns: int) -> float:
        """Seconds until one could be taken, 0.0 for now; takes nothing."""
        return max(0.0, (1 - self._level(address, t_ns)) / self._per_s)

    def _level(self, address: str, t_ns: int) -> float:
        level, before_ns = self._levels.get(address, (self._capacity, t_ns))
        return min(self._capacity, level + max(0, t_ns - before_ns) / NS_PER_S * self._per_s)


def counted_address(remote: str | None) -> str:
    """By what a client is counted: its IPv4 address, or the /64 that one IPv6 client has to itself."""
    try:
        address = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return remote or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def retry_after(wait_s: float) -> dict[str, str]:
    """The header that tells when to ask again: whole seconds, at least one."""
    return {"Retry-After": str(max(1, math.ceil(wait_s)))}
