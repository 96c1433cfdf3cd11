"""The description and the application say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from realtime.serving.openapi import TABLES, description
from realtime.serving.operation import Operation
from tests.site import Site, site


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    with site() as made:
        yield made


def routes(served: Site) -> set[tuple[str, str]]:
    runner = served.server._runner
    assert runner is not None
    app = runner.app
    assert isinstance(app, web.Application)
    found = set()
    for route in app.router.routes():
        resource = route.resource
        assert resource is not None
        path = resource.canonical + ("/{filename}" if isinstance(resource, web.StaticResource) else "")
        found.add((route.method.lower(), path))
    return found


def described(text: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method, path) for path, item in text["paths"].items() for method in item}


def test_every_route_is_described_and_nothing_else(served: Site) -> None:
    # aiohttp answers HEAD wherever it answers GET; of interest are those that say something of their own
    real = {each for each in routes(served) if each[0] != "head"}
    told = {each for each in described(served.json("/openapi.json")) if each[0] != "head"}
    assert real - told == set(), "routes that no table describes"
    assert told - real == set(), "descriptions of routes that are not there"


def test_no_operation_is_described_twice() -> None:
    names = [(each.method, each.path) for table in TABLES for each in table]
    assert len(names) == len(set(names))


def test_the_description_is_openapi(served: Site) -> None:
    found = served.json("/openapi.json")
    assert found["openapi"] == "3.1.0"
    for path, item in found["paths"].items():
        for method, operation in item.items():
            assert operation["summary"]
            assert not operation["summary"].endswith(".")
            named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path)), (method, path)
            assert any(int(status) < 400 for status in operation["responses"]), (method, path)
            for response in operation["responses"].values():
                assert response["description"]


def test_an_operation_says_what_its_table_says() -> None:
    operation = Operation(
        "post", "/x/{name}", "Does", {204: "", 409: ""}, {"application/json": {"type": "object"}},
        query={"q": {"type": "integer"}}, streams=True, open=True,
    )  # fmt: skip
    found = description([[operation]])["paths"]["/x/{name}"]["post"]
    assert {"204", "401", "403", "404", "408", "409", "413", "415"} <= set(found["responses"])
    assert found["requestBody"]["content"] == {"application/json": {"schema": {"type": "object"}}}
    assert [(each["in"], each["name"]) for each in found["parameters"]] == [
        ("query", "stream"), ("query", "q"), ("path", "name"),
    ]  # fmt: skip
    assert found["responses"]["409"]["content"] == {"text/plain": {}}
    assert found["security"] == []
