"""Every use of aiortc's private parts, in one file. tests/test_aiortc_internals.py fails when they change.

Written against aiortc 1.16, which pyproject.toml pins. What is private there and needed here: keyframe
requests do not reach tracks that give packets, header extensions are a fixed list without playout-delay,
feedback has no hook, and a remote track's queue grows without bound when its reader is slow.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

import av
from aioice.ice import Connection, StunProtocol
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver, sdp
from aiortc.codecs import CODECS
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcpeerconnection import find_common_codecs
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.rtp import (
    HeaderExtensions,
    HeaderExtensionsMap,
    RtpPacket,
    pack_header_extensions,
    unpack_header_extensions,
)

log = logging.getLogger(__name__)

PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
ONE_BYTE_PROFILE = 0xBEDE
# min and max 0 in units of 10 ms: show each picture as soon as it is decoded. Measured against Chromium
# 150 on loopback: it saves 18 ms of jitter buffer, and the receiver's jitterBufferTarget = 0 saves none.
PLAY_AT_ONCE = b"\x00\x00\x00"

# About a second of a sender at 10 Mbit/s.
MAX_WAITING_DATAGRAMS = 1024

_MAP = "_RTCRtpSender__rtp_header_extensions_map"


class PlayoutDelayMap(HeaderExtensionsMap):
    """aiortc's map of header extensions with the playout delay added to every packet."""

    def __init__(self, extension_id: int) -> None:
        """Makes the map; `extension_id` is the one that the viewer's offer gave."""
        super().__init__()
        self._id = extension_id

    def set(self, values: HeaderExtensions) -> tuple[int, bytes]:
        """The profile and bytes of a packet's header extensions."""
        profile, data = super().set(values)
        if profile == ONE_BYTE_PROFILE and self._id < 15:
            # padding may stand between elements (RFC 8285, 4.1.1), and ours is just 4 bytes long
            return profile, data + bytes([self._id << 4 | len(PLAY_AT_ONCE) - 1]) + PLAY_AT_ONCE
        return pack_header_extensions([*unpack_header_extensions(profile, data), (self._id, PLAY_AT_ONCE)])


def offered_extension(offer: sdp.SessionDescription, uri: str) -> RTCRtpHeaderExtensionParameters | None:
    """The header extension that the offer's video section names by `uri`, or None."""
    for media in offer.media:
        if media.kind == "video":
            for extension in media.rtp.headerExtensions:
                if extension.uri == uri:
                    return extension
    return None


def send_playout_delay(transceiver: RTCRtpTransceiver, offer: sdp.SessionDescription) -> bool:
    """Has every packet tell the viewer to play at once; True where the viewer's offer allows it.

    To be called between setRemoteDescription and createAnswer.
    """
    extension = offered_extension(offer, PLAYOUT_DELAY_URI)
    if extension is None:
        return False
    transceiver._headerExtensions.append(extension)
    getattr(transceiver.sender, _MAP)  # AttributeError here, not silence, where aiortc has changed
    setattr(transceiver.sender, _MAP, PlayoutDelayMap(extension.id))
    return True


def offer_playout_delay(offer: str) -> str:
    """The offer of ours with the playout delay in its video section; aiortc has no list to add it to."""
    parsed = sdp.SessionDescription.parse(offer)
    used = {each.id for media in parsed.media for each in media.rtp.headerExtensions}
    line = f"a=extmap:{min(set(range(1, 15)) - used)} {PLAYOUT_DELAY_URI}\r\n"
    return re.sub(r"(?m)^m=video [^\n]*\n(c=[^\n]*\n)?", lambda found: found.group() + line, offer, count=1)


def watch_sender(
    sender: RTCRtpSender, on_keyframe_request: Callable[[], None], on_feedback: Callable[[], None]
) -> None:
    """Calls `on_feedback` for every RTCP packet of the viewer, `on_keyframe_request` for PLI and FIR.

    Both are called on the event loop. To be called before the connection is made.
    """
    handle = sender._handle_rtcp_packet
    sender._send_keyframe  # noqa: B018  (as above)

    async def handle_and_tell(packet: Any) -> None:
        on_feedback()
        await handle(packet)

    # aiortc looks both up on the instance, so they can be replaced there
    vars(sender)["_handle_rtcp_packet"] = handle_and_tell
    vars(sender)["_send_keyframe"] = on_keyframe_request


def take_packets(receiver: RTCRtpReceiver, on_packet: Callable[[RtpPacket], None]) -> None:
    """Hands each RTP packet to `on_packet` on the loop instead of putting pictures together. For benchmarks.

    To be called before the connection is made.
    """
    receiver._handle_rtp_packet  # noqa: B018  (AttributeError here, not silence, where aiortc has changed)

    async def take(packet: RtpPacket, arrival_time_ms: int) -> None:  # noqa: ARG001
        on_packet(packet)

    vars(receiver)["_handle_rtp_packet"] = take


def negotiated_codec(transceiver: RTCRtpTransceiver) -> str:
    """The codec that will be sent, "H264" or "VP8"; known after setRemoteDescription."""
    return str(transceiver._codecs[0].name)


