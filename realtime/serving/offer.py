"""What an SDP offer asks for, checked before anything is built for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aiortc import sdp

from realtime.serving.aiortc_internals import common_video_codecs, parse_offer
from realtime.serving.encoder import CODECS, Codec

Role = Literal["watch", "send"]
# What the other side must offer to do for us to be able to do our part.
DIRECTIONS: dict[Role, tuple[str, ...]] = {
    "watch": ("recvonly", "sendrecv"),
    "send": ("sendonly", "sendrecv"),
}
# OBS and others always send sound beside the picture; it is declined in the answer.
KINDS: dict[Role, frozenset[str]] = {
    "watch": frozenset({"video", "application"}),
    "send": frozenset({"video", "application", "audio"}),
}


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """An offer with exactly one video section that fits the role, and no media that do not.

    Attributes:
        text: the SDP to be answered.
        parsed: the same as aiortc reads it.
        codec: the best codec that both sides know: H264 before VP8, which costs twice as much to encode.
    """

    text: str
    parsed: sdp.SessionDescription
    codec: Codec


def read_offer(text: str, role: Role) -> Offer:
    """The offer, checked.

    Raises:
        ValueError: it is no SDP, has no or several video sections, the wrong direction, or no codec that
            we know; one clear line.
    """
    text = without_names(text)
    parsed = parse_offer(text)
    videos = [media for media in parsed.media if media.kind == "video"]
    others = {media.kind for media in parsed.media} - KINDS[role]
    if len(videos) != 1 or others:
        kinds = [media.kind for media in parsed.media]
        raise ValueError(f"expected an offer with one video section and no other media, got {kinds}")
    direction = videos[0].direction or "sendrecv"
    if direction not in DIRECTIONS[role]:
        raise ValueError(f"expected a video section that is {DIRECTIONS[role][0]}, got {direction}")
    common = common_video_codecs(videos[0])
    for codec in CODECS:
        if codec in common:
            return Offer(text, parsed, codec)
    offered = sorted({each.name for each in videos[0].rtp.codecs})
    raise ValueError(f"expected a video section with H264 (baseline) or VP8, got {offered}")


def without_names(text: str) -> str:
    """The SDP without mDNS candidates and without the mark that no further ones follow.

    A browser hides its addresses behind names under .local; looking them up asks the whole network by
    multicast and takes seconds. The browser reaches us anyway, and its address is learned from that.
    """
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if not (line.startswith("a=candidate:") and ".local " in line)
        and not line.startswith("a=end-of-candidates")
    )
