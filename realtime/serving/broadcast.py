"""One stream on its way to its viewers: encoders shared by all, results serialised once. Loop only."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from realtime.serving.encoder import CODECS, Codec, Coder, EncodedPicture, SharedEncoder
from realtime.serving.hub import Hub
from realtime.serving.served import Stream
from realtime.serving.track import PacketTrack

log = logging.getLogger(__name__)


class Broadcast:
    """Starts an encoder when its first viewer reads, stops it with the last, and hands results around."""

    def __init__(self, stream: Stream, hub: Hub, bitrate: int, fps: float) -> None:
        """Makes the broadcast; nothing runs until somebody watches or listens.

        Args:
            stream: what is shown.
            hub: the crossing from the encoder's and the stream's threads.
            bitrate: of each encoder, bit/s.
            fps: expected picture rate, 1/s.
        """
        self.stream = stream
        self._hub, self._bitrate, self._fps = hub, bitrate, fps
        self._encoders: dict[Codec, SharedEncoder] = {}
        self._tracks: dict[Codec, set[PacketTrack]] = {codec: set() for codec in CODECS}
        self._listeners: set[Callable[[str], None]] = set()
        self._ending: list[SharedEncoder] = []
        self._closed = False
        self.problems: dict[str, str] = {}

    def track(self, codec: Codec) -> PacketTrack:
        """A new track for one viewer; it takes part once the connection reads from it."""
        return PacketTrack(codec, on_reading=self._join, ask_keyframe=self.request_keyframe)

    def leave(self, track: PacketTrack) -> None:
        """Ends a viewer's track, and its encoder when it was the last. Can be called twice."""
        track.stop()
        tracks = self._tracks[track.codec]
        tracks.discard(track)
        if not tracks and (encoder := self._encoders.pop(track.codec, None)):
            encoder.request_stop()
            self.problems.pop(track.codec, None)
            self._ending = [*(each for each in self._ending if each.alive), encoder]

    def request_keyframe(self, codec: Codec) -> None:
        """Has the codec's encoder make a keyframe soon; requests are coalesced."""
        if encoder := self._encoders.get(codec):
            encoder.request_keyframe()

    def listen(self, listener: Callable[[str], None]) -> None:
        """Has each result, as one line of JSON, handed to `listener` on the loop."""
        self._listeners.add(listener)
        self.stream.events.subscribe(self._on_event)

    def unlisten(self, listener: Callable[[str], None]) -> None:
        """Ends that; can be called twice."""
        self._listeners.discard(listener)
        if not self._listeners:
            self.stream.events.unsubscribe(self._on_event)

    @property
    def encoders(self) -> dict[Codec, SharedEncoder]:
        """The encoders that run now."""
        return dict(self._encoders)

    def status(self) -> dict[str, Any]:
        """What the status says of the encoders."""
        return {"encoders": [each.status() for each in self._encoders.values()]}

    def close(self) -> None:
        """Stops every encoder and waits for its thread. Can be called twice."""
        self._closed = True
        self.stream.events.unsubscribe(self._on_event)
        self._listeners.clear()
        for tracks in self._tracks.values():
            for track in list(tracks):
                self.leave(track)
        for encoder in self._ending:
            encoder.stop()
        self._ending.clear()

    def _join(self, track: PacketTrack) -> None:
        if self._closed:
            return
        self._tracks[track.codec].add(track)
        present = self._encoders.get(track.codec)
        if present is None:
            encoder = SharedEncoder(
                self.stream.name,
                self.stream.pictures,
                Coder(track.codec, self._bitrate, self._fps),
                deliver=lambda picture: self._hub.post(self._distribute, picture),
                on_error=lambda name, error: self._hub.post(self._note_error, (track.codec, name, error)),
                on_recovered=lambda _name: self._hub.post(self._forget_error, track.codec),
            )
            self._encoders[track.codec] = encoder
            encoder.start()

    def _distribute(self, picture: EncodedPicture) -> None:
        for track in self._tracks[picture.codec]:
            track.push(picture)

    def _note_error(self, failure: tuple[Codec, str, BaseException]) -> None:
        codec, name, error = failure
        if codec in self._encoders:
            self.problems[codec] = f"{name}: {type(error).__name__}: {error}"

    def _forget_error(self, codec: Codec) -> None:
        self.problems.pop(codec, None)

    def _on_event(self, event: dict[str, Any]) -> None:
        # on the stream's thread: the text is made once for all, and not on the loop
        self._hub.post(self._hand_around, json.dumps(event, separators=(",", ":")))

    def _hand_around(self, text: str) -> None:
        for listener in tuple(self._listeners):
            listener(text)
