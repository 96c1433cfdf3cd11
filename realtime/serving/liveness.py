"""When a peer that says nothing counts as gone: pure, time is an argument."""

from __future__ import annotations

from realtime.clock import NS_PER_S


class Liveness:
    """Judges a peer by its silence, not by ICE consent, which takes about 30 s to expire.

    A peer that was sent something and has answered nothing for `silence_s` since is gone. One that was
    never heard gets `patience_s` from the start, for the connection to be made.
    """

    def __init__(self, t_ns: int, silence_s: float = 4.0, patience_s: float = 15.0) -> None:
        self._silence_ns = round(silence_s * NS_PER_S)
        self._patience_ns = round(patience_s * NS_PER_S)
        self._started_ns = t_ns
        self._heard_ns: int | None = None
        self._unanswered_ns: int | None = None

    def sent(self, t_ns: int) -> None:
        """Notes that something which calls for an answer was sent."""
        if self._unanswered_ns is None:
            self._unanswered_ns = t_ns

    def heard(self, t_ns: int) -> None:
        """Notes a sign of life."""
        self._heard_ns = t_ns
        self._unanswered_ns = None

    def gone(self, t_ns: int) -> bool:
        """True when the peer's silence has lasted too long at `t_ns`."""
        if self._heard_ns is None:
            return t_ns - self._started_ns > self._patience_ns
        return self._unanswered_ns is not None and t_ns - self._unanswered_ns > self._silence_ns
