"""Who may use the server, decided once at its start: names, TLS, and whether a token is wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from realtime.config import Config
from realtime.errors import ServeError
from realtime.serving.hosts import (
    HostNames,
    further_names,
    host_names,
    in_url,
    is_loopback,
    served_addresses,
)
from realtime.serving.limits import Buckets
from realtime.serving.tls import Tls, make_tls
from realtime.serving.tokens import Gate

# The page that takes the token and the link's secret.
ENTRANCE = "/enter"
WILDCARDS = ("0.0.0.0", "::")


class Access:
    """The rules of one run. Made before the server listens; `listens_at` completes them.

    Attributes:
        tls: what to listen with, None for plain http.
        gate: asks for the token, None where none is wanted.
        names: under which the server answers.
        tries: wrong tokens, by address.
        refused: how many requests were refused, by reason.
    """

    def __init__(self, config: Config, say: Callable[[str], None] = lambda _: None) -> None:
        """Makes the rules.

        Args:
            config: the settings.
            say: tells the person at the terminal one line, which may hold a secret; no log.

        Raises:
            ServeError: what is asked for would let strangers in or read along, or cannot be had; one line.
        """
        self._config, self._say = config, say
        names = host_names(config, "https", 0)
        self.tls: Tls | None = make_tls(config, sorted({name for name, _ in names.names} - {*WILDCARDS}))
        if self.tls is None and not is_loopback(config.host):
            raise ServeError(
                "host: expected a loopback address such as 127.0.0.1, or TLS with --tls auto or with "
                f"--tls-cert and --tls-key, got {config.host!r} without, which lets the network read along"
            )
        self.scheme = "https" if self.tls else "http"
        self.gate = Gate() if config.token or not is_loopback(config.host) else None
        self.names = HostNames(self.scheme, frozenset())
        self.tries = Buckets(config.tries_per_minute)
        self.refused: Counter[str] = Counter()
        self._port = 0

    def listens_at(self, port: int) -> None:
        """Completes the rules once the port is known."""
        self._port = port
        self.names = host_names(self._config, self.scheme, port)

    @property
    def url(self) -> str:
        """The page's address line, by a name under which others reach it where it serves others."""
        host = self._config.host
        if host in WILDCARDS:
            outside = [name for name in served_addresses(host) if not is_loopback(name)]
            host = next(iter([*further_names(self._config), *outside, "localhost"]))
            if self.names.parse(host) in self.names.names:  # NAME:PORT, where a port was mapped
                return f"{self.scheme}://{host}"
        return f"{self.scheme}://{in_url(host)}:{self._port}"

    @property
    def cookie(self) -> str:
        """The cookie's name; cookies do not tell ports apart, so the port is in it."""
        return f"__Host-ifdd-{self._port}" if self.tls else f"ifdd-{self._port}"

    @property
    def link(self) -> str:
        """The link that lets one browser in, once; browsers do not send the part with the secret."""
        return f"{self.url}{ENTRANCE}#{self.gate.link}" if self.gate else self.url

    def welcome(self) -> list[str]:
        """What to tell the person at the terminal at the start, beside `url`."""
        lines = []
        if self.tls is not None and self.tls.self_signed:
            lines.append("The certificate is of its own making: browsers warn of it, and show this SHA-256:")
            lines.append(f"  {self.tls.fingerprint}")
        if self.gate is not None:
            lines.append(f"This link opens it, once:  {self.link}")
            lines.append(f"Token, for programs:  {self.gate.token}")
        return lines

    def say_next_link(self) -> None:
        """Tells the person at the terminal the link that takes the place of the one just used."""
        self._say(f"The link was used; the next one:  {self.link}")
