from __future__ import annotations

import asyncio

import pytest

from realtime.serving.offer import read_offer
from tests.webrtc_client import connection, offer_to_watch


def offer(codec: str | None = None, channel: bool = False) -> str:
    async def main() -> str:
        pc = connection()
        try:
            if channel:
                pc.createDataChannel("results")
            return await offer_to_watch(pc, codec)
        finally:
            await pc.close()

    return asyncio.run(main())


def test_h264_is_chosen_where_both_are_offered_and_vp8_where_it_is_not() -> None:
    assert read_offer(offer(), "watch").codec == "H264"
    assert read_offer(offer("VP8"), "watch").codec == "VP8"


def test_a_data_channel_beside_the_video_is_fine() -> None:
    assert read_offer(offer(channel=True), "watch").codec == "H264"


def test_the_direction_must_fit() -> None:
    text = offer()
    with pytest.raises(ValueError, match="expected a video section that is sendonly, got recvonly"):
        read_offer(text, "send")
    with pytest.raises(ValueError, match="expected a video section that is recvonly, got inactive"):
        read_offer(text.replace("a=recvonly", "a=inactive"), "watch")


def test_codecs_that_we_do_not_know_are_refused() -> None:
    text = offer("VP8").replace("VP8/90000", "AV1/90000")
    with pytest.raises(ValueError, match=r"with H264 \(baseline\) or VP8, got .*AV1"):
        read_offer(text, "watch")


def test_other_media_are_refused() -> None:
    text = offer()
    start = text.index("m=video")
    with pytest.raises(ValueError, match="one video section"):
        read_offer(text + text[start:], "watch")
    with pytest.raises(ValueError, match="one video section"):
        read_offer(text[:start], "watch")


@pytest.mark.parametrize(
    "text", ["", "hello", "v=0", "v=0\r\nm=video", "v=0\r\nm=video x y z\r\n", "\x00" * 50, "v=0\r\nc=1\r\n"]
)
def test_what_is_no_offer_is_one_clear_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected an") as caught:
        read_offer(text, "watch")
    assert "\n" not in str(caught.value)
