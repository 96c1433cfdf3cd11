"""A small RTSP server: one H.264 stream of a moving picture over interleaved TCP (RFC 2326, RFC 6184).

Enough of the protocol for FFmpeg's client, which the program reads network cameras with. Real sockets, real
packets; it can be stopped and started again on its port, and told to fall silent.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import struct
import threading
from fractions import Fraction

import av

from tests.picture_producer import pattern

FPS = 15
SIZE_WH = (320, 240)


class RtspServer:
    """Serves rtsp://127.0.0.1:port/live to whoever comes, one thread each."""

    def __init__(self, port: int = 0) -> None:
        """Opens the port."""
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{self.port}/live"
        self.silent = threading.Event()
        self.played = 0
        self._stop = threading.Event()
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def stop(self) -> None:
        """Ends it and every connection."""
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._clients:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._clients.append(client)
            self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        encoder = _Encoder()
        with contextlib.suppress(OSError), client.makefile("rb") as requests:
            while line := requests.readline():
                if line[:1] == b"$":  # the client's own RTCP, which may hold a line's end
                    continue
                found = re.match(rb"(\w+) \S+ RTSP/1\.0", line)
                if found is None:
                    continue
                headers = {}
                while (header := requests.readline().strip()) and b":" in header:
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                method = found[1].decode()
                client.sendall(self._answer(method, headers, encoder))
                if method == "PLAY":
                    self.played += 1
                    self._play(client, encoder)
                    return

    def _answer(self, method: str, headers: dict[str, str], encoder: _Encoder) -> bytes:
        lines = ["RTSP/1.0 200 OK", f"CSeq: {headers.get('cseq', '0')}"]
        body = ""
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER")
        elif method == "DESCRIBE":
            body = encoder.description()
            lines += ["Content-Type: application/sdp", f"Content-Base: {self.url}/"]
            lines.append(f"Content-Length: {len(body)}")
        elif method == "SETUP":
            lines += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 7;timeout=60"]
        elif method == "PLAY":
            lines += ["Session: 7", "Range: npt=0.000-"]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def _play(self, client: socket.socket, encoder: _Encoder) -> None:
        sequence, number = 0, 0
        while not self._stop.wait(1 / FPS):
            if self.silent.is_set():
                continue
            units = encoder.units(number)
            for index, unit in enumerate(units):
                marker = 0x80 if index == len(units) - 1 else 0
                stamp = number * 90_000 // FPS & 0xFFFFFFFF
                packet = struct.pack("!BBHII", 0x80, marker | 96, sequence & 0xFFFF, stamp, 1234) + unit
                client.sendall(struct.pack("!BBH", 0x24, 0, len(packet)) + packet)
                sequence += 1
            number += 1


class _Encoder:
    """The picture as H.264 NAL units."""

    def __init__(self) -> None:
        self._context = av.VideoCodecContext.create("libx264", "w")
        self._context.width, self._context.height = SIZE_WH
        self._context.pix_fmt, self._context.time_base = "yuv420p", Fraction(1, FPS)
        self._context.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "15", "slices": "1"}
        self._context.bit_rate = 300_000
        self._first = self._encode(0)

    def description(self) -> str:
        """The session description."""
        sets = ",".join(base64.b64encode(each).decode() for each in self._first if each[0] & 31 in (7, 8))
        return (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=live\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\na=control:track0\r\n"
        )

    def units(self, number: int) -> list[bytes]:
        """A picture's NAL units."""
        return self._first if number == 0 else self._encode(number)

    def _encode(self, number: int) -> list[bytes]:
        frame = av.VideoFrame.from_ndarray(pattern(number, SIZE_WH), format="rgb24")
        frame = frame.reformat(format="yuv420p")
        frame.pts = number
        data = b"".join(bytes(packet) for packet in self._context.encode(frame))
        return [unit for unit in re.split(b"\x00?\x00\x00\x01", data) if unit]
