from __future__ import annotations

import pytest

from realtime.errors import ServeError
from realtime.serving.security import allowed_hosts, check_host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "localhost", "::1"])
def test_loopback_may_be_served(host: str) -> None:
    check_host(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])
def test_any_other_address_is_refused_with_the_reason(host: str) -> None:
    with pytest.raises(ServeError, match=r"expected a loopback address .* no access control"):
        check_host(host)


def test_names_of_this_machine_with_the_port_are_allowed() -> None:
    hosts = allowed_hosts("127.0.0.1", 8080)
    assert hosts == {"127.0.0.1:8080", "localhost:8080", "[::1]:8080"}
    assert "[::1]:8080" in allowed_hosts("::1", 8080)
    assert "localhost" in allowed_hosts("127.0.0.1", 80)
