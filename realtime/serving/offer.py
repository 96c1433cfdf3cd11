"""What an SDP offer asks for, checked before anything is built for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aiortc import sdp

from realtime.serving.aiortc_internals import common_video_codecs, parse_offer
from realtime.serving.candidates import everyone, keep_usable
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


class UnfitError(ValueError):
    """The offer is well formed, but asks for what this server does not do."""


def read_offer(
    text: str,
    role: Role,
    *,
    candidates: int = 100,
    accept: Callable[[str], bool] = everyone,
) -> Offer:
    """The offer, checked.

    Args:
        text: SDP from outside.
        role: what the other side is to do.
        candidates: how many ICE candidates it may have.
        accept: tells of an IP address whether packets of ours may go there.

    Raises:
        UnfitError: it has no or several video sections, other media, the wrong direction, or no codec that
            we know; one clear line.
        ValueError: it is no SDP, or has too many candidates; likewise.
    """
    text = keep_usable(text, candidates, accept)
    parsed = parse_offer(text)
    videos = [media for media in parsed.media if media.kind == "video"]
    others = {media.kind for media in parsed.media} - KINDS[role]
    if len(videos) != 1 or others:
        kinds = [media.kind for media in parsed.media]
        raise UnfitError(f"expected an offer with one video section and no other media, got {kinds}")
    direction = videos[0].direction or "sendrecv"
    if direction not in DIRECTIONS[role]:
        raise UnfitError(f"expected a video section that is {DIRECTIONS[role][0]}, got {direction}")
    common = common_video_codecs(videos[0])
    for codec in CODECS:
        if codec in common:
            return Offer(text, parsed, codec)
    offered = sorted({each.name for each in videos[0].rtp.codecs})
    raise UnfitError(f"expected a video section with H264 (baseline) or VP8, got {offered}")
