from __future__ import annotations

import pytest

from realtime.serving.offer import read_offer
from tests.descriptions import BROADCASTER_SENDS, CHROMIUM_SENDS, CHROMIUM_WATCHES


def test_what_browsers_and_broadcasters_send_fits() -> None:
    assert read_offer(CHROMIUM_WATCHES, "watch").codec == "H264"
    assert read_offer(CHROMIUM_SENDS, "send").codec == "H264"
    assert read_offer(BROADCASTER_SENDS, "send").codec == "H264"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 7 0 1", "one BUNDLE group"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 0 1", "one BUNDLE group"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0\r\na=group:BUNDLE 1", "one BUNDLE group"),
        ("a=mid:1", "a=mid:0", "a=mid each of its own"),
        ("a=mid:1\r\n", "", "a=mid each of its own"),
        ("a=sctp-port:5000", "a=sctp-port:0", "a=sctp-port from 1"),
        ("a=sctp-port:5000\r\n", "", "a=sctp-port from 1"),
        ("a=extmap:5 ", "a=extmap:300 ", "a=extmap from 1 to 255, got 300"),
        ("a=rtpmap:96 ", "a=rtpmap:200 ", "payload type from 0 to 127, got 200"),
    ],
)
def test_parts_that_do_not_fit_are_one_clear_line(before: str, after: str, words: str) -> None:
    assert before in CHROMIUM_WATCHES
    with pytest.raises(ValueError, match=words) as caught:
        read_offer(CHROMIUM_WATCHES.replace(before, after), "watch")
    assert "\n" not in str(caught.value)


def test_an_offer_without_a_fingerprint_or_with_an_impossible_source_is_refused() -> None:
    lines = BROADCASTER_SENDS.splitlines(keepends=True)
    with pytest.raises(ValueError, match="a=fingerprint for the audio section"):
        read_offer("".join(line for line in lines if not line.startswith("a=fingerprint")), "send")
    with pytest.raises(ValueError, match="a=ssrc from 1 to 4294967295, got 4294967296"):
        read_offer(BROADCASTER_SENDS.replace("ssrc:1738124421", "ssrc:4294967296"), "send")


def test_two_sections_of_a_kind_are_too_many() -> None:
    start = CHROMIUM_WATCHES.index("m=application")
    twice = CHROMIUM_WATCHES + CHROMIUM_WATCHES[start:].replace("a=mid:1", "a=mid:2")
    with pytest.raises(ValueError, match="at most one section of a kind"):
        read_offer(twice, "watch")
