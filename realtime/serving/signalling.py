"""WHEP to watch (draft-ietf-wish-whep), WHIP to send (RFC 9725).

An SDP offer comes by POST, candidates that come later by PATCH, and the session ends by DELETE. ICE restarts
are not possible, since aiortc has none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from realtime.clock import now_ns
from realtime.serving.body import FRAGMENT, SDP
from realtime.serving.camera_sender import CameraSender
from realtime.serving.candidates import TooManyError
from realtime.serving.context import CONTEXT, Context
from realtime.serving.limits import Buckets, counted_address, peer_limits, retry_after
from realtime.serving.media import media
from realtime.serving.offer import Offer, Role, UnfitError, read_offer
from realtime.serving.operation import Operation
from realtime.serving.peers import Peers
from realtime.serving.refusal import refuse
from realtime.serving.trickle import matches, read_fragment
from realtime.serving.viewer import Viewer

RETRY_AFTER_S = 5
ENDPOINT = {"Allow": "GET, HEAD, OPTIONS, POST", "Accept-Post": SDP}
SESSION = {"Allow": "DELETE, GET, HEAD, OPTIONS, PATCH", "Accept-Patch": FRAGMENT}
TEXT = {"type": "string"}


def _operations(path: str, what: str) -> tuple[Operation, ...]:
    session = f"{path}/{{session}}"
    offered = {201: SDP, 400: "", 406: "", 409: "", 413: "", 415: "", 422: "", 429: "", 503: ""}
    return (
        Operation(
            "post", path, f"{what}: an SDP offer in, the answer out", offered, {SDP: TEXT}, streams=True
        ),
        Operation("get", path, "Nothing, successfully", {204: ""}),
        Operation("head", path, "What is taken here", {200: ""}),
        Operation("options", path, "What is taken here", {200: ""}),
        Operation(
            "patch",
            session,
            "ICE candidates found after the offer",
            {204: "", 400: "", 404: "", 412: "", 413: "", 415: "", 422: "", 428: "", 429: ""},
            {FRAGMENT: TEXT},
            headers={"If-Match": TEXT},
        ),
        Operation("delete", session, "Ends the session", {200: "", 404: ""}),
        Operation("get", session, "Nothing, successfully", {204: "", 404: ""}),
        Operation("head", session, "What is taken here", {200: "", 404: ""}),
        Operation("options", session, "What is taken here", {200: "", 404: ""}),
    )


OPERATIONS = (*_operations("/whep", "Watch"), *_operations("/whip", "Send a camera"))


def add_routes(router: web.UrlDispatcher) -> None:
    """Adds the WHEP and WHIP routes."""
    for path, post in (("/whep", watch), ("/whip", send)):
        router.add_post(path, post)
        router.add_get(path, nothing)
        router.add_options(path, endpoint_options)
        router.add_patch(path + "/{session}", trickle)
        router.add_delete(path + "/{session}", end)
        router.add_get(path + "/{session}", nothing)
        router.add_options(path + "/{session}", session_options)


async def watch(request: web.Request) -> web.Response:
    """`POST /whep`: 201 with the answer.

    Else 400 or 422 for the offer, 406, 413 or 415 for the request, 409 while no picture has come, 429 for too
    many offers, or 503 when the viewers' limit is reached.
    """
    context = request.app[CONTEXT]
    broadcast = context.broadcast(request)
    if (refusal := _refused(request, context.offers)) is not None:
        return refusal
    offer = await _read(request, "watch")
    if isinstance(offer, web.Response):
        return offer
    seen = getattr(broadcast.stream, "ready", None)
    seen = context.served.ready() if seen is None else seen
    if not seen and broadcast.stream.status()["source"]["state"] == "live":
        # what is lost or waited for has a picture that says so; the very first one takes a moment
        return refuse(409, "stream: expected its first picture, which has not come yet", retry_after(1))
    if not context.viewers.reserve(broadcast.stream.name):
        return _full(f"viewers: all {context.config.viewers} places are taken")
    viewer = Viewer(broadcast, offer, peer_limits(context.config), media(context.config.host))
    return await _open(context, context.viewers, viewer, viewer.answer, "/whep")


async def send(request: web.Request) -> web.Response:
    """`POST /whip`: as for watching, or 409 when no camera is wanted from a browser."""
    context = request.app[CONTEXT]
    stream = context.broadcast(request).stream
    if (refusal := _refused(request, context.offers)) is not None:
        return refusal
    offer = await _read(request, "send")
    if isinstance(offer, web.Response):
        return offer
    if not stream.accepts_push:
        return refuse(409, "whip: expected the source to be 'browser'; choose it by POST /api/source first")
    if context.senders.of_stream(stream.name):
        return refuse(
            409, "whip: another camera is being sent; end that first", {"Retry-After": str(RETRY_AFTER_S)}
        )
    if not context.senders.reserve(stream.name):
        return _full(f"senders: all {context.config.senders} places are taken")
    sender = CameraSender(stream, offer, peer_limits(context.config), media(context.config.host))
    return await _open(context, context.senders, sender, sender.answer, "/whip")


async def trickle(request: web.Request) -> web.Response:
    """`PATCH` of a session: 204 when the candidates were taken.

    Else 404, 400 or 422 for the fragment, 412 or 428 for the entity tag, 413, 415 or 429.
    """
    context = request.app[CONTEXT]
    if (refusal := _refused(request, context.patches)) is not None:
        return refusal
    peer = _peers(request).get(request.match_info["session"])
    if peer is None:
        return _unknown()
    if request.content_type != FRAGMENT:
        return refuse(415, f"Content-Type: expected {FRAGMENT}, got {request.content_type!r}", SESSION)
    if_match = ", ".join(request.headers.getall("If-Match", []))
    if not if_match:
        return refuse(428, "If-Match: expected the session's entity tag, got none")
    if not matches(if_match, peer.trickle.etag):
        return refuse(412, f"If-Match: expected the session's entity tag, got {if_match!r}")
    try:
        fragment = read_fragment(await request.text(), media(context.config.host).accept)
        if peer.trickle.restarts(fragment):
            return refuse(422, "fragment: expected candidates; ICE restarts are not supported")
        await peer.trickle.add(fragment)
    except TooManyError as error:
        return refuse(413, f"fragment: {error}")
    except ValueError as error:
        return refuse(400, f"fragment: {one_line(error)}")
    return web.Response(status=204)


async def end(request: web.Request) -> web.Response:
    """`DELETE` of a session: 200, or 404. An If-Match is ignored, as it has to be."""
    if not await _peers(request).close(request.match_info["session"]):
        return _unknown()
    return web.Response(status=200)


async def nothing(request: web.Request) -> web.Response:
    """`GET` of an endpoint or session: 204, since neither is a document; `HEAD`: 200 with what it takes."""
    session = request.match_info.get("session")
    if session is not None and _peers(request).get(session) is None:
        return _unknown()
    if request.method == "HEAD":
        return web.Response(status=200, content_type=SDP, headers=SESSION if session else ENDPOINT)
    return web.Response(status=204)


async def endpoint_options(request: web.Request) -> web.Response:
    """`OPTIONS` of an endpoint: 200 with what it takes, and the ICE servers. No other site may use it."""
    response = web.Response(status=200, headers=ENDPOINT)
    _tell_ice_servers(request.app[CONTEXT], response)
    return response


async def session_options(request: web.Request) -> web.Response:
    """`OPTIONS` of a session: 200 with what it takes, or 404."""
    if _peers(request).get(request.match_info["session"]) is None:
        return _unknown()
    return web.Response(status=200, headers=SESSION)


def _peers(request: web.Request) -> Peers:
    context = request.app[CONTEXT]
    return context.viewers if request.path.startswith("/whep/") else context.senders


def _refused(request: web.Request, buckets: Buckets) -> web.Response | None:
    wait_s = buckets.take(counted_address(request.remote), now_ns())
    if wait_s <= 0:
        return None
    request.app[CONTEXT].access.refused["rate"] += 1
    return refuse(429, "offers: expected fewer from this address", retry_after(wait_s))


async def _read(request: web.Request, role: Role) -> Offer | web.Response:
    if request.content_type != SDP:
        return refuse(
            415, f"Content-Type: expected {SDP}, got {request.content_type!r}", {"Accept-Post": SDP}
        )
    if not _accepts_sdp(request.headers.get("Accept", "*/*")):
        return refuse(406, f"Accept: expected {SDP} in it, got {request.headers['Accept']!r}")
    context = request.app[CONTEXT]
    try:
        return read_offer(
            await request.text(),
            role,
            candidates=context.config.candidates,
            accept=media(context.config.host).accept,
        )
    except TooManyError as error:
        return refuse(413, f"offer: {error}")
    except UnfitError as error:
        return refuse(422, f"offer: {one_line(error)}")
    except ValueError as error:
        return refuse(400, f"offer: {one_line(error)}")


def _accepts_sdp(accept: str) -> bool:
    kinds = {each.partition(";")[0].strip().lower() for each in accept.split(",")}
    return bool(kinds & {SDP, "application/*", "*/*", "*", ""})


async def _open(
    context: Context,
    peers: Peers,
    peer: Viewer | CameraSender,
    answer: Callable[[], Awaitable[str]],
    path: str,
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
        peers.release(peer.stream_name)
    session = peers.add(peer)
    headers = {"Location": f"{path}/{session}", "ETag": peer.trickle.etag, "Accept-Patch": FRAGMENT}
    response = web.Response(status=201, text=sdp, content_type=SDP, headers=headers)
    _tell_ice_servers(context, response)
    return response


def _tell_ice_servers(context: Context, response: web.Response) -> None:
    for link in context.links:
        response.headers.add("Link", link)


def _unknown() -> web.Response:
    return refuse(404, "session: expected one that is open")


def _full(line: str) -> web.Response:
    return refuse(503, line, {"Retry-After": str(RETRY_AFTER_S)})


def one_line(error: Exception) -> str:
    """The error's text on one line, not longer than 300 characters."""
    return " ".join(str(error).split())[:300]
