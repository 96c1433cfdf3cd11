"""Readable text on pictures: anti-aliased glyphs from the font that Pillow carries, drawn once and cached."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from realtime.values import ImageU8

Colour = tuple[int, int, int]
WHITE: Colour = (245, 246, 248)
MUTED: Colour = (168, 174, 184)
DARK: Colour = (16, 18, 22)
FINER = 4  # drawn this much larger and shrunk, because whole-pixel letter spacing looks uneven


@functools.lru_cache(maxsize=1024)
def text_mask(text: str, size_px: int) -> npt.NDArray[np.float32]:
    """Coverage (H,W) 0 to 1 of one line of text; H depends on the size alone, so lines align."""
    font = ImageFont.load_default(size_px * FINER)
    _, _, right, _ = font.getbbox(text or " ")
    size_wh = (int(right) // FINER + 2, round(size_px * 1.3))
    canvas = Image.new("L", (size_wh[0] * FINER, size_wh[1] * FINER), 0)
    ImageDraw.Draw(canvas).text((0, round(size_px * FINER * 0.08)), text, fill=255, font=font)
    mask = np.asarray(canvas.resize(size_wh, Image.Resampling.BOX), np.float32) / 255
    mask.flags.writeable = False
    return mask


def draw_text(
    image: ImageU8, text: str, left: int, top: int, size_px: int, colour: Colour = WHITE
) -> tuple[int, int]:
    """Draws one line, its upper left corner at (left, top), clipped; returns its width and height."""
    mask = text_mask(text, size_px)
    height, width = mask.shape
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(image.shape[1], left + width), min(image.shape[0], top + height)
    if x0 < x1 and y0 < y1:
        cover = mask[y0 - top : y1 - top, x0 - left : x1 - left, None]
        region = image[y0:y1, x0:x1]
        region[:] = region + cover * (np.array(colour, np.float32) - region)
    return width, height


def shade(image: ImageU8, left: int, top: int, right: int, bottom: int, strength: float = 0.6) -> None:
    """Darkens a rectangle in place, so that light text on it is readable on any picture."""
    region = image[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    region[:] = region * np.float32(1 - strength) + np.array(DARK, np.float32) * np.float32(strength)
