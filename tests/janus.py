"""A real media server for tests: Debian's Janus with one video room, and a WHIP door in front of it.

Both listen on loopback; Janus has no loopback addresses for media, and uses this machine's others.

The door turns WHIP into the room's own requests: POST joins and publishes with the offer, PATCH passes
candidates on, DELETE ends the session. It also serves the page of somebody who watches, and passes that
page's requests on. It runs on a thread of its own, so that it stays while Janus is killed and started again.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.on_loop import OnLoop

JANUS = shutil.which("janus")
ROOM = 77
PLUGIN = "janus.plugin.videoroom"
TOKEN = "a-token-for-the-door"
START_TIMEOUT_S = 30.0
PAGE = Path(__file__).resolve().parent / "janus_watch.html"

CONFIGURATION = """
general: {{ configs_folder = "{folder}"; plugins_folder = "{library}/plugins";
  transports_folder = "{library}/transports"; events_folder = "{library}/events";
  loggers_folder = "{library}/loggers"; debug_level = 3; session_timeout = 30; }}
media: {{ rtp_port_range = "{low}-{high}"; }}
plugins: {{ disable = "{plugins}"; }}
transports: {{ disable = "{transports}"; }}
events: {{ broadcast = false; }}
"""
HTTP = """
general: {{ json = "compact"; base_path = "/janus"; http = true; https = false;
  port = {port}; ip = "127.0.0.1"; }}
admin: {{ admin_http = false; admin_https = false; }}
"""
VIDEO_ROOM = """
general: {{ }}
room-{room}: {{ description = "test"; publishers = 2; bitrate = 0; fir_freq = 0; videocodec = "{codecs}";
  audiocodec = "opus"; record = false; notify_joining = false; }}
"""


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Janus:
    """The Janus process; `codecs` is the room's order of preference."""

    def __init__(self, folder: Path, codecs: str = "h264,vp8") -> None:
        assert JANUS is not None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/janus"
        self._folder = folder
        library = next(Path("/usr/lib").glob("*/janus"))
        low = 20_000 + secrets.randbelow(300) * 100
        texts = {
            "janus": CONFIGURATION.format(
                folder=folder,
                library=library,
                low=low,
                high=low + 99,
                plugins=_others(library / "plugins", "videoroom"),
                transports=_others(library / "transports", "http"),
            ),
            "janus.transport.http": HTTP.format(port=self.port),
            PLUGIN: VIDEO_ROOM.format(room=ROOM, codecs=codecs),
        }
        for name, text in texts.items():
            (folder / f"{name}.jcfg").write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it answers."""
        assert JANUS is not None
        log = (self._folder / "janus.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [JANUS, "-C", str(self._folder / "janus.jcfg"), "-F", str(self._folder), "--disable-colors"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def kill(self) -> None:
        """Ends it at once, as a crash would. Can be called twice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    @property
    def log(self) -> str:
        """What it has said."""
        return (self._folder / "janus.log").read_text(errors="replace")


def _others(folder: Path, wanted: str) -> str:
    return ",".join(sorted(each.name for each in folder.glob("*.so") if wanted not in each.name))


