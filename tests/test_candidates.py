from __future__ import annotations

import pytest

from realtime.serving.candidates import TooManyError, keep_usable, read_candidate

HOST = "a=candidate:2 1 udp 2113937151 192.168.1.7 51000 typ host"


def test_a_plain_candidate_is_read() -> None:
    found = read_candidate(HOST + " generation 0 ufrag EsAw network-id 1")
    assert found is not None
    assert (found.ip, found.port, found.type, found.priority) == ("192.168.1.7", 51000, "host", 2113937151)


@pytest.mark.parametrize(
    "line",
    [
        "a=candidate:1 1 udp 2113937151 0b5c3c2e-8a3e-4f4e.local 51000 typ host",
        "a=candidate:1 1 tcp 1518280447 192.168.1.7 9 typ host tcptype active",
        "a=candidate:1 2 udp 2113937151 192.168.1.7 51001 typ host",
        "a=candidate:1 1 udp 2113937151 192.168.1.7 0 typ host",
        "a=candidate:1 1 udp 2113937151 192.168.1.7 51000 typ prflx",
        "a=candidate:1 1 udp 2113937151 0.0.0.0 51000 typ host",
        "a=candidate:1 1 udp 2113937151 224.0.0.251 5353 typ host",
        "a=candidate:1 1 udp 2113937151 example.org 53 typ host",
    ],
)
def test_what_is_of_no_use_is_passed_over(line: str) -> None:
    assert read_candidate(line) is None


def test_addresses_that_are_not_accepted_are_passed_over() -> None:
    assert read_candidate(HOST, accept=lambda address: address == "127.0.0.1") is None
    assert read_candidate(HOST, accept=lambda address: address == "192.168.1.7") is not None


@pytest.mark.parametrize(
    "line",
    [
        "a=candidate:",
        "a=candidate:1 1 udp 1 192.168.1.7",
        "a=candidate:1 1 udp 1 192.168.1.7 port typ host",
        "a=candidate:1 1 udp 1 192.168.1.7 65536 typ host",
        "a=candidate:1 1 udp 99999999999 192.168.1.7 51000 typ host",
        "a=candidate:1 1 udp 1 192.168.1.7 51000 typ host rport x",
    ],
)
def test_what_is_no_candidate_is_one_clear_line(line: str) -> None:
    with pytest.raises(ValueError, match=r"^expected an ICE candidate"):
        read_candidate(line)


def test_an_offer_keeps_the_usable_ones_and_may_get_more() -> None:
    text = f"v=0\r\na=candidate:1 1 udp 2 0b5c3c2e.local 51000 typ host\r\n{HOST}\r\na=end-of-candidates\r\n"
    assert keep_usable(text, 2).splitlines() == ["v=0", HOST]


def test_too_many_candidates_are_refused() -> None:
    text = "v=0\r\n" + f"{HOST}\r\n" * 3
    assert keep_usable(text, 3).count("candidate") == 3
    with pytest.raises(TooManyError, match="at most 2 ICE candidates"):
        keep_usable(text, 2)
