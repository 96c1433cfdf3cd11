"""The HTTP side of publishing: what a WHIP client asks of an endpoint (RFC 9725). Event loop only.

All candidates are in the offer, so nothing is sent by PATCH. No error holds an address's path or a token.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urljoin

import aiohttp
from multidict import CIMultiDictProxy

from realtime.serving.body import SDP
from realtime.serving.publish_target import Target

REQUEST_TIMEOUT_S = 10.0
REDIRECTS = 5
# 301 to 303 would make a GET of the POST, and RFC 9725 forbids them
REDIRECTED = (307, 308)
MAX_ANSWER_BYTES = 65_536
LONGEST_WISH_S = 300.0
LINK = re.compile(r"<([^<>]*)>([^<]*)")
PARAMETER = re.compile(r';\s*([a-z-]+)\s*=\s*(?:"([^"]*)"|([^\s;,"]+))')
ICE_URL = re.compile(r"(stun|turns?):[^\s]+")


class WhipError(Exception):
    """The endpoint did not do what was asked.

    Attributes:
        status: its HTTP status, 0 where there was no answer.
        wait_s: how long it wants to be left alone, 0 where it says nothing.
    """

    def __init__(self, line: str, status: int = 0, wait_s: float = 0.0) -> None:
        super().__init__(line)
        self.status, self.wait_s = status, wait_s


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server that the endpoint names."""

    url: str
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an offer brought.

    Attributes:
        sdp: the answer.
        session: the session's address, "" where the endpoint gave none, which then cannot be ended.
        ice_servers: those in its Link headers.
    """

    sdp: str
    session: str
    ice_servers: tuple[IceServer, ...]


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    url: str


class WhipClient:
    """Speaks to one endpoint. Redirects are followed as far as the target allows, with the token."""

    def __init__(
        self, target: Target, session: aiohttp.ClientSession, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> None:
        """Makes the client; each request may take `timeout_s`."""
        self._target, self._session = target, session
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def ice_servers(self) -> tuple[IceServer, ...]:
        """The ICE servers that the endpoint names before the offer; none where it knows no OPTIONS.

        Raises:
            WhipError: it cannot be reached.
        """
        reply = await self._request("OPTIONS", self._target.url)
        return read_links(reply.headers.getall("Link", [])) if reply.status < 300 else ()

    async def offer(self, sdp: str) -> Answer:
        """Posts the offer and returns the answer.

        Raises:
            WhipError: the endpoint cannot be reached, or says anything but 201.
        """
        reply = await self._request("POST", self._target.url, sdp)
        if reply.status != 201:
            wait_s = read_wish(reply.headers.get("Retry-After", ""))
            raise WhipError(f"expected 201, got {reply.status}", reply.status, wait_s)
        location = reply.headers.get("Location", "")
        session = urljoin(reply.url, location) if location else ""
        if session and (problem := self._target.problem(session)) is not None:
            raise WhipError(f"session's Location: {problem}", reply.status)
        links = read_links(reply.headers.getall("Link", []))
        return Answer(reply.body.decode("utf-8", "replace"), session, links)

    async def end(self, session: str) -> None:
        """Ends a session by DELETE; that it is gone already is no error.

        Raises:
            WhipError: the endpoint cannot be reached, or refuses.
        """
        reply = await self._request("DELETE", session)
        if reply.status >= 300 and reply.status not in (404, 410):
            raise WhipError(f"expected 200, got {reply.status}", reply.status)

    async def _request(self, method: str, url: str, sdp: str | None = None) -> _Reply:
        headers = {} if sdp is None else {"Content-Type": SDP, "Accept": SDP}
        if self._target.token:
            headers["Authorization"] = f"Bearer {self._target.token}"
        for _ in range(REDIRECTS + 1):
            try:
                async with self._session.request(
                    method, url, data=sdp, headers=headers, allow_redirects=False, timeout=self._timeout
                ) as response:
                    body = await _body(response)
            except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as error:
                raise WhipError(_line(error)) from None
            if response.status not in REDIRECTED:
                return _Reply(response.status, response.headers, body, url)
            url = urljoin(url, response.headers.get("Location", ""))
            if (problem := self._target.problem(url)) is not None:
                raise WhipError(f"redirect: {problem}", response.status)
        raise WhipError(f"expected at most {REDIRECTS} redirects, got more")


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for part in response.content.iter_any():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError(f"expected an answer of at most {MAX_ANSWER_BYTES} bytes, got more")
    return body


def read_links(headers: Iterable[str]) -> tuple[IceServer, ...]:
    """The ICE servers in Link headers (RFC 9725, section 4.6); what is none of them is passed over."""
    found = []
    for header in headers:
        for url, rest in LINK.findall(header):
            values = {name: quoted or bare for name, quoted, bare in PARAMETER.findall(rest)}
            if values.get("rel") != "ice-server" or ICE_URL.fullmatch(url) is None:
                continue
            if values.get("credential-type", "password") == "password":
                found.append(IceServer(url, values.get("username"), values.get("credential")))
    return tuple(found)


def read_wish(retry_after: str) -> float:
    """Seconds that a Retry-After header asks for, 0 to 300; 0 where it gives a date or nothing."""
    text = retry_after.strip()
    return min(float(text), LONGEST_WISH_S) if text.isascii() and text.isdigit() else 0.0


def _line(error: Exception) -> str:
    """What went wrong, without the address, which aiohttp's texts hold."""
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"certificate refused: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or type(error.os_error).__name__}"
    if isinstance(error, aiohttp.ClientError):
        return f"no answer: {type(error).__name__}"
    return f"no answer: {error}"
