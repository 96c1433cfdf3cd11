"""ICE candidates of the other side: which of them are of use, read before anything connects to them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp

PREFIX = "a=candidate:"
KINDS = ("host", "srflx", "relay")


def everyone(_address: str) -> bool:
    """Accepts every address."""
    return True


def read_candidate(line: str, accept: Callable[[str], bool] = everyone) -> RTCIceCandidate | None:
    """The candidate of one SDP line `a=candidate:...`, None where it is of no use here.

    Of no use are TCP, RTCP apart from RTP, addresses to which nothing of ours is to go, and mDNS names:
    browsers hide their addresses behind names under .local, and looking them up asks the whole network by
    multicast and takes seconds. The browser reaches us anyway, and its address is learned from that.

    Raises:
        ValueError: the line is no candidate; one clear line.
    """
    text = line.removeprefix(PREFIX)
    try:
        candidate = candidate_from_sdp(text)
        in_range = 0 <= candidate.port < 65536 and 0 <= candidate.priority < 2**32
    except Exception as error:  # the parser lets any error of its own through
        raise ValueError(f"expected an ICE candidate, got {text[:60]!r}") from error
    if not in_range:
        raise ValueError(f"expected an ICE candidate with a port and priority in range, got {text[:60]!r}")
    try:
        address = ipaddress.ip_address(candidate.ip)
    except ValueError:
        return None
    fits = candidate.component == 1 and candidate.protocol.lower() == "udp" and candidate.type in KINDS
    reachable = candidate.port > 0 and not (address.is_multicast or address.is_unspecified)
    return candidate if fits and reachable and accept(str(address)) else None


def keep_usable(text: str, limit: int, accept: Callable[[str], bool] = everyone) -> str:
    """The SDP with its usable candidates alone, and without the mark that no further ones follow.

    That mark would make the connection fail at once where no usable one is left, although the other side is
    about to reach us; how long to wait is for the settings to say.

    Raises:
        ValueError: a candidate is malformed, or there are more than `limit`.
    """
    kept, count = [], 0
    for line in text.splitlines(keepends=True):
        if line.startswith(PREFIX):
            count += 1
            if count > limit:
                raise TooManyError(limit)
            if read_candidate(line.strip(), accept) is None:
                continue
        elif line.startswith("a=end-of-candidates"):
            continue
        kept.append(line)
    return "".join(kept)


class TooManyError(ValueError):
    """More candidates than a client may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"expected at most {limit} ICE candidates")
