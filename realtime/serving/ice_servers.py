"""STUN and TURN servers that WHIP and WHEP clients are told of, by Link headers (RFC 9725, section 4.6).

They are for the clients alone: this server contacts none of them.
"""

from __future__ import annotations

import re

from realtime.errors import ServeError

URL = re.compile(r"(stuns?:[^\s<>\"?]+|turns?:[^\s<>\"?]+(\?transport=(udp|tcp))?)")
QUOTABLE = re.compile(r"[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+")


def link_headers(setting: str) -> tuple[str, ...]:
    """One Link header for each server in the setting: 'URL' or 'URL user password', comma separated.

    Raises:
        ServeError: one of them is neither.
    """
    return tuple(_link(each.split()) for each in setting.split(",") if each.strip())


def _link(words: list[str]) -> str:
    turn = words[0].startswith("turn")
    wanted = 3 if turn else 1
    if URL.fullmatch(words[0]) is None or len(words) != wanted or not all(map(QUOTABLE.fullmatch, words)):
        raise ServeError(
            "ice-server: expected stun:HOST[:PORT], or turn:HOST[:PORT][?transport=udp|tcp] USER PASSWORD, "
            f"got {words[0]!r} and {len(words) - 1} more words"  # not what they say: a password may be there
        )
    link = f'<{words[0]}>; rel="ice-server"'
    if turn:
        link += f'; username="{words[1]}"; credential="{words[2]}"; credential-type="password"'
    return link
