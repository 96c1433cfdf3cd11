"""Paints the driver's state: one quiet line, and a banner while an alert stands."""

from __future__ import annotations

import cv2

from realtime.driver.alerts import SOFT, URGENT, Alert
from realtime.driver.state import WATCHING, DriverState
from realtime.picture.text import DARK, MUTED, WHITE, Colour, draw_text, shade, text_mask
from realtime.values import ImageU8

CALM: Colour = (0, 200, 140)
BUSY: Colour = (86, 180, 233)
LEVEL_COLOURS: tuple[Colour, ...] = (
    CALM,
    MUTED,
    (240, 228, 66),
    (255, 168, 60),
    (255, 92, 70),
    (255, 92, 70),
)
NO_DATA = "NO DATA"


def draw_driver(image: ImageU8, state: DriverState, *, stale: bool) -> None:
    """Draws the state along the lower edge and the most important alert above it.

    Args:
        image: (H,W,3) uint8 RGB, changed in place.
        state: the newest.
        stale: it is old: the line says so; an alert that stands stays.
    """
    unit = max(1, round(image.shape[0] / 480))
    size = 14 * unit
    word = NO_DATA if stale else state.word
    colour = CALM if word == WATCHING else BUSY if word == "CALIBRATING" else LEVEL_COLOURS[3]
    top = image.shape[0] - 2 * size
    shade(image, 0, top, image.shape[1], image.shape[0], 0.7)
    cv2.rectangle(image, (0, top), (4 * unit - 1, image.shape[0]), colour, cv2.FILLED)
    width, _ = draw_text(image, word, size, top + round(0.35 * size), size, colour)
    left = size + width + size
    for text in () if stale else _figures(state):
        if left + text_mask(text, 12 * unit).shape[1] > image.shape[1]:
            break
        left += draw_text(image, text, left, top + round(0.45 * size), 12 * unit, WHITE)[0] + size
    if state.alerts:
        _banner(image, state.alerts[0], top, unit)


def _figures(state: DriverState) -> list[str]:
    if state.word != WATCHING:
        more = f" {state.progress:.0%}" if state.word == "CALIBRATING" else ""
        return [state.word_reason + more]
    eyes = f"eyes {state.openness:.0%}" if state.openness is not None else f"eyes ? {state.eyes_reason}"
    perclos = "-" if state.perclos_short is None else f"{state.perclos_short:.0%}"
    return [eyes, f"PERCLOS {perclos}", f"gaze {state.zone}"]


def _banner(image: ImageU8, alert: Alert, bottom: int, unit: int) -> None:
    condition = alert.condition
    colour = LEVEL_COLOURS[condition.level]
    size = (26 if condition.level > SOFT else 18) * unit
    text = condition.reason.upper()
    width = text_mask(text, size).shape[1]
    left, top = (image.shape[1] - width) // 2, bottom - 2 * size
    pad = size // 2
    cv2.rectangle(image, (left - pad, top), (left + width + pad, top + round(1.7 * size)), DARK, cv2.FILLED)
    cv2.rectangle(image, (left - pad, top), (left + width + pad, top + round(1.7 * size)), colour, 2 * unit)
    draw_text(image, text, left, top + round(0.2 * size), size, colour)
    if condition.level >= URGENT:
        height, whole = image.shape[:2]
        cv2.rectangle(image, (0, 0), (whole - 1, height - 1), colour, 6 * unit)
