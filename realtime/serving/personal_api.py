"""What a person may teach over HTTP: their face at rest, and their own expressions."""

from __future__ import annotations

from aiohttp import web

from realtime.errors import NotNowError
from realtime.serving.bodies import bad, face_in, read_object, refusals
from realtime.serving.context import CONTEXT
from realtime.serving.served import Persons

FACE = frozenset({"face_id"})
FILE_NAME = "ifdd-live-person.safetensors"


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the routes of this module."""
    router.add_get("/api/calibration", refusals(calibration))
    router.add_post("/api/calibration", refusals(calibrate))
    router.add_put("/api/calibration", refusals(restore))
    router.add_delete("/api/calibration", refusals(forget_rest))
    router.add_get("/api/teach", refusals(teaching))
    router.add_post("/api/teach", refusals(teach))
    router.add_put("/api/teach", refusals(apply_taught))
    router.add_delete("/api/teach", refusals(forget_taught))
    router.add_get("/api/teach/file", refusals(taught_file))


async def calibration(request: web.Request) -> web.Response:
    """`GET /api/calibration`: where it stands, and the newest rest, for the browser to keep."""
    return web.json_response(_persons(request).calibration())


async def calibrate(request: web.Request) -> web.Response:
    """`POST /api/calibration` with `{"face_id": number or null}`: begins the guided seconds."""
    persons = _persons(request)
    persons.calibrate(face_in(await read_object(request, FACE)))
    return web.json_response(persons.calibration())


async def restore(request: web.Request) -> web.Response:
    """`PUT /api/calibration` with `{"neutral": object}`, and `face_id`: a rest that the browser kept."""
    persons = _persons(request)
    body = await read_object(request, FACE | {"neutral"})
    try:
        persons.restore(body.get("neutral"), face_in(body))
    except ValueError as error:
        bad(f"neutral: {error}")
    return web.json_response(persons.calibration())


async def forget_rest(request: web.Request) -> web.Response:
    """`DELETE /api/calibration`: cancels one that runs, else forgets every rest of this stream."""
    persons = _persons(request)
    persons.forget_rest()
    return web.json_response(persons.calibration())


async def teaching(request: web.Request) -> web.Response:
    """`GET /api/teach`: where the lesson stands, and accuracy before and after on held-back windows."""
    return web.json_response(_persons(request).teaching())


async def teach(request: web.Request) -> web.Response:
    """`POST /api/teach` with `{"face_id": number or null}`: begins the guided minute."""
    persons = _persons(request)
    persons.teach(face_in(await read_object(request, FACE)))
    return web.json_response(persons.teaching())


async def apply_taught(request: web.Request) -> web.Response:
    """`PUT /api/teach` with `{"face_id": number or null}`: says whose the taught head is."""
    persons = _persons(request)
    persons.apply_taught(face_in(await read_object(request, FACE)))
    return web.json_response(persons.teaching())


async def forget_taught(request: web.Request) -> web.Response:
    """`DELETE /api/teach`: cancels a lesson that runs, else forgets the taught head."""
    persons = _persons(request)
    persons.forget_taught()
    return web.json_response(persons.teaching())


async def taught_file(request: web.Request) -> web.Response:
    """`GET /api/teach/file`: the taught head as the file that `--person` loads."""
    return web.Response(
        body=_persons(request).taught_file(),
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{FILE_NAME}"'},
    )


def _persons(request: web.Request) -> Persons:
    persons: Persons | None = getattr(request.app[CONTEXT].broadcast(request).stream, "persons", None)
    if persons is None:
        raise NotNowError("persons: expected a run that reads expressions")
    return persons