async def newest_frame(track: MediaStreamTrack) -> tuple[av.VideoFrame, int]:
    """The newest decoded frame of a remote track, waiting for one, and how many older ones were skipped.

    Raises:
        MediaStreamError: the track has ended.
    """
    frame = await track.recv()
    queue = track._queue  # type: ignore[attr-defined]
    skipped = 0
    while not queue.empty():
        newer = queue.get_nowait()
        if newer is None:
            track.stop()
            raise MediaStreamError
        frame, skipped = newer, skipped + 1
    if not isinstance(frame, av.VideoFrame):
        raise MediaStreamError(f"expected a video frame, got {type(frame).__name__}")
    return frame, skipped


def common_video_codecs(media: sdp.MediaDescription) -> set[str]:
    """The names of the video codecs that an offer's section and aiortc both know."""
    return {each.name for each in find_common_codecs(CODECS["video"], media.rtp.codecs)}


def parse_offer(text: str, kind: str = "offer") -> sdp.SessionDescription:
    """The offer, or the answer where `kind` says so, as aiortc reads it.

    Raises:
        ValueError: the text is not a session description; one clear line.
    """
    if not text.startswith("v=0"):
        raise ValueError(f"expected an SDP {kind} beginning with v=0, got {text[:20]!r}")
    try:
        parsed = sdp.SessionDescription.parse(text)
    except Exception as error:  # aiortc's parser lets any error of its own through
        raise ValueError(f"expected an SDP {kind}, got one that does not parse ({error})") from error
    parsed.type = kind
    return parsed


def ice_connections(connection: RTCPeerConnection) -> list[Connection]:
    """The ICE connections under a WebRTC connection, one for each transport that is not bundled."""
    transports = [each.receiver.transport for each in connection.getTransceivers()]
    if connection.sctp is not None:
        transports.append(connection.sctp.transport)
    return list({id(each): each.transport._connection for each in transports}.values())


def bind_media(
    connection: RTCPeerConnection, addresses: Sequence[str], accept: Callable[[str], bool] | None = None
) -> None:
    """Has the connection's UDP sockets bound to `addresses` alone, and hear none but whom it accepts.

    aioice gathers on every interface, never on loopback, and queues what anybody sends until it is read. To
    be called between setRemoteDescription and setLocalDescription.

    Args:
        connection: one that has not gathered yet.
        addresses: local IP addresses.
        accept: tells of a sender's IP address whether it is heard; None hears all.
    """
    for ice in ice_connections(connection):
        vars(ice)["get_component_candidates"] = _gatherer(ice, list(addresses), accept)


def _gatherer(ice: Connection, addresses: list[str], accept: Callable[[str], bool] | None) -> Any:
    gather = ice.get_component_candidates

    async def gather_there(component: int, **_others: object) -> Any:
        found = await gather(component=component, addresses=addresses)
        for protocol in ice._protocols:
            vars(protocol).setdefault("datagram_received", _doorkeeper(ice, protocol, accept))
        return found

    return gather_there


def _doorkeeper(
    ice: Connection, protocol: StunProtocol, accept: Callable[[str], bool] | None
) -> Callable[[bytes, tuple[Any, ...]], None]:
    receive, queue = protocol.datagram_received, ice._queue

    def hear(data: bytes, address: tuple[Any, ...]) -> None:
        if accept is not None and not accept(address[0]):
            return
        # STUN begins with a byte below 4 (RFC 7983); the rest waits in a queue that has no bound
        if data[:1] > b"\x03" and queue.qsize() >= MAX_WAITING_DATAGRAMS:
            return
        try:
            receive(data, address)
        except Exception as error:  # what a stranger sends is no bug of ours
            log.debug("datagram from outside dropped: %r", error)

    return hear


def with_message_limit(answer: str, limit: int) -> str:
    """The answer with the largest data channel message that we take, which aiortc always gives as 64 KiB."""
    return re.sub(r"(?m)^a=max-message-size:\d+", f"a=max-message-size:{limit}", answer)


def unread_bytes(connection: RTCPeerConnection) -> int:
    """What the data channels' other side has sent of messages that are not complete; aiortc has no bound."""
    sctp = connection.sctp
    if sctp is None:
        return 0
    return sum(len(chunk.user_data) for each in sctp._inbound_streams.values() for chunk in each.reassembly)


async def close(connection: RTCPeerConnection) -> None:
    """Closes a connection even where an odd offer has left it half made, which aiortc cannot."""
    try:
        await connection.close()
    except Exception as error:
        log.warning("connection did not close in order: %s: %s", type(error).__name__, error)
        parts = vars(connection)
        for transports in ("_RTCPeerConnection__dtlsTransports", "_RTCPeerConnection__iceTransports"):
            for each in parts[transports]:
                await each.stop()


def is_connection_task(task: object) -> bool:
    """Whether a task is aiortc's or aioice's own: what a stranger sent ended it, and no bug of ours."""
    code = getattr(getattr(task, "get_coro", lambda: None)(), "cr_code", None)
    return code is not None and any(part in code.co_filename for part in ("aiortc", "aioice"))
