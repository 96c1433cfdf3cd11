"""The ISSM film strip: a window's crops, and where the static and the dynamic group sample it.

ISSM (arXiv 2412.13168) gives each group fractional positions in time. The strip shows the window's crops
from old to new; each position is a mark at its place in time, static ones above, dynamic ones below, and a
crop's frame takes the colour of the group that samples nearest to it.
"""

from __future__ import annotations

import cv2
import numpy as np

from realtime.picture.text import MUTED, WHITE, Colour, draw_text
from realtime.values import FloatArray, ImageU8, Prediction

STATIC: Colour = (90, 170, 250)
DYNAMIC: Colour = (255, 146, 64)
_GROUND: Colour = (22, 24, 29)


def strip_height(width: int) -> int:
    """Height in pixels of the strip under a picture of this width; even."""
    unit = max(1, round(width / 640))
    return 2 * ((width // 16 + 36 * unit) // 2)


def draw_strip(width: int, prediction: Prediction | None, tiles: ImageU8 | None = None) -> ImageU8:
    """The strip as a new (strip_height(width), width, 3) picture.

    Args:
        width: of the video picture, pixels.
        prediction: whose window to show; None while there is none.
        tiles: (T,h,w,3) uint8, what to show of each crop; None: the prediction's thumbnails.
    """
    unit = max(1, round(width / 640))
    height, lane = strip_height(width), 10 * unit
    strip = np.empty((height, width, 3), np.uint8)
    strip[:] = _GROUND
    legend_top = height - 15 * unit
    if prediction is None:
        draw_text(
            strip,
            "no window yet: a second of one face fills it",
            8 * unit,
            height // 2 - 8 * unit,
            13 * unit,
            MUTED,
        )
        return strip
    tiles = prediction.thumbnails if tiles is None else tiles
    count = len(tiles)
    edges = np.linspace(0, width, count + 1).round().astype(int)
    side = min(width // count, height - 2 * lane - 16 * unit)
    nearest = _nearest_group(count, prediction.static_index, prediction.dynamic_index)
    for number, thumbnail in enumerate(tiles):
        left = int(edges[number]) + (int(edges[number + 1] - edges[number]) - side) // 2
        tile = cv2.resize(thumbnail, (side, side), interpolation=cv2.INTER_AREA)
        strip[lane : lane + side, left : left + side] = tile
        if nearest is not None:
            colour = STATIC if nearest[number] else DYNAMIC
            cv2.rectangle(strip, (left, lane), (left + side - 1, lane + side - 1), colour, 2 * unit)
    for index, colour, top, down in (
        (prediction.static_index, STATIC, 1 * unit, True),
        (prediction.dynamic_index, DYNAMIC, lane + side + 1 * unit, False),
    ):
        for position in () if index is None else index:
            x = round((float(position) + 0.5) * width / count)
            _mark(strip, x, top, 4 * unit, down, colour)
    x = 8 * unit
    if prediction.static_index is None:
        draw_text(strip, f"{count} crops of face {prediction.face_id}", x, legend_top, 11 * unit, MUTED)
    else:
        x += draw_text(strip, "static", x, legend_top, 11 * unit, STATIC)[0] + 8 * unit
        x += draw_text(strip, "dynamic", x, legend_top, 11 * unit, DYNAMIC)[0] + 8 * unit
        span_s = (prediction.window_ns[1] - prediction.window_ns[0]) / 1e9
        text = f"ISSM sampling of face {prediction.face_id}'s last {span_s:.1f} s, old to new"
        draw_text(strip, text, x, legend_top, 11 * unit, MUTED)
    return strip


def _mark(strip: ImageU8, x: int, top: int, half: int, down: bool, colour: Colour) -> None:
    """A small triangle that points at the film: down from above it, up from below it."""
    base, tip = (top, top + 2 * half - 1) if down else (top + 2 * half - 1, top)
    points = np.array([[x - half, base], [x + half, base], [x, tip]], np.int32)
    cv2.fillConvexPoly(strip, points, colour, cv2.LINE_AA)
    cv2.polylines(strip, [points], True, WHITE, 1, cv2.LINE_AA)


def _nearest_group(
    count: int, static_index: FloatArray | None, dynamic_index: FloatArray | None
) -> list[bool] | None:
    """For each crop, whether the position nearest to it is a static one; None without ISSM."""
    if static_index is None or dynamic_index is None:
        return None
    crops = np.arange(count)[:, None]
    to_static = np.abs(crops - static_index[None]).min(axis=1)
    to_dynamic = np.abs(crops - dynamic_index[None]).min(axis=1)
    return [bool(each) for each in to_static <= to_dynamic]
