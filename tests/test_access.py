"""Which runs are allowed at all, and what the person at the terminal is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from realtime.config import Config
from realtime.errors import ServeError
from realtime.serving.access import Access
from tests.certificates import authority, signed, write_pair


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "localhost", "::1"])
def test_loopback_needs_nothing(host: str) -> None:
    access = Access(Config(host=host))
    access.listens_at(8080)
    assert (access.tls, access.gate) == (None, None)
    assert access.welcome() == []
    assert access.link == access.url


def test_loopback_may_ask_for_a_token() -> None:
    access = Access(Config(token=True))
    access.listens_at(8080)
    assert access.gate is not None
    assert access.url == "http://127.0.0.1:8080"
    assert access.link == f"http://127.0.0.1:8080/enter#{access.gate.link}"
    assert access.cookie == "ifdd-8080"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "::ffff:127.0.0.1"])
def test_any_other_address_wants_tls_and_says_why(host: str) -> None:
    with pytest.raises(ServeError) as caught:
        Access(Config(host=host))
    text = str(caught.value)
    assert text.startswith("host: expected a loopback address such as 127.0.0.1, or TLS with --tls auto")
    assert text.endswith(f"got '{host}' without, which lets the network read along")
    assert "\n" not in text
    assert caught.value.exit_code == 3


def test_a_network_gets_a_token_without_being_asked_for_it() -> None:
    access = Access(Config(host="192.168.1.4", tls="auto"))
    access.listens_at(8443)
    assert access.gate is not None
    assert access.tls is not None
    assert access.url == "https://192.168.1.4:8443"
    assert access.cookie == "__Host-ifdd-8443"
    told = "\n".join(access.welcome())
    assert access.tls.fingerprint in told
    assert access.gate.token in told
    assert access.link in told


def test_on_all_addresses_the_link_leads_to_one_that_others_reach() -> None:
    access = Access(Config(host="0.0.0.0", tls="auto", hostname="cam.lan"))
    access.listens_at(8443)
    assert access.url == "https://cam.lan:8443"
    mapped = Access(Config(host="0.0.0.0", tls="auto", hostname="cam.lan:443"))
    mapped.listens_at(8443)
    assert mapped.url == "https://cam.lan:443"
    nameless = Access(Config(host="0.0.0.0", tls="auto"))
    nameless.listens_at(8443)
    assert "0.0.0.0" not in nameless.url
    assert nameless.names.allows([nameless.url.removeprefix("https://")])


def test_a_certificate_from_files_serves_a_network_too(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path, *signed("cam.lan", *authority()))
    access = Access(Config(host="0.0.0.0", tls_cert=str(certificate), tls_key=str(key)))
    assert access.gate is not None
    assert not any(access.tls is not None and access.tls.fingerprint in line for line in access.welcome())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "no-such-name.invalid", "tls": "auto"}, "expected an address or name of this machine"),
        ({"hostname": "http://x"}, "hostname: expected NAME"),
        ({"tls_cert": "absent.pem", "tls_key": "absent.pem"}, "tls-cert absent.pem: expected"),
    ],
)
def test_what_cannot_be_had_ends_with_one_line(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ServeError, match=words) as caught:
        Access(Config(**settings))
    assert "\n" not in str(caught.value)
