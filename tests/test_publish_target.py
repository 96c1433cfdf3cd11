"""Where a stream is published to: what is accepted, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from realtime.cli import parse
from realtime.config import Config, from_mapping
from realtime.errors import ConfigError
from realtime.serving.publish_target import TOKEN_VARIABLE, Target, read_target, read_targets

URL = "https://sfu.example:8889/cam/whip?key=hidden"


def target(**settings: Any) -> Target:
    found = read_target(Config(**{"publish": URL, **settings}), {})
    assert found is not None
    return found


def test_nothing_is_published_unless_asked_for() -> None:
    assert read_target(Config(), {TOKEN_VARIABLE: "x"}) is None


def test_only_scheme_host_and_port_are_told() -> None:
    found = target(publish_token="hidden")
    assert found.url == URL
    assert (found.shown, found.host) == ("https://sfu.example:8889", "sfu.example:8889")
    assert "hidden" not in repr(found)
    assert target(publish="https://[2001:db8::1]/whip").shown == "https://[2001:db8::1]"


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:9"])
def test_plain_http_is_for_loopback(host: str) -> None:
    assert target(publish=f"http://{host}/whip").local
    assert not target().local


def test_plain_http_to_others_is_refused_unless_allowed() -> None:
    with pytest.raises(
        ConfigError, match=r"expected https://, got http:// to media:8889.*--publish-insecure"
    ):
        target(publish="http://media:8889/cam/whip")
    assert target(publish="http://media:8889/cam/whip", publish_insecure=True).host == "media:8889"


@pytest.mark.parametrize(
    "url",
    [
        "media/whip",
        "ftp://media/whip",
        "https://",
        "https://media:port/x",
        "https://a b/",
        "https://m\u00e9dia/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="publish: expected an address https://HOST"):
        target(publish=url)


def test_a_password_in_the_address_is_refused_and_not_told() -> None:
    with pytest.raises(ConfigError, match="without a name and password") as caught:
        target(publish="https://me:hidden@media/whip")
    assert "hidden" not in str(caught.value)


def test_the_token_comes_from_option_file_or_environment(tmp_path: Path) -> None:
    environment = {TOKEN_VARIABLE: "from-environment"}
    assert target().token == ""
    assert read_target(Config(publish=URL), environment) == Target(URL, "from-environment")
    given = Config(publish=URL, publish_token="given")
    assert read_target(given, environment) == Target(URL, "given")
    file = tmp_path / "token"
    file.write_text("from-file\n")
    assert target(publish_token=f"@{file}").token == "from-file"


@pytest.mark.parametrize("content", ["", "two words", "line\nline", "\x00"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    with pytest.raises(ConfigError, match="publish_token file") as caught:
        target(publish_token=f"@{file}")
    assert content == "" or content not in str(caught.value)
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        target(publish_token=f"@{file}x")
    with pytest.raises(ConfigError, match=r"publish_token: expected str, got int$"):
        from_mapping({"publish_token": 1234})


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://other/x", None),
        ("http://127.0.0.1/x", None),
        ("http://other/x", "expected https://"),
        ("https://user@other/x", "without a name"),
        ("file:///etc/passwd", "expected an address"),
    ],
)
def test_where_the_server_may_send_us_on(url: str, told: str | None) -> None:
    problem = target().problem(url)
    assert problem is None if told is None else told in str(problem)


def test_from_https_to_http_never_even_where_http_is_allowed() -> None:
    assert "expected https:// to stay" in str(target(publish_insecure=True).problem("http://other/x"))
    plain = target(publish="http://media/whip", publish_insecure=True)
    assert plain.problem("http://other/x") is None


def test_each_stream_has_its_own_and_an_address_takes_one() -> None:
    first = Config(publish=URL)
    streams = {
        "a": SimpleNamespace(config=first),
        "b": SimpleNamespace(config=replace(first, source="1")),
        "c": SimpleNamespace(config=replace(first, publish="https://other/whip")),
        "d": SimpleNamespace(config=Config()),
    }
    assert {name: each.host for name, each in read_targets(streams, first, {}).items()} == {
        "a": "sfu.example:8889",
        "c": "other",
    }
    with pytest.raises(ConfigError, match="stream b: publish: expected an address"):
        read_targets({**streams, "b": SimpleNamespace(config=Config(publish="nowhere"))}, first, {})
    nameless = {"a": SimpleNamespace(), "b": SimpleNamespace()}
    assert list(read_targets(nameless, first, {})) == ["a"]


def test_offline_runs_publish_nothing() -> None:
    with pytest.raises(ConfigError, match="--publish: expected a live run"):
        parse(["--no-serve", "--source", "clip.mp4", "--publish", URL])
