"""Trickle ICE: candidates that come after the offer, by PATCH (RFC 9725, section 4.3; RFC 8840)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import RTCIceCandidate, RTCPeerConnection
from aiortc.sdp import SessionDescription

from realtime.serving.candidates import PREFIX, TooManyError, everyone, read_candidate

# RFC 9110, 8.8.3: the strong ones; a weak one matches nothing here (13.1.1).
ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a fragment says.

    Attributes:
        ufrag: ICE user name fragment, None where it has none.
        pwd: ICE password, likewise.
        candidates: the usable ones, with `sdpMid` as the fragment gives it.
        count: how many candidates it had, usable or not.
    """

    ufrag: str | None
    pwd: str | None
    candidates: tuple[RTCIceCandidate, ...]
    count: int


def read_fragment(text: str, accept: Callable[[str], bool] = everyone) -> Fragment:
    """The fragment, checked.

    Raises:
        ValueError: a line is none of SDP, a candidate is malformed, or two ICE user names or passwords
            contradict each other.
    """
    ufrags: set[str] = set()
    pwds: set[str] = set()
    mid: str | None = None
    found: list[RTCIceCandidate] = []
    count = 0
    for line in text.splitlines():
        if not line.strip():
            continue
        if not re.match(r"[a-z]=", line):
            raise ValueError(f"expected lines of SDP, got {line[:40]!r}")
        name, _, value = line.partition(":")
        if line.startswith("m="):
            mid = None
        elif name == "a=mid":
            mid = value.strip()
        elif name == "a=ice-ufrag":
            ufrags.add(value.strip())
        elif name == "a=ice-pwd":
            pwds.add(value.strip())
        elif line.startswith(PREFIX):
            count += 1
            if (candidate := read_candidate(line.strip(), accept)) is not None:
                candidate.sdpMid = mid
                found.append(candidate)
    if len(ufrags) > 1 or len(pwds) > 1:
        raise ValueError("expected one ice-ufrag and one ice-pwd, got several")
    return Fragment(next(iter(ufrags), None), next(iter(pwds), None), tuple(found), count)


def matches(if_match: str, etag: str) -> bool:
    """Whether an If-Match header holds for an entity tag, by strong comparison."""
    return if_match.strip() == "*" or any(
        not weak and tag == etag for weak, tag in ENTITY_TAG.findall(if_match)
    )


class Trickle:
    """Takes the candidates of one session, at most `limit` in all.

    Attributes:
        etag: the session's entity tag; it stays, since an ICE restart is not possible here.
    """

    def __init__(self, connection: RTCPeerConnection, offer: SessionDescription, limit: int) -> None:
        """Makes it for a connection that answers `offer`."""
        self.etag = f'"{secrets.token_urlsafe(9)}"'
        self._connection = connection
        ices = [media.ice for media in offer.media if media.ice is not None]
        self._names = {each.usernameFragment for each in ices if each.usernameFragment}
        self._passwords = {each.password for each in ices if each.password}
        self._mids = [str(media.rtp.muxId) for media in offer.media]
        groups = [group.items for group in offer.group if group.semantic == "BUNDLE"]
        bundled = [str(item) for items in groups for item in items]
        # only the first of a bundle has a transport of its own
        self._tagged = dict.fromkeys(bundled, bundled[0]) if bundled else {}
        self._left = limit - sum(len(media.ice_candidates) for media in offer.media)
        self._limit = limit

    def restarts(self, fragment: Fragment) -> bool:
        """Whether the fragment asks for an ICE restart: it has other credentials than the session."""
        return (fragment.ufrag is not None and fragment.ufrag not in self._names) or (
            fragment.pwd is not None and fragment.pwd not in self._passwords
        )

    async def add(self, fragment: Fragment) -> None:
        """Adds the fragment's candidates to the connection; those of unknown sections are of no use.

        Raises:
            TooManyError: the session has had as many as it may.
        """
        if fragment.count > self._left:
            raise TooManyError(self._limit)
        self._left -= fragment.count
        for candidate in fragment.candidates:
            mid = self._mids[0] if candidate.sdpMid is None else candidate.sdpMid
            if mid in self._mids:
                candidate.sdpMid = self._tagged.get(mid, mid)
                await self._connection.addIceCandidate(candidate)
