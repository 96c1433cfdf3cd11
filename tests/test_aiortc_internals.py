"""The contract with aiortc's private parts: these tests fail when aiortc changes them."""

from __future__ import annotations

import asyncio
import inspect

import av
import pytest
from aiortc import RTCRtpReceiver, RTCRtpSender, RTCSessionDescription, rtcdtlstransport
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import (
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    HeaderExtensions,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtpPacket,
    unpack_header_extensions,
)

from realtime.serving import aiortc_internals as internals
from realtime.serving.track import PacketTrack
from tests.webrtc_client import PLAYOUT_DELAY, connection, offer_to_watch


def parameters(**ids: int) -> RTCRtpParameters:
    uris = {
        "mid": "urn:ietf:params:rtp-hdrext:sdes:mid",
        "time": "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    }
    return RTCRtpParameters(
        headerExtensions=[
            RTCRtpHeaderExtensionParameters(id=id_, uri=uris[name]) for name, id_ in ids.items()
        ]
    )


@pytest.mark.parametrize("own_id", [5, 14, 15, 200])
@pytest.mark.parametrize("mid", ["0", "video7"])
def test_every_packet_carries_the_playout_delay(own_id: int, mid: str) -> None:
    extensions = internals.PlayoutDelayMap(own_id)
    extensions.configure(parameters(mid=1, time=3))
    packet = RtpPacket(payload_type=97, payload=b"picture")
    packet.extensions = HeaderExtensions(mid=mid, abs_send_time=0x123456)
    data = packet.serialize(extensions)
    profile, length = int.from_bytes(data[12:14], "big"), int.from_bytes(data[14:16], "big") * 4
    found = dict(unpack_header_extensions(profile, data[16 : 16 + length]))
    assert found == {1: mid.encode(), 3: b"\x12\x34\x56", own_id: b"\x00\x00\x00"}
    assert data[16 + length :] == b"picture"


def test_a_packet_with_no_other_extension_carries_it_too() -> None:
    profile, data = internals.PlayoutDelayMap(6).set(HeaderExtensions())
    assert unpack_header_extensions(profile, data) == [(6, b"\x00\x00\x00")]


def test_our_own_offer_can_carry_the_playout_delay() -> None:
    async def main() -> None:
        pc = connection()
        pc.addTransceiver("video", direction="sendonly")
        pc.createDataChannel("results")
        await pc.setLocalDescription(await pc.createOffer())
        offer = internals.offer_playout_delay(pc.localDescription.sdp)
        parsed = internals.parse_offer(offer)
        found = internals.offered_extension(parsed, internals.PLAYOUT_DELAY_URI)
        assert found is not None
        others = {each.id for each in parsed.media[0].rtp.headerExtensions if each != found}
        assert found.id not in others
        assert offer.count(internals.PLAYOUT_DELAY_URI) == 1
        await pc.close()

    asyncio.run(main())


def new_track() -> PacketTrack:
    return PacketTrack("H264", on_reading=lambda _: None, ask_keyframe=lambda _: None)


@pytest.mark.parametrize("offered", [True, False])
def test_the_answer_takes_the_playout_delay_only_where_it_was_offered(offered: bool) -> None:
    async def main() -> str:
        client, server = connection(), connection()
        try:
            text = await offer_to_watch(client)
            if offered:
                text = text.replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\n" + PLAYOUT_DELAY, 1)
            transceiver = server.addTransceiver(new_track(), direction="sendonly")
            await server.setRemoteDescription(RTCSessionDescription(text, "offer"))
            assert internals.send_playout_delay(transceiver, internals.parse_offer(text)) is offered
            assert isinstance(vars(transceiver.sender)[internals._MAP], internals.PlayoutDelayMap) is offered
            await server.setLocalDescription()
            return str(server.localDescription.sdp)
        finally:
            await client.close()
            await server.close()

    assert (PLAYOUT_DELAY.strip() in asyncio.run(main())) is offered


def test_keyframe_requests_and_feedback_reach_the_hooks() -> None:
    async def main() -> list[str]:
        told: list[str] = []
        server = connection()
        try:
            sender = server.addTransceiver(new_track(), direction="sendonly").sender
            internals.watch_sender(sender, lambda: told.append("keyframe"), lambda: told.append("feedback"))
            # through the attribute, as aiortc's transport calls it
            await sender._handle_rtcp_packet(RtcpRrPacket(ssrc=1, reports=[]))
            for fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
                await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=fmt, ssrc=1, media_ssrc=sender._ssrc))
        finally:
            await server.close()
        return told

    assert asyncio.run(main()) == ["feedback", "feedback", "keyframe", "feedback", "keyframe"]


def test_aiortc_still_looks_the_hooks_up_on_the_sender() -> None:
    assert "recipient._handle_rtcp_packet(packet)" in inspect.getsource(rtcdtlstransport)
    assert "self._send_keyframe()" in inspect.getsource(RTCRtpSender._handle_rtcp_packet)
    source = inspect.getsource(RTCRtpSender)
    assert "packet.serialize(self.__rtp_header_extensions_map)" in source
    assert "self.__encoder.pack(data)" in source


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_the_negotiated_codec_is_the_preferred_one(codec: str) -> None:
    async def main() -> str:
        client, server = connection(), connection()
        try:
            text = await offer_to_watch(client)
            transceiver = server.addTransceiver(new_track(), direction="sendonly")
            capabilities = RTCRtpSender.getCapabilities("video").codecs
            transceiver.setCodecPreferences([each for each in capabilities if each.name in (codec, "rtx")])
            await server.setRemoteDescription(RTCSessionDescription(text, "offer"))
            return internals.negotiated_codec(transceiver)
        finally:
            await client.close()
            await server.close()

    assert asyncio.run(main()) == codec


def test_only_the_newest_frame_of_a_remote_track_is_kept() -> None:
    async def main() -> None:
        track = RemoteStreamTrack(kind="video")
        frames = [av.VideoFrame(64, 64, "yuv420p") for _ in range(4)]
        for frame in frames:
            track._queue.put_nowait(frame)
        newest, skipped = await internals.newest_frame(track)
        assert newest is frames[3]
        assert skipped == 3
        track._queue.put_nowait(frames[0])
        track._queue.put_nowait(None)
        with pytest.raises(MediaStreamError):
            await internals.newest_frame(track)
        assert track.readyState == "ended"

    asyncio.run(main())


def test_the_receiver_still_fills_that_queue() -> None:
    assert "self._track._queue" in inspect.getsource(RTCRtpReceiver.receive)


def test_packets_are_taken_before_pictures_are_put_together() -> None:
    async def run() -> None:
        pc = connection()
        receiver = pc.addTransceiver("video", direction="recvonly").receiver
        taken: list[RtpPacket] = []
        internals.take_packets(receiver, taken.append)
        packet = RtpPacket(payload=b"x", marker=1)
        # as aiortc's router calls it
        await receiver._handle_rtp_packet(packet, arrival_time_ms=5)
        assert taken == [packet]
        await pc.close()

    asyncio.run(run())
    source = inspect.getsource(rtcdtlstransport.RTCDtlsTransport)
    assert "receiver._handle_rtp_packet(" in source


def test_the_common_codecs_of_an_offer_are_those_that_aiortc_knows() -> None:
    offer = internals.parse_offer(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\n"
        "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 AV1/90000\r\na=rtpmap:98 H264/90000\r\n"
        "a=fmtp:98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
    )
    assert internals.common_video_codecs(offer.media[0]) == {"VP8", "H264"}
