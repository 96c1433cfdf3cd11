"""The window's crops as small meshes, without the face's pixels: the strip of privacy pictures."""

from __future__ import annotations

import numpy as np

from realtime.picture.mesh import draw_mesh
from realtime.picture.overlay import face_colour
from realtime.picture.privacy import GROUND
from realtime.values import FloatArray, ImageU8, Prediction
from realtime.vision.align import similarity


def mesh_tiles(prediction: Prediction) -> ImageU8:
    """One picture for each crop of the window, of the thumbnails' shape: (T,h,w,3) uint8.

    A window without landmarks gives plain tiles.
    """
    tiles = np.empty_like(prediction.thumbnails)
    tiles[:] = GROUND
    if prediction.meshes is not None:
        for tile, landmarks in zip(tiles, prediction.meshes, strict=True):
            draw_mesh(tile, _in_crop(landmarks, tile.shape[0]), face_colour(prediction.face_id))
    return tiles


def _in_crop(landmarks: FloatArray, side: int) -> FloatArray:
    """The landmarks where alignment puts them in a crop of that side, (478,3) float32."""
    a, b = similarity(landmarks, side)
    moved = a * (landmarks[:, 0] + 1j * landmarks[:, 1].astype(np.float64)) + b
    placed: FloatArray = np.stack([moved.real, moved.imag, abs(a) * landmarks[:, 2]], axis=1).astype(
        np.float32
    )
    return placed