class Door(OnLoop):
    """The WHIP endpoint in front of a Janus; `requests` counts what came, by method and status."""

    def __init__(self, janus: Janus) -> None:
        super().__init__("whip-door")
        self.url = ""
        self.requests: dict[tuple[str, int], int] = {}
        self.offers: list[str] = []
        self.answers: list[str] = []
        self._janus = janus
        self._sessions: dict[str, tuple[int, int]] = {}

    @property
    def whip(self) -> str:
        """The endpoint's address."""
        return self.url + "/whip"

    @property
    def watch(self) -> str:
        """The address of the page that watches."""
        return self.url + "/watch"

    def count(self, method: str, status: int) -> int:
        """How many requests of a method were answered with a status."""
        return self.requests.get((method, status), 0)

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(middlewares=[self._count])
        app.router.add_post("/whip", self._post)
        app.router.add_patch("/session/{name}", self._patch)
        app.router.add_delete("/session/{name}", self._delete)
        app.router.add_get("/watch", self._page)
        app.router.add_post("/janus{rest:.*}", self._pass_on)
        app.router.add_get("/janus{rest:.*}", self._pass_on)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as self._http:
            self._started.set()
            await self._stop.wait()
            await runner.cleanup()

    @web.middleware
    async def _count(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            response = error
            raise
        except (aiohttp.ClientError, asyncio.TimeoutError):
            response = web.Response(status=502)  # Janus is away
        finally:
            if not request.path.startswith("/janus"):
                key = (request.method, response.status)
                self.requests[key] = self.requests.get(key, 0) + 1
        return response

    def _check_token(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise web.HTTPUnauthorized

    async def _post(self, request: web.Request) -> web.Response:
        self._check_token(request)
        offer = await request.text()
        self.offers.append(offer)
        session = await self._ask("", {"janus": "create"})
        number = session["data"]["id"]
        handle = (await self._ask(f"/{number}", {"janus": "attach", "plugin": PLUGIN}))["data"]["id"]
        body = {"request": "joinandconfigure", "ptype": "publisher", "room": ROOM, "display": "ifdd"}
        await self._ask(
            f"/{number}/{handle}",
            {"janus": "message", "body": body, "jsep": {"type": "offer", "sdp": offer}},
        )
        while True:
            event = await self._event(number)
            if "jsep" in event:
                break
            if "error" in event.get("plugindata", {}).get("data", {}):
                return web.Response(status=400, text=json.dumps(event))
        self.answers.append(event["jsep"]["sdp"])
        name = secrets.token_urlsafe(9)
        self._sessions[name] = (number, handle)
        # Janus forgets sessions that nobody asks about
        asyncio.create_task(self._poll(name, number))  # noqa: RUF006
        return web.Response(
            status=201,
            text=event["jsep"]["sdp"],
            content_type="application/sdp",
            headers={"Location": f"/session/{name}", "ETag": '"1"'},
        )

    async def _patch(self, request: web.Request) -> web.Response:
        self._check_token(request)
        number, handle = self._sessions[request.match_info["name"]]
        for line in (await request.text()).splitlines():
            if line.startswith("a=candidate:"):
                candidate = {"candidate": line[2:], "sdpMLineIndex": 0}
                await self._ask(f"/{number}/{handle}", {"janus": "trickle", "candidate": candidate})
        return web.Response(status=204)

    async def _delete(self, request: web.Request) -> web.Response:
        self._check_token(request)
        found = self._sessions.pop(request.match_info["name"], None)
        if found is None:
            raise web.HTTPNotFound
        await self._ask(f"/{found[0]}", {"janus": "destroy"})
        return web.Response(status=200)

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text=PAGE.read_text(), content_type="text/html")

    async def _pass_on(self, request: web.Request) -> web.Response:
        rest = request.match_info["rest"]
        if request.method == "GET":
            async with self._http.get(f"{self._janus.url}{rest}?maxev=1") as answer:
                return web.Response(body=await answer.read(), content_type="application/json")
        return web.json_response(await self._ask(rest, await request.json()))

    async def _poll(self, name: str, number: int) -> None:
        try:
            while name in self._sessions:
                await self._event(number)
        except (aiohttp.ClientError, asyncio.TimeoutError, KeyError):
            self._sessions.pop(name, None)

    async def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        body.setdefault("transaction", secrets.token_hex(8))
        async with self._http.post(self._janus.url + path, json=body) as answer:
            found: dict[str, Any] = await answer.json(content_type=None)
            return found

    async def _event(self, number: int) -> dict[str, Any]:
        async with self._http.get(f"{self._janus.url}/{number}?maxev=1") as answer:
            found = await answer.json(content_type=None)
            event: dict[str, Any] = found[0] if isinstance(found, list) else found
            if event["janus"] == "error":
                raise KeyError(event["error"]["reason"])
            return event
