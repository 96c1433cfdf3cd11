from __future__ import annotations

import pytest

from realtime.config import Config
from realtime.errors import ServeError
from realtime.serving.hosts import HostNames, host_names, is_loopback, machine_addresses, served_addresses


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "localhost", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "127.evil.com", "localhost.evil.com", ""])
def test_what_only_looks_like_loopback_is_none(host: str) -> None:
    assert not is_loopback(host)


def names(host: str = "127.0.0.1", scheme: str = "http", port: int = 8080, hostname: str = "") -> HostNames:
    return host_names(Config(host=host, hostname=hostname), scheme, port)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LocalHost:8080", "[::1]:8080",
                                  "[0:0:0:0:0:0:0:1]:8080"])  # fmt: skip
def test_our_own_names_are_allowed(host: str) -> None:
    assert names().allows([host])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:80", "localhost:8081", "localhost:8080.", "localhost.:8080", "127.evil.com:8080",
     "localhost:8080@evil.com", "evil.com", "::1:8080", "[::1", "[::1%25lo]:8080", "127.0.0.1:8080 ", "",
     "127.1:8080", "2130706433:8080", "[::ffff:127.0.0.1]:8080", "localhost:99999", "\udcff:8080"],
)  # fmt: skip
def test_no_other_name_is(host: str) -> None:
    assert not names().allows([host])


def test_a_request_needs_exactly_one_host() -> None:
    assert not names().allows([])
    assert not names().allows(["localhost:8080", "localhost:8080"])


def test_the_port_of_the_scheme_may_be_left_out() -> None:
    assert names(port=80).allows(["localhost"])
    assert names(port=443, scheme="https").allows(["[::1]"])
    assert not names(port=443).allows(["localhost"])


def test_an_origin_must_be_the_very_place_that_was_asked() -> None:
    found = names(scheme="https", port=8443)
    assert found.same_origin("[::1]:8443", "https://[::1]:8443")
    assert found.same_origin("localhost:8443", "https://LOCALHOST:8443")
    for origin in (
        *("http://localhost:8443", "https://localhost", "https://127.0.0.1:8443", "null", ""),
        *("https://localhost:8443/", "https://localhost:8443.evil.com", "https://evil.com:8443"),
    ):
        assert not found.same_origin("localhost:8443", origin), origin


def test_on_a_network_the_machines_addresses_and_the_named_hosts_are_allowed() -> None:
    found = names("0.0.0.0", hostname="cam.lan, kiosk.example:443")
    for address in machine_addresses():
        assert found.allows([f"{address}:8080"]) == (":" not in address)
    assert found.allows(["cam.lan:8080"])
    assert found.allows(["kiosk.example:443"])
    assert not found.allows(["kiosk.example:8080"])
    assert not found.allows(["other.lan:8080"])


def test_one_address_of_a_network_is_served_under_that_alone() -> None:
    found = names("192.168.1.4")
    assert found.names == {("192.168.1.4", 8080)}
    assert names("fd00::0:2").allows(["[fd00::2]:8080"])


def test_a_name_is_served_under_its_addresses_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "realtime.serving.hosts.socket.getaddrinfo",
        lambda *_, **__: [(0, 0, 0, "", ("192.168.1.9", 0))] * 2,
    )
    assert served_addresses("cam.lan") == ["192.168.1.9"]
    assert names("cam.lan").names == {("cam.lan", 8080), ("192.168.1.9", 8080)}


@pytest.mark.parametrize("host", ["no-such-name.invalid", "", "a" * 300, "a b"])
def test_a_name_that_means_nothing_is_one_clear_line(host: str) -> None:
    with pytest.raises(ServeError, match="host: expected an address or name of this machine") as caught:
        served_addresses(host)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("hostname", ["http://cam.lan", "cam lan", "cam.lan/", "cam.lan:x"])
def test_a_hostname_that_is_none_is_refused(hostname: str) -> None:
    with pytest.raises(ServeError, match="hostname: expected NAME or NAME:PORT"):
        names(hostname=hostname)
