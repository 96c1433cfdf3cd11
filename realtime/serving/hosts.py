"""Under which names the server is reached: exact Host and Origin checks need the list.

A page of another site can have its own name point at this machine (DNS rebinding); a browser then sends
that name as Host, which is how such a request is told from one of ours. So names are compared whole.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

import ifaddr

from realtime.config import Config
from realtime.errors import ServeError

AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?")
DEFAULT_PORTS = {"http": 80, "https": 443}
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


def is_loopback(host: str) -> bool:
    """Whether `host` is the loopback network: localhost or a literal address; no other name is trusted."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def machine_addresses() -> list[str]:
    """This machine's IP addresses, loopback among them; without those that need an interface's name."""
    found = []
    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            if isinstance(each.ip, str):
                found.append(each.ip)
            elif each.ip[2] == 0:
                found.append(each.ip[0])
    return list(dict.fromkeys(found))


def served_addresses(host: str) -> list[str]:
    """The literal addresses at which a server bound to `host` is reached.

    Raises:
        ServeError: `host` is a name that means nothing here.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _resolve(host)
    if not address.is_unspecified:
        return [str(address)]
    # a socket bound to :: is for IPv6 alone in asyncio
    return [each for each in machine_addresses() if ipaddress.ip_address(each).version == address.version]


def _resolve(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ServeError(f"host: expected an address or name of this machine, got {host!r}") from None
    return list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))


@dataclass(frozen=True, slots=True)
class HostNames:
    """The names and ports under which the server answers.

    Attributes:
        scheme: "http" or "https".
        names: pairs of a lower case name or a canonical IP address, and a port.
    """

    scheme: str
    names: frozenset[tuple[str, int]]

    def parse(self, authority: str) -> tuple[str, int] | None:
        """Name and port of a Host header, None where it is not exactly one."""
        match = AUTHORITY.fullmatch(authority)
        if match is None:
            return None
        name, port = match[1].lower(), int(match[2] or DEFAULT_PORTS[self.scheme])
        if name.startswith("["):
            try:
                name = ipaddress.IPv6Address(name[1:-1]).compressed
            except ValueError:
                return None
        return name, port

    def allows(self, hosts: list[str]) -> bool:
        """Whether the Host headers of a request are one, and one of ours."""
        return len(hosts) == 1 and self.parse(hosts[0]) in self.names

    def same_origin(self, host: str, origin: str) -> bool:
        """Whether a page of `origin` was loaded from the very place that `host` names."""
        scheme, separator, authority = origin.partition("://")
        if separator != "://" or scheme != self.scheme:
            return False
        parsed = self.parse(authority)
        return parsed is not None and parsed == self.parse(host)


def host_names(config: Config, scheme: str, port: int) -> HostNames:
    """The names under which a server with these settings answers at `port`.

    Raises:
        ServeError: a name in the settings is none.
    """
    addresses = served_addresses(config.host)
    names = {*addresses, config.host}
    if is_loopback(config.host) or any(is_loopback(each) for each in addresses):
        names |= set(LOOPBACK_NAMES)
    found = {(name.lower(), port) for name in names}
    bare = HostNames(scheme, frozenset())
    for text in further_names(config):
        parsed = bare.parse(text)
        if parsed is None:
            raise ServeError(f"hostname: expected NAME or NAME:PORT, got {text!r}")
        found.add((parsed[0], parsed[1] if re.search(r":\d+$", text) else port))
    return HostNames(scheme, frozenset(found))


def further_names(config: Config) -> list[str]:
    """What `--hostname` lists."""
    return [each.strip() for each in config.hostname.split(",") if each.strip()]


def in_url(host: str) -> str:
    """The host as an address line has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
