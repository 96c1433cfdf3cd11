"""What the page and programs may tell the driver profile: acknowledge, recalibrate, speed."""

from __future__ import annotations

import json

from aiohttp import web

from realtime.clock import now_ns
from realtime.serving.context import CONTEXT
from realtime.serving.operation import Operation
from realtime.serving.refusal import refuse
from realtime.serving.served import Driver
from realtime.serving.signalling import one_line

NO_DRIVER = "driver: expected a run with --profile driver"
JSON = "application/json"

OPERATIONS = (
    Operation(
        "post", "/api/driver/acknowledge", "Answers to what sounds", {200: JSON, 409: ""}, streams=True
    ),
    Operation(
        "post", "/api/driver/recalibrate", "Has the baseline learnt anew", {200: JSON, 409: ""}, streams=True
    ),
    Operation(
        "post",
        "/api/driver/speed",
        "The vehicle's speed, for some seconds",
        {200: JSON, 400: "", 409: "", 415: ""},
        {
            JSON: {
                "type": "object",
                "properties": {"kmh": {"type": "number", "minimum": 0, "maximum": 400}},
                "required": ["kmh"],
                "additionalProperties": False,
            }
        },
        streams=True,
    ),
)


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the routes of this module."""
    router.add_post("/api/driver/acknowledge", acknowledge)
    router.add_post("/api/driver/recalibrate", recalibrate)
    router.add_post("/api/driver/speed", speed)


async def acknowledge(request: web.Request) -> web.Response:
    """`POST /api/driver/acknowledge`: the driver answers to what is sounding; 409 in another profile."""
    driver = _driver(request)
    if driver is None:
        return refuse(409, NO_DRIVER)
    driver.acknowledge()
    return web.json_response({"done": "acknowledge"})


async def recalibrate(request: web.Request) -> web.Response:
    """`POST /api/driver/recalibrate`: the baseline is learnt anew; 409 in another profile."""
    driver = _driver(request)
    if driver is None:
        return refuse(409, NO_DRIVER)
    driver.recalibrate()
    return web.json_response({"done": "recalibrate"})


async def speed(request: web.Request) -> web.Response:
    """`POST /api/driver/speed` with `{"kmh": number}`: valid for some seconds, so send it each second."""
    driver = _driver(request)
    if driver is None:
        return refuse(409, NO_DRIVER)
    if request.content_type != "application/json":
        return refuse(415, f"Content-Type: expected application/json, got {request.content_type!r}")
    try:
        kmh = _speed_in(await request.text())
        driver.set_speed(now_ns(), kmh)
    except ValueError as error:
        return refuse(400, f'body: expected {{"kmh": number}}, got {one_line(error)}')
    return web.json_response({"kmh": kmh})


def _driver(request: web.Request) -> Driver | None:
    return getattr(request.app[CONTEXT].broadcast(request).stream, "driver", None)


def _speed_in(text: str) -> float:
    body = json.loads(text)
    kmh = body.get("kmh") if isinstance(body, dict) and set(body) == {"kmh"} else None
    if isinstance(kmh, bool) or not isinstance(kmh, (int, float)) or not -1e9 < kmh < 1e9:
        raise ValueError(text[:100])  # a whole number may have thousands of digits
    return float(kmh)
