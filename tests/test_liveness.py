from __future__ import annotations

from realtime.clock import to_ns
from realtime.serving.liveness import Liveness


def test_a_peer_never_heard_gets_time_to_connect() -> None:
    live = Liveness(0, silence_s=4, patience_s=15)
    live.sent(to_ns(1))
    assert not live.gone(to_ns(14.9))
    assert live.gone(to_ns(15.1))


def test_silence_counts_from_the_first_thing_unanswered() -> None:
    live = Liveness(0, silence_s=4)
    live.heard(to_ns(1))
    live.sent(to_ns(2))
    live.sent(to_ns(5))
    assert not live.gone(to_ns(5.9))
    assert live.gone(to_ns(6.1))
    live.heard(to_ns(6.1))
    assert not live.gone(to_ns(9))


def test_a_peer_that_was_sent_nothing_may_be_silent() -> None:
    live = Liveness(0, silence_s=4)
    live.heard(to_ns(1))
    assert not live.gone(to_ns(1000))
