"""One viewer: pictures of the shared encoder, results on a data channel. Event loop only."""

from __future__ import annotations

from typing import Any

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from realtime.clock import now_ns
from realtime.serving import aiortc_internals as internals
from realtime.serving.broadcast import Broadcast
from realtime.serving.limits import DEFAULT_LIMITS, PeerLimits
from realtime.serving.liveness import Liveness
from realtime.serving.media import Media, media
from realtime.serving.offer import Offer
from realtime.serving.trickle import Trickle

RESULTS_CHANNEL = "results"
# The page opens one; each costs memory here.
MAX_CHANNELS = 4


def new_connection() -> RTCPeerConnection:
    """A connection without STUN: its time-out costs 5 s, and nothing shall leave the machine."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


class Viewer:
    """A WHEP session."""

    def __init__(
        self,
        broadcast: Broadcast,
        offer: Offer,
        limits: PeerLimits = DEFAULT_LIMITS,
        where: Media | None = None,
    ) -> None:
        """Makes the session without connecting.

        Args:
            broadcast: what is watched.
            offer: of the viewer.
            limits: what the viewer may use.
            where: its UDP sockets' place, on this machine alone where none is given.
        """
        self.stream_name = broadcast.stream.name
        self.results_sent = 0
        self.results_dropped = 0
        self._broadcast, self._offer = broadcast, offer
        self._limits, self._where = limits, where or media("127.0.0.1")
        self._connection = new_connection()
        self.trickle = Trickle(self._connection, offer.parsed, limits.candidates)
        self._track = broadcast.track(offer.codec)
        self._channel: RTCDataChannel | None = None
        self._channels = 0
        self._violation: str | None = None
        self._live = Liveness(now_ns(), limits.silence_seconds, limits.connect_seconds)
        self._sent_before = 0
        self._closed = False

    async def answer(self) -> str:
        """The SDP answer, with all candidates in it.

        Raises:
            ValueError: the offer cannot be answered; one clear line.
        """
        self._connection.on("datachannel", self._on_channel)
        self._connection.on("connectionstatechange", self._on_state)
        transceiver = self._connection.addTransceiver(self._track, direction="sendonly")
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        # before the remote description: afterwards aiortc has negotiated VP8 and would label H264 so
        transceiver.setCodecPreferences(
            [each for each in capabilities if each.name in (self._offer.codec, "rtx")]
        )
        internals.watch_sender(transceiver.sender, self._on_keyframe_request, self._heard)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(self._offer.text, "offer"))
            internals.send_playout_delay(transceiver, self._offer.parsed)
            if (codec := internals.negotiated_codec(transceiver)) != self._offer.codec:
                raise ValueError(f"expected to negotiate {self._offer.codec}, got {codec}")
            internals.bind_media(self._connection, self._where.addresses, self._where.accept)
            await self._connection.setLocalDescription()
        except Exception as error:  # aiortc raises what its parser meets: an SDP from outside is no bug
            raise ValueError(f"expected an SDP offer to watch, got one that fails: {error}") from error
        return internals.with_message_limit(
            str(self._connection.localDescription.sdp), self._limits.message_bytes
        )

    def problem(self, t_ns: int) -> str | None:
        """Why the viewer counts as gone at `t_ns`, or None."""
        if self._connection.connectionState in ("failed", "closed"):
            return f"connection {self._connection.connectionState}"
        if internals.unread_bytes(self._connection) > MAX_CHANNELS * self._limits.message_bytes:
            self._violation = "data channel: unfinished messages"
        if self._violation is not None:
            return self._violation
        if self._track.sent != self._sent_before:
            self._sent_before = self._track.sent
            self._live.sent(t_ns)
        return "silent" if self._live.gone(t_ns) else None

    def status(self) -> dict[str, Any]:
        """What the status says of this viewer."""
        return {
            "state": self._connection.connectionState,
            "codec": self._track.codec,
            "pictures_sent": self._track.sent,
            "pictures_dropped": self._track.dropped,
            "results_sent": self.results_sent,
            "results_dropped": self.results_dropped,
        }

    async def close(self) -> None:
        """Ends the session. Can be called twice."""
        if not self._closed:
            self._closed = True
            self._broadcast.unlisten(self._send_result)
            self._broadcast.leave(self._track)
            await self._connection.close()

    def _on_keyframe_request(self) -> None:
        self._broadcast.request_keyframe(self._track.codec)

    def _heard(self, *_: object) -> None:
        self._live.heard(now_ns())

    def _on_state(self) -> None:
        if self._connection.connectionState == "connected":
            self._heard()

    def _on_channel(self, channel: RTCDataChannel) -> None:
        self._channels += 1
        if self._channels > MAX_CHANNELS:
            self._violation = f"data channels: more than {MAX_CHANNELS}"
            return
        channel.on("message", self._on_message)
        if channel.label == RESULTS_CHANNEL and self._channel is None and not self._closed:
            self._channel = channel
            self._broadcast.listen(self._send_result)

    def _on_message(self, message: str | bytes) -> None:
        self._heard()
        if len(message) > self._limits.message_bytes:
            self._violation = f"data channel: a message of more than {self._limits.message_bytes} bytes"

    def _send_result(self, text: str) -> None:
        channel = self._channel
        if (
            channel is None
            or channel.readyState != "open"
            or channel.bufferedAmount > self._limits.channel_bytes
        ):
            # what waits is older than the next result
            self.results_dropped += 1
            return
        channel.send(text)
        self.results_sent += 1
