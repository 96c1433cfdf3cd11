"""Where a stream is published to: address and token, judged before anything is sent, and what may be told."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from realtime.config import Config
from realtime.errors import ConfigError
from realtime.serving.hosts import in_url, is_loopback

TOKEN_VARIABLE = "IFDD_PUBLISH_TOKEN"
# what a header line can carry; RFC 6750 allows less, and servers more
TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True)
class Target:
    """A WHIP endpoint.

    Attributes:
        url: its address; path and query may be secrets, so nothing but `shown` is told to anybody.
        token: the bearer token, "" for none.
        insecure: plain http is allowed beyond loopback.
    """

    url: str = field(repr=False)
    token: str = field(default="", repr=False)
    insecure: bool = False

    @property
    def host(self) -> str:
        """Host and port as people write them."""
        return _authority(urlsplit(self.url))

    @property
    def shown(self) -> str:
        """Scheme, host and port: the address without what may be secret."""
        return f"{urlsplit(self.url).scheme}://{self.host}"

    @property
    def local(self) -> bool:
        """Whether the endpoint is on this machine's loopback."""
        return is_loopback(urlsplit(self.url).hostname or "")

    def problem(self, url: str) -> str | None:
        """Why nothing of ours may go to `url`, the endpoint's or one that the endpoint names; or None."""
        parts = _split(url)
        if parts is None:
            return "expected an address https://HOST[:PORT]/PATH"
        if parts.username is not None or parts.password is not None:
            return "expected an address without a name and password in it; a token goes by --publish-token"
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            if not self.insecure:
                return (
                    f"expected https://, got http:// to {_authority(parts)}, where the token and the keys of "
                    "the pictures could be read on the way; --publish-insecure allows it"
                )
            if urlsplit(self.url).scheme == "https":
                return f"expected https:// to stay, got http:// to {_authority(parts)}"
        return None


def read_target(config: Config, environment: Mapping[str, str] = os.environ) -> Target | None:
    """Where the settings want the stream published; None where they do not.

    Raises:
        ConfigError: the address or the token is none, or the address would need --publish-insecure; one
            clear line without the secrets.
    """
    if not config.publish:
        return None
    target = Target(config.publish, _token(config.publish_token, environment), config.publish_insecure)
    if (problem := target.problem(config.publish)) is not None:
        raise ConfigError(f"publish: {problem}")
    return target


def read_targets(
    streams: Mapping[str, object], config: Config, environment: Mapping[str, str] = os.environ
) -> dict[str, Target]:
    """Where the streams are published to, by their names, as the settings of each have it.

    An address that several have is the first one's, for it takes one stream; `config` is that of a stream
    which has none of its own, the first one alone.

    Raises:
        ConfigError: as `read_target` does.
    """
    found: dict[str, Target] = {}
    for number, (name, stream) in enumerate(streams.items()):
        own = getattr(stream, "config", config if number == 0 else None)
        try:
            target = None if own is None else read_target(own, environment)
        except ConfigError as error:
            raise error if len(streams) == 1 else ConfigError(f"stream {name}: {error}") from None
        if target is not None and target.url not in {each.url for each in found.values()}:
            found[name] = target
    return found


def _token(setting: str, environment: Mapping[str, str]) -> str:
    token, origin = setting or environment.get(TOKEN_VARIABLE, ""), "publish_token"
    if not setting:
        origin = TOKEN_VARIABLE
    elif setting.startswith("@"):
        origin = f"publish_token file {setting[1:]}"
        try:
            token = Path(setting[1:]).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{origin}: expected a readable text file, got {type(error).__name__}"
            ) from None
        if not token:
            raise ConfigError(f"{origin}: expected a token, got nothing")
    if token and not TOKEN.fullmatch(token):
        raise ConfigError(f"{origin}: expected one word of ASCII characters, got something else")
    return token


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # ValueError where it is none
    except ValueError:
        return None
    plain = url.isascii() and url.isprintable() and " " not in url
    return parts if plain and parts.scheme in ("http", "https") and parts.hostname else None


def _authority(parts: SplitResult) -> str:
    host = in_url(parts.hostname or "")
    return host if parts.port is None else f"{host}:{parts.port}"
