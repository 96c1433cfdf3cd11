"""The doors of a running server: names, origins, the token, headers, for every route that there is."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from realtime.serving.entrance import OPEN, OPEN_ON_LOOPBACK
from realtime.serving.security import CHANGING, HEADERS, HSTS
from tests.certificates import authority, signed, write_pair
from tests.site import Site, site

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def plain() -> Iterator[Site]:
    with site() as made:
        yield made


@pytest.fixture(scope="module")
def guarded() -> Iterator[Site]:
    """Bound to every address, with a token and TLS of its own; many tries, since the tests make them."""
    with site(host="0.0.0.0", tls="auto", tries_per_minute=1000) as made:
        yield made


def routes(site: Site) -> list[tuple[str, str]]:
    """Every method and path of the running application, with something in the place of what varies."""
    from realtime.serving.context import CONTEXT

    runner = site.server._runner
    assert runner is not None
    app = runner.app
    assert isinstance(app, web.Application)
    assert app[CONTEXT].access is site.access
    found = []
    for route in app.router.routes():
        resource = route.resource
        assert resource is not None
        path = re.sub(r"\{[^}]*\}", "any", resource.canonical)
        if isinstance(resource, web.StaticResource):
            path += "/app.js"
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] if route.method == "*" else [route.method]
        found += [(method, path) for method in methods]
    return sorted(set(found))


def test_every_route_is_walked(guarded: Site) -> None:
    found = routes(guarded)
    assert {("POST", "/whep"), ("PATCH", "/whip/any"), ("GET", "/events"), ("GET", "/web/app.js"),
            ("POST", "/api/driver/speed"), ("GET", "/openapi.json")} <= set(found)  # fmt: skip
    assert len(found) > 30


def test_no_route_answers_without_the_token(guarded: Site) -> None:
    for method, path in [*routes(guarded), ("GET", "/nothing"), ("POST", "/api"), ("PROPFIND", "/")]:
        answer = guarded.ask(
            method, path, JSON if method in CHANGING else {}, "{}" if method in CHANGING else None
        )
        if path in OPEN:
            assert answer.status in (200, 400), (method, path, answer)
        elif path in OPEN_ON_LOOPBACK:
            from_here = "localhost" in guarded.url  # a machine without any other address
            assert answer.status == (200 if from_here else 401), (method, path, answer)
        else:
            assert answer.status == 401, (method, path, answer)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert method == "HEAD" or answer.text.startswith("token: expected"), (method, path)


def test_no_route_that_changes_something_takes_a_foreign_origin(plain: Site) -> None:
    changing = [(method, path) for method, path in routes(plain) if method in CHANGING]
    assert len(changing) > 8
    port = plain.url.rsplit(":", 1)[1]
    for method, path in changing:
        for origin in (
            *("https://evil.example", "null", "", f"http://localhost:{port}", plain.url + ".evil.example"),
            *(plain.url + "/", plain.url.replace("http:", "https:")),
        ):
            answer = plain.ask(method, path, {"Origin": origin, **JSON}, "{}")
            assert (answer.status, answer.text[:8]) == (403, "Origin: "), (method, path, origin)
        answer = plain.ask(method, path, {"Sec-Fetch-Site": "cross-site", **JSON}, "{}")
        assert answer.status == 403, (method, path)
        answer = plain.ask(method, path, {"Origin": plain.url, "Sec-Fetch-Site": "same-origin", **JSON}, "{}")
        assert answer.status != 403, (method, path, answer)


def test_no_route_answers_under_a_foreign_name(plain: Site) -> None:
    port = plain.url.rsplit(":", 1)[1]
    for method, path in routes(plain):
        for host in ("rebound.example", f"rebound.example:{port}", f"127.evil.com:{port}", "127.0.0.1", ""):
            assert plain.ask(method, path, {"Host": host}).status in (400, 403), (method, path, host)


def test_every_answer_has_the_security_headers(plain: Site, guarded: Site) -> None:
    for each, path, headers, status in (
        (plain, "/", {}, 200),
        (plain, "/web/app.js", {}, 200),
        (plain, "/api/status", {}, 200),
        (plain, "/events", {}, 200),
        (plain, "/nothing", {}, 404),
        (plain, "/", {"Host": "rebound.example"}, 403),
        (guarded, "/", {}, 401),
        (guarded, "/enter", {}, 200),
    ):
        answer = each.ask("GET", path, headers)
        assert answer.status == status
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, path
        assert "Strict-Transport-Security" not in answer.headers
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_only_a_certificate_that_an_authority_signed_makes_a_lasting_promise(tmp_path: Path) -> None:
    certificate, key = write_pair(tmp_path, *signed("localhost", *authority()))
    with site(tls_cert=str(certificate), tls_key=str(key)) as made:
        answer = made.ask("GET", "/healthz")
        assert (answer.status, answer.headers["Strict-Transport-Security"]) == (200, HSTS)


# --- the token ----------------------------------------------------------------------------------------


def test_the_token_opens_every_kind_of_endpoint(guarded: Site) -> None:
    for path in ("/", "/api/status", "/events", "/openapi.json", "/web/app.js", "/healthz"):
        assert guarded.ask("GET", path, guarded.bearer).status == 200
    sdp = {"Content-Type": "application/sdp", **guarded.bearer}
    assert guarded.ask("POST", "/whep", sdp, "v=0\r\n").status == 422
    assert guarded.ask("POST", "/whip", sdp, "v=0\r\n").status == 422
    assert guarded.ask("POST", "/api/driver/acknowledge", guarded.bearer).status == 409
    assert guarded.ask("POST", "/whep", {**sdp, "Origin": "https://evil.example"}, "v=0\r\n").status == 403


@pytest.mark.parametrize("given", ["Bearer ", "Bearer wrong", "Basic dTpw", "bearer", "Bearer \xff"])
def test_another_token_does_not(guarded: Site, given: str) -> None:
    assert guarded.ask("GET", "/api/status", {"Authorization": given}).status == 401


def test_the_token_is_not_taken_from_an_address_line(guarded: Site) -> None:
    token = guarded.bearer["Authorization"].removeprefix("Bearer ")
    assert guarded.ask("GET", f"/api/status?token={token}").status == 401


def test_probes_of_this_machine_need_no_token() -> None:
    with site(token=True) as made:
        assert made.ask("GET", "/healthz").status == 200
        assert made.ask("GET", "/readyz").status == 200
        assert made.ask("GET", "/api/status").status == 401


def enter(site: Site, secret: dict[str, str], **headers: str) -> Any:
    return site.ask("POST", "/enter", {**JSON, **headers}, json.dumps(secret))


def test_a_link_becomes_a_cookie_once(guarded: Site) -> None:
    said = len(guarded.said)
    secret = guarded.access.link.partition("#")[2]
    answer = enter(guarded, {"link": secret})
    assert answer.status == 204
    cookie = answer.headers["Set-Cookie"]
    name, _, rest = cookie.partition("=")
    assert name == guarded.access.cookie
    assert name.startswith("__Host-")
    assert {part.strip() for part in rest.split(";")[1:]} == {
        "HttpOnly",
        "Path=/",
        "SameSite=Strict",
        "Secure",
    }
    mine = {"Cookie": cookie.partition(";")[0]}
    assert guarded.ask("GET", "/api/status", mine).status == 200
    assert guarded.ask("POST", "/api/driver/acknowledge", mine).status == 409

    again = enter(guarded, {"link": secret})
    assert (again.status, "Set-Cookie" in again.headers) == (403, False)
    assert again.text.startswith("link: expected the newest one, unused")
    (told,) = guarded.said[said:]
    assert told.endswith(guarded.access.link)
    assert enter(guarded, {"link": guarded.access.link.partition("#")[2]}).status == 204


def test_the_token_becomes_a_cookie_as_often_as_wanted(guarded: Site) -> None:
    token = guarded.bearer["Authorization"].removeprefix("Bearer ")
    cookies = [enter(guarded, {"token": token}).headers["Set-Cookie"] for _ in range(2)]
    assert cookies[0] != cookies[1]
    assert enter(guarded, {"token": "wrong"}).status == 403


@pytest.mark.parametrize(
    "body", ["", "nonsense", "[]", "{}", '{"link": 7}', '{"link": "a", "token": "b"}', '{"x": ""}']
)
def test_what_is_no_secret_is_one_clear_line(guarded: Site, body: str) -> None:
    answer = guarded.ask("POST", "/enter", JSON, body)
    assert (answer.status, answer.text) == (400, 'body: expected {"token": text} or {"link": text}\n')
    assert guarded.ask("POST", "/enter", {"Content-Type": "text/plain"}, body or "x").status == 415


def test_no_other_site_can_use_up_the_link(guarded: Site) -> None:
    secret = guarded.access.link.partition("#")[2]
    assert enter(guarded, {"link": secret}, Origin="https://evil.example").status == 403
    assert guarded.access.link.endswith(secret)


def test_a_stale_or_foreign_cookie_opens_nothing(guarded: Site) -> None:
    for cookie in (f"{guarded.access.cookie}=stale", f"other={guarded.access.gate.token}", "=", ";;", "a"):  # type: ignore[union-attr]
        assert guarded.ask("GET", "/api/status", {"Cookie": cookie}).status == 401


def test_a_browser_without_the_token_gets_the_page_that_asks_for_it(guarded: Site) -> None:
    answer = guarded.ask("GET", "/", {"Accept": "text/html,*/*"})
    assert answer.status == 401
    assert 'src="/enter/enter.js"' in answer.text
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', answer.text):
        assert path in OPEN
        assert guarded.ask("GET", path).status == 200


def test_wrong_tokens_are_few_a_minute_and_those_who_are_in_stay_in() -> None:
    with site(host="0.0.0.0", tls="auto", tries_per_minute=5) as made:
        token = made.bearer["Authorization"].removeprefix("Bearer ")
        mine = {"Cookie": enter(made, {"token": token}).headers["Set-Cookie"].partition(";")[0]}
        for _ in range(3):
            assert made.ask("GET", "/", {"Authorization": "Bearer wrong"}).status == 401
        for _ in range(2):
            assert enter(made, {"link": "wrong"}).status == 403
        answer = made.ask("GET", "/", {"Authorization": "Bearer wrong"})
        assert answer.status == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 12
        # nor is the right one looked at meanwhile, or guessing would go on
        assert made.ask("GET", "/", made.bearer).status == 429
        assert enter(made, {"link": made.access.link.partition("#")[2]}).status == 429
        assert made.ask("GET", "/", mine).status == 200
        assert made.access.refused == {"token": 5, "tries": 3}


def test_no_secret_is_in_a_log_or_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with site(host="0.0.0.0", tls="auto") as made:
        gate = made.access.gate
        assert gate is not None
        secrets = [gate.token, gate.link]
        answers = [
            made.ask("GET", "/api/status", made.bearer),
            made.ask("GET", "/nothing", made.bearer),
            made.ask("GET", "/", {"Authorization": f"Bearer {gate.token}x"}),
            enter(made, {"link": gate.link}),
            enter(made, {"link": secrets[1]}),
            made.ask("GET", "/openapi.json", made.bearer),
        ]
        secrets += [answers[3].headers["Set-Cookie"].partition("=")[2].partition(";")[0], gate.link]
        seen = caplog.text + "".join(each.text for each in answers)
        assert not [each for each in secrets if each in seen]
        assert "Set-Cookie" not in answers[4].headers


def test_a_server_without_a_token_has_nothing_to_enter(plain: Site) -> None:
    assert enter(plain, {"token": "any"}).status == 404
