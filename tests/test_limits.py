from __future__ import annotations

import pytest

from realtime.clock import NS_PER_S
from realtime.serving import limits
from realtime.serving.limits import Buckets, counted_address, retry_after


def test_a_bucket_gives_so_many_and_fills_again() -> None:
    buckets = Buckets(per_minute=3)
    assert [buckets.take("a", 0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", 0) == pytest.approx(20)
    assert buckets.take("a", 19 * NS_PER_S) == pytest.approx(1)
    assert buckets.take("a", 20 * NS_PER_S) == 0
    assert buckets.take("a", 20 * NS_PER_S) > 0
    assert [buckets.take("a", 1000 * NS_PER_S) for _ in range(4)][2:] == [0, pytest.approx(20)]


def test_addresses_do_not_share() -> None:
    buckets = Buckets(per_minute=1)
    assert buckets.take("a", 0) == 0
    assert buckets.take("b", 0) == 0
    assert buckets.take("a", 0) > 0


def test_asking_how_long_takes_nothing() -> None:
    buckets = Buckets(per_minute=1)
    assert buckets.wait_s("a", 0) == 0
    assert buckets.take("a", 0) == 0
    assert buckets.wait_s("a", 30 * NS_PER_S) == pytest.approx(30)


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    buckets = Buckets(per_minute=60)
    for _ in range(60):
        buckets.take("a", 100 * NS_PER_S)
    assert buckets.take("a", 50 * NS_PER_S) > 0


def test_the_number_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ADDRESSES", 10)
    buckets = Buckets(per_minute=1)
    for number in range(50):
        buckets.take(str(number), 0)
    assert len(buckets) == 10
    assert buckets.take("49", 0) > 0


@pytest.mark.parametrize(
    ("remote", "counted"),
    [
        ("192.168.1.7", "192.168.1.7"),
        ("::ffff:192.168.1.7", "192.168.1.7"),
        ("fd00:1:2:3:4:5:6:7", "fd00:1:2:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "unknown"),
        ("odd", "odd"),
    ],
)
def test_one_client_is_one_address(remote: str | None, counted: str) -> None:
    assert counted_address(remote) == counted


def test_retry_after_is_whole_seconds() -> None:
    assert retry_after(0.01) == {"Retry-After": "1"}
    assert retry_after(5.2) == {"Retry-After": "6"}
