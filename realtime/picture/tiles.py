"""The window's crops as small meshes, without the face's pixels: the strip of privacy pictures."""

from __future__ import annotations

import numpy as np

from realtime.picture.mesh import draw_small_mesh
from realtime.picture.overlay import face_colour
from realtime.picture.privacy import GROUND
from realtime.values import FloatArray, ImageU8, Prediction
from realtime.vision.align import similarity

MOST_FACES = 4  # whose tiles are kept; the oldest go


class MeshTiles:
    """Draws the crops of windows as meshes. Each crop is drawn once: the next window shares most of them.

    One thread uses it.
    """

    def __init__(self) -> None:
        self._drawn: dict[int, dict[bytes, ImageU8]] = {}  # face -> landmarks -> tile

    def of(self, prediction: Prediction) -> ImageU8:
        """One picture for each crop of the window, of the thumbnails' shape: (T,h,w,3) uint8.

        A window without landmarks gives plain tiles.
        """
        tiles = np.empty_like(prediction.thumbnails)
        tiles[:] = GROUND
        if prediction.meshes is None:
            return tiles
        before = self._drawn.pop(prediction.face_id, {})
        kept: dict[bytes, ImageU8] = {}
        for tile, landmarks in zip(tiles, prediction.meshes, strict=True):
            key = landmarks.tobytes()
            drawn = kept.get(key, before.get(key))
            if drawn is None or drawn.shape != tile.shape:
                colour = face_colour(prediction.face_id)
                draw_small_mesh(tile, _in_crop(landmarks, tile.shape[0]), colour)
            else:
                tile[:] = drawn
            kept[key] = tile
        self._drawn[prediction.face_id] = kept
        while len(self._drawn) > MOST_FACES:
            del self._drawn[next(iter(self._drawn))]
        return tiles


def _in_crop(landmarks: FloatArray, side: int) -> FloatArray:
    """The landmarks where alignment puts them in a crop of that side, (478,3) float32."""
    a, b = similarity(landmarks, side)
    moved = a * (landmarks[:, 0] + 1j * landmarks[:, 1].astype(np.float64)) + b
    placed: FloatArray = np.stack([moved.real, moved.imag, abs(a) * landmarks[:, 2]], axis=1).astype(
        np.float32
    )
    return placed
