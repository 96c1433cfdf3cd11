"""WHEP to watch, WHIP to send: an SDP offer comes by POST, the session ends by DELETE."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from realtime.serving.camera_sender import CameraSender
from realtime.serving.context import CONTEXT
from realtime.serving.offer import Offer, Role, read_offer
from realtime.serving.peers import Peers
from realtime.serving.security import MAX_BODY_BYTES, refuse
from realtime.serving.viewer import Viewer

SDP = "application/sdp"
RETRY_AFTER_S = 5


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the WHEP and WHIP routes."""
    router.add_post("/whep", watch)
    router.add_delete("/whep/{session}", end_watching)
    router.add_post("/whip", send)
    router.add_delete("/whip/{session}", end_sending)


async def watch(request: web.Request) -> web.Response:
    """`POST /whep`: 201 with the answer, 400, 413, 415, or 503 when the viewers' limit is reached."""
    context = request.app[CONTEXT]
    broadcast = context.broadcast(request)
    offer = await _read(request, "watch")
    if isinstance(offer, web.Response):
        return offer
    if not context.viewers.reserve():
        return _full(f"viewers: all {context.config.viewers} places are taken")
    viewer = Viewer(broadcast, offer)
    return await _open(context.viewers, viewer, viewer.answer, "/whep")


async def send(request: web.Request) -> web.Response:
    """`POST /whip`: 201 with the answer, 400, 413, 415, or 409 when no camera is wanted from a browser."""
    context = request.app[CONTEXT]
    stream = context.broadcast(request).stream
    offer = await _read(request, "send")
    if isinstance(offer, web.Response):
        return offer
    if not stream.accepts_push:
        return refuse(409, "whip: expected the source to be 'browser'; choose it by POST /api/source first")
    if context.senders.of_stream(stream.name) or not context.senders.reserve():
        return refuse(
            409, "whip: another camera is being sent; end that first", {"Retry-After": str(RETRY_AFTER_S)}
        )
    sender = CameraSender(stream, offer)
    return await _open(context.senders, sender, sender.answer, "/whip")


async def end_watching(request: web.Request) -> web.Response:
    """`DELETE /whep/<session>`: 200, or 404."""
    return await _end(request, request.app[CONTEXT].viewers)


async def end_sending(request: web.Request) -> web.Response:
    """`DELETE /whip/<session>`: 200, or 404."""
    return await _end(request, request.app[CONTEXT].senders)


async def _read(request: web.Request, role: Role) -> Offer | web.Response:
    if request.content_type != SDP:
        return refuse(415, f"Content-Type: expected {SDP}, got {request.content_type!r}")
    try:
        text = (await request.read()).decode("utf-8")
    except UnicodeDecodeError:
        return refuse(400, "offer: expected UTF-8 text")
    except web.HTTPRequestEntityTooLarge:
        return refuse(413, f"offer: expected at most {MAX_BODY_BYTES} bytes")
    try:
        return read_offer(text, role)
    except ValueError as error:
        return refuse(400, f"offer: {one_line(error)}")


async def _open(
    peers: Peers, peer: Viewer | CameraSender, answer: Callable[[], Awaitable[str]], path: str
) -> web.Response:
    try:
        sdp = await answer()
    except ValueError as error:
        await peer.close()
        return refuse(400, f"offer: {one_line(error)}")
    except BaseException:
        await peer.close()
        raise
    finally:
        peers.release()
    session = peers.add(peer)
    return web.Response(status=201, text=sdp, content_type=SDP, headers={"Location": f"{path}/{session}"})


async def _end(request: web.Request, peers: Peers) -> web.Response:
    if not await peers.close(request.match_info["session"]):
        return refuse(404, "session: expected one that is open")
    return web.Response(status=200)


def _full(line: str) -> web.Response:
    return refuse(503, line, {"Retry-After": str(RETRY_AFTER_S)})


def one_line(error: Exception) -> str:
    """The error's text on one line, not longer than 300 characters."""
    return " ".join(str(error).split())[:300]
