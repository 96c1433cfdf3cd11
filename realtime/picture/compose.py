"""Paints one finished picture from a frame, its observation and the newest predictions. No threads here."""

from __future__ import annotations

import cv2
import numpy as np

from realtime.clock import to_ns
from realtime.driver.state import DriverState
from realtime.picture.driver_panel import draw_driver
from realtime.picture.mesh import draw_lines
from realtime.picture.mirror import mirrored
from realtime.picture.overlay import dim, draw_bars, draw_face, draw_message, draw_notices, face_colour
from realtime.picture.privacy import paint_scene
from realtime.picture.split_strip import draw_strip, strip_height
from realtime.picture.tiles import mesh_tiles
from realtime.values import Face, Frame, ImageU8, Observation, Picture, Prediction
from realtime.view import View

PLAIN = View()


class Painter:
    """Keeps what overlays need from frame to frame: each face's newest prediction and the drawn strip.

    One thread uses it.
    """

    def __init__(self, *, stale_s: float = 1.5, expressions: bool = True) -> None:
        """Makes the painter.

        Args:
            expressions: whether expressions are read; without them there are no labels and no strip.
            stale_s: a prediction older than this is no longer shown.
        """
        self._stale_ns = to_ns(stale_s)
        self._predictions: dict[int, Prediction] = {}
        self._expressions = expressions
        self._driver: DriverState | None = None
        self._strip: tuple[tuple[object, ...], ImageU8] | None = None

    def note(self, prediction: Prediction) -> None:
        """Takes a face's newest prediction."""
        self._drop_stale(prediction.t_ns)
        self._predictions[prediction.face_id] = prediction

    def watch_driver(self, state: DriverState) -> None:
        """Takes the driver's newest state."""
        self._driver = state

    def forget(self) -> None:
        """Drops all predictions, because the source changed or expressions are no longer read."""
        self._predictions.clear()

    def paint(
        self,
        frame: Frame,
        observation: Observation | None,
        notices: tuple[str, ...] = (),
        *,
        live: bool = True,
        view: View = PLAIN,
        message: str = "",
    ) -> Picture:
        """The finished picture: the frame with faces, bars and notices, and the ISSM strip below it.

        Args:
            frame: the picture to paint on; odd sizes lose their last row or column.
            observation: of this frame, or of one shortly before; None where there is none. A guarded view
                is opened by the observation of this very frame only.
            notices: lines to show in the corner.
            live: False darkens the frame, because it is old; a guarded view hides it.
            view: what is shown, and how.
            message: a line to show large in the middle.
        """
        width, height = (each - each % 2 for each in frame.size_wh)
        expressions = self._expressions and view.expressions
        strip_rows = strip_height(width) if expressions and view.strip else 0
        canvas = np.empty((height + strip_rows, width, 3), np.uint8)  # the one copy of the frame
        image, source = canvas[:height], frame.image_rgb[:height, :width]
        if view.mirror:
            source = np.asarray(cv2.flip(source, 1), np.uint8)
            observation = None if observation is None else mirrored(observation, width)
        its_own = live and observation is not None and observation.seq == frame.seq
        hidden = paint_scene(image, source, observation if its_own else None, view)
        if view.guarded and not its_own:
            observation = None
        faces = () if observation is None else observation.faces
        shown = self._current(frame.t_ns, observation) if live and expressions else {}
        if not live:
            if not view.guarded:
                dim(image)
            faces = ()
        for face in faces:
            if view.mesh and view.picture == "camera":
                draw_lines(image, face.landmarks, face_colour(face.face_id))
            if view.box:
                draw_face(image, face, shown.get(face.face_id), labels=expressions)
        if view.bars:
            draw_bars(image, [shown[face_id] for face_id in sorted(shown)])
        if self._driver is not None:
            stale = not live or frame.t_ns - self._driver.t_ns > self._stale_ns
            draw_driver(image, self._driver, stale=stale)
        draw_notices(image, (hidden, *notices) if hidden and live else notices)
        if message:
            draw_message(image, message)
        if strip_rows:
            canvas[height:] = self._strip_of(width, self._of_strip(faces, shown, view), view)
        yuv420p = cv2.cvtColor(canvas, cv2.COLOR_RGB2YUV_I420).astype(np.uint8, copy=False)
        return Picture(frame.seq, frame.t_ns, yuv420p, canvas)

    @staticmethod
    def _of_strip(faces: tuple[Face, ...], shown: dict[int, Prediction], view: View) -> Prediction | None:
        """The prediction whose window the strip shows: the picked face's, else the largest one's."""
        if view.chosen in shown:
            return shown[view.chosen]
        largest = max(faces, key=lambda face: face.quality.size_px, default=None)
        return None if largest is None else shown.get(largest.face_id)

    def _current(self, t_ns: int, observation: Observation | None) -> dict[int, Prediction]:
        """The predictions that may be shown at `t_ns`: of faces that are there, and not stale."""
        there = set() if observation is None else {face.face_id for face in observation.faces}
        if observation is not None:
            for face_id in observation.lost:
                self._predictions.pop(face_id, None)
        self._drop_stale(t_ns)
        return {face_id: each for face_id, each in self._predictions.items() if face_id in there}

    def _drop_stale(self, t_ns: int) -> None:
        for face_id in [key for key, each in self._predictions.items() if t_ns - each.t_ns > self._stale_ns]:
            del self._predictions[face_id]

    def _strip_of(self, width: int, prediction: Prediction | None, view: View) -> ImageU8:
        key = (prediction, width, view.mirror, view.picture != "camera")
        if self._strip is None or self._strip[0] != key:
            tiles = None
            if prediction is not None:
                tiles = mesh_tiles(prediction) if view.picture != "camera" else prediction.thumbnails
                tiles = tiles[:, :, ::-1] if view.mirror else tiles
            self._strip = (key, draw_strip(width, prediction, tiles))
        return self._strip[1]
