from __future__ import annotations

import pytest

from realtime.errors import ServeError
from realtime.serving.ice_servers import link_headers


def test_servers_become_link_headers() -> None:
    assert link_headers("") == ()
    assert link_headers("stun:stun.example.net:3478, turns:turn.example.net?transport=tcp ann secret") == (
        '<stun:stun.example.net:3478>; rel="ice-server"',
        '<turns:turn.example.net?transport=tcp>; rel="ice-server"; username="ann"; credential="secret"; '
        'credential-type="password"',
    )


@pytest.mark.parametrize(
    "setting",
    ["http://x", "stun:", "stun:a user password", "turn:a", "turn:a user", 'turn:a us"er password',
     "turn:a?transport=sctp user password", "stun:a\r\nSet-Cookie:x", "turn:a user pass\\word"],
)  # fmt: skip
def test_what_is_no_server_is_refused_without_telling_a_password(setting: str) -> None:
    with pytest.raises(ServeError, match="ice-server: expected stun:HOST") as caught:
        link_headers(setting)
    assert "pass" not in str(caught.value).removesuffix(" PASSWORD").replace("USER PASSWORD", "")
    assert "\n" not in str(caught.value)
