"""One WebRTC connection to a media server: the shared encoder's pictures out, results beside them.

Event loop only. The other direction of a viewer: the offer is ours, and what is asked of the answer is that
it takes one video.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    sdp,
)

from realtime.clock import NS_PER_S, now_ns
from realtime.serving import aiortc_internals as internals
from realtime.serving.broadcast import Broadcast
from realtime.serving.candidates import keep_usable
from realtime.serving.encoder import CODECS
from realtime.serving.limits import DEFAULT_LIMITS, PeerLimits
from realtime.serving.liveness import Liveness
from realtime.serving.media import outgoing
from realtime.serving.track import PacketTrack
from realtime.serving.viewer import RESULTS_CHANNEL
from realtime.serving.whip_client import IceServer

# A media server that sends no RTCP is heard by its answers to ICE consent checks alone, one each 5 s.
SILENCE_FACTOR = 2


class NoResultsError(ValueError):
    """The answer takes the video and refuses the data channel."""


class Publication:
    """A session that offers H264 and VP8, and sends what the answer takes.

    Attributes:
        changed: set whenever the connection's state changes.
        keyframe_requests: how many came from the other side.
        results_sent, results_dropped: on the data channel.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        limits: PeerLimits = DEFAULT_LIMITS,
        *,
        local: bool = False,
        results: bool = True,
        ice_servers: Sequence[IceServer] = (),
    ) -> None:
        """Makes the session without connecting.

        Args:
            broadcast: what is published.
            limits: times and the size of the data channel's buffer, as for viewers.
            local: the other side is on this machine's loopback.
            results: whether to offer a data channel.
            ice_servers: those that the other side names.
        """
        self.changed = asyncio.Event()
        self.keyframe_requests = 0
        self.results_sent = self.results_dropped = 0
        self._broadcast, self._limits, self._local = broadcast, limits, local
        servers = [RTCIceServer(each.url, each.username, each.credential) for each in ice_servers]
        self._connection = RTCPeerConnection(
            RTCConfiguration(servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._connection.on("connectionstatechange", self._on_state)
        self._transceiver = self._connection.addTransceiver("video", direction="sendonly")
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        order = [*CODECS, "rtx"]
        usable = [each for each in capabilities if each.name in order]
        self._transceiver.setCodecPreferences(sorted(usable, key=lambda each: order.index(each.name)))
        internals.watch_sender(self._transceiver.sender, self._on_keyframe_request, self._heard)
        self._channel = None
        if results:
            # what is late is of no use: nothing is sent twice
            self._channel = self._connection.createDataChannel(
                RESULTS_CHANNEL, ordered=False, maxRetransmits=0
            )
        self._track: PacketTrack | None = None
        self._places: set[str] = set()
        self._started_ns = now_ns()
        self._live = Liveness(self._started_ns, SILENCE_FACTOR * limits.silence_seconds)
        self._sent_before = 0
        self._closed = False

    async def offer(self) -> str:
        """The SDP offer, with all candidates in it."""
        internals.bind_media(self._connection, outgoing(self._local), self._accept)
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return internals.offer_playout_delay(str(self._connection.localDescription.sdp))

    async def accept(self, answer: str) -> None:
        """Takes the answer; the connection is made from now on.

        Raises:
            NoResultsError: it refuses the data channel; nothing can be sent before a new offer without one.
            ValueError: it cannot be used; one clear line.
        """
        text = keep_usable(answer, self._limits.candidates)
        parsed = internals.parse_offer(text, "answer")
        self._check(parsed)
        self._places = {each.ip for media in parsed.media for each in media.ice_candidates}
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(text, "answer"))
        except Exception as error:  # aiortc raises what its parser meets: an SDP from outside is no bug
            raise ValueError(f"expected an SDP answer, got one that fails: {error}") from error
        internals.send_playout_delay(self._transceiver, parsed)
        codec = internals.negotiated_codec(self._transceiver)
        self._track = self._broadcast.track("H264" if codec == "H264" else "VP8")
        self._transceiver.sender.replaceTrack(self._track)
        if self._channel is not None:
            self._broadcast.listen(self._send_result)

    @property
    def connected(self) -> bool:
        """Whether pictures go out."""
        return bool(self._connection.connectionState == "connected")

    @property
    def codec(self) -> str | None:
        """The codec that the answer chose, None before."""
        return None if self._track is None else self._track.codec

    @property
    def sent(self) -> int:
        """Pictures sent."""
        return 0 if self._track is None else self._track.sent

    @property
    def dropped(self) -> int:
        """Pictures left out, because the connection did not take them in time or waited for a keyframe."""
        return 0 if self._track is None else self._track.dropped

    @property
    def sends_results(self) -> bool:
        """Whether the other side took the data channel."""
        return self._channel is not None and self._channel.readyState == "open"

    def problem(self, t_ns: int) -> str | None:
        """Why the session counts as lost at `t_ns`, or None."""
        if self._connection.connectionState in ("failed", "closed"):
            return f"connection {self._connection.connectionState}"
        if internals.unread_bytes(self._connection) > self._limits.message_bytes:
            return "data channel: unfinished messages"
        if not self.connected:
            late = t_ns - self._started_ns > self._limits.connect_seconds * NS_PER_S
            return "no connection in time" if late else None
        if self.sent != self._sent_before:
            self._sent_before = self.sent
            self._live.sent(t_ns)
        return "silent" if self._live.gone(t_ns) else None

    async def close(self) -> None:
        """Ends the session. Can be called twice."""
        if self._closed:
            return
        self._closed = True
        self._broadcast.unlisten(self._send_result)
        if self._track is not None:
            self._broadcast.leave(self._track)
        await internals.close(self._connection)

    def _check(self, answer: sdp.SessionDescription) -> None:
        videos = [media for media in answer.media if media.kind == "video"]
        if len(videos) != 1 or videos[0].port == 0 or videos[0].direction not in ("recvonly", "sendrecv"):
            raise ValueError("expected an SDP answer that takes the video, got one that does not")
        if not internals.common_video_codecs(videos[0]) & set(CODECS):
            offered = sorted({each.name for each in videos[0].rtp.codecs})
            raise ValueError(f"expected an SDP answer with H264 or VP8, got {offered}")
        others = [media for media in answer.media if media.kind == "application"]
        if self._channel is not None and (not others or others[0].port == 0):
            raise NoResultsError("expected an SDP answer that takes the data channel, got one that does not")

    def _accept(self, address: str) -> bool:
        """Whether a datagram is heard: from the places that the answer names alone."""
        if address not in self._places:
            return False
        self._heard()
        return True

    def _heard(self, *_: object) -> None:
        self._live.heard(now_ns())

    def _on_state(self) -> None:
        if self.connected:
            self._heard()
        self.changed.set()

    def _on_keyframe_request(self) -> None:
        self.keyframe_requests += 1
        if self._track is not None:
            self._broadcast.request_keyframe(self._track.codec)

    def _send_result(self, text: str) -> None:
        channel: Any = self._channel
        if channel.readyState != "open" or channel.bufferedAmount > self._limits.channel_bytes:
            self.results_dropped += 1  # what waits is older than the next result
            return
        channel.send(text)
        self.results_sent += 1
