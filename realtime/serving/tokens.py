"""Who is let in: the access token, links that open once, and the browsers that came through one.

Every secret is random, 256 bits, made at the start and kept in memory only. Secrets are compared in
constant time, and none is put into a log line, an address line or an error.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict

SECRET_BYTES = 32
# Browsers remembered at once; the one let in first goes first.
MAX_SESSIONS = 256


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


class Gate:
    """Knows the token, the one link that opens next, and who has come in. Event loop only."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(SECRET_BYTES)
        self.link = secrets.token_urlsafe(SECRET_BYTES)
        self._sessions: OrderedDict[bytes, None] = OrderedDict()

    def has_token(self, given: str) -> bool:
        """Whether `given` is the token."""
        return _same(given, self.token)

    def open_link(self, given: str) -> bool:
        """Whether `given` is the link's secret; if so, the link is used up and another takes its place."""
        if not _same(given, self.link):
            return False
        self.link = secrets.token_urlsafe(SECRET_BYTES)
        return True

    def new_session(self) -> str:
        """Lets a browser in; the secret that its cookie keeps."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        self._sessions[_digest(secret)] = None
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return secret

    def has_session(self, given: str) -> bool:
        """Whether `given` is the secret of a browser that was let in."""
        # the time of looking up a digest tells nothing of the secrets
        return _digest(given) in self._sessions


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
