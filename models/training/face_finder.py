"""Finds the face of a photograph, also a small one or one that is cut at the border."""

from __future__ import annotations

import cv2
import numpy as np

from realtime.values import FloatArray, ImageU8
from realtime.vision.landmarks import FaceMesh

SMALL_SIDE = 160  # pictures below this are enlarged for the landmarker, which fails on 48 pixels
MARGIN = 0.25  # of the picture's side, mean grey: faces cut at the border are found more often


class Finder:
    """Finds the one face of a photograph, also a small one; used by one thread or process."""

    def __init__(self) -> None:
        self._strict = FaceMesh(1, still=True)
        self._lenient = FaceMesh(1, still=True, min_confidence=0.2)

    def find(self, image: ImageU8) -> FloatArray | None:
        """Landmarks (478,3) in pixels, or None."""
        scale = max(1, round(SMALL_SIDE * 1.2 / max(image.shape[:2]))) if max(image.shape) < SMALL_SIDE else 1
        large = (
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) if scale > 1 else image
        )
        margin = int(MARGIN * max(large.shape[:2]))
        grey = tuple(float(each) for each in large.mean((0, 1)))
        for mesh, border in (
            (self._strict, cv2.BORDER_CONSTANT),
            (self._lenient, cv2.BORDER_REPLICATE),
            (self._lenient, cv2.BORDER_CONSTANT),
        ):
            framed = cv2.copyMakeBorder(large, margin, margin, margin, margin, border, value=grey)
            faces = mesh.find(np.asarray(framed, np.uint8))
            if faces:
                landmarks = faces[0].copy()
                # pixel centres: (x + 0.5) / scale - 0.5 undoes cv2.resize
                landmarks[:, :2] = (landmarks[:, :2] - margin + 0.5) / scale - 0.5
                landmarks[:, 2] /= scale
                return landmarks
        return None
