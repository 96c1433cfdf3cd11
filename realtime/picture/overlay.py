"""Draws faces on a picture: corner box, label, expression bars, quality hints, and notices."""

from __future__ import annotations

import cv2
import numpy as np

from realtime.inference.smoothing import UNSURE
from realtime.picture.text import DARK, MUTED, WHITE, Colour, draw_text, shade, text_mask
from realtime.values import Face, ImageU8, Prediction

# told apart by people with any colour vision (Okabe and Ito's palette), one for each face id in turn
FACE_COLOURS: tuple[Colour, ...] = (
    (86, 180, 233),
    (240, 228, 66),
    (0, 200, 140),
    (230, 130, 40),
    (204, 121, 167),
)
WARNING: Colour = (255, 196, 92)


def face_colour(face_id: int) -> Colour:
    """The colour of a face, the same in box, bars and strip."""
    return FACE_COLOURS[(face_id - 1) % len(FACE_COLOURS)]


def draw_face(image: ImageU8, face: Face, prediction: Prediction | None, *, labels: bool = True) -> None:
    """Draws one face's corner box, its label and its quality hints.

    Args:
        image: (H,W,3) uint8 RGB, changed in place.
        face: the face in this frame.
        prediction: what the model last said of it; None until its first window is full.
        labels: whether there are expressions to tell.
    """
    colour = face_colour(face.face_id)
    x0, y0, x1, y1 = (round(each) for each in face.box_xyxy)
    unit = max(1, round(image.shape[0] / 480))
    arm = max(8, (x1 - x0) // 6)
    for x, y, dx, dy in ((x0, y0, 1, 1), (x1, y0, -1, 1), (x0, y1, 1, -1), (x1, y1, -1, -1)):
        corner = np.array([[x + dx * arm, y], [x, y], [x, y + dy * arm]], np.int32)
        cv2.polylines(image, [corner], False, DARK, 4 * unit, cv2.LINE_AA)
        cv2.polylines(image, [corner], False, colour, 2 * unit, cv2.LINE_AA)

    size = 17 * unit
    if prediction is None:
        text, text_colour = "watching ...", MUTED
    elif prediction.label == UNSURE:
        text, text_colour = UNSURE, MUTED
    else:
        text, text_colour = f"{prediction.label} {prediction.confidence:.0%}", WHITE
    top = y0 - size * 2 if y0 >= size * 2 else y1 + size // 4
    if labels:
        _chip(image, text, x0, top, size, text_colour, colour)
    if face.quality.hints:
        below = top + size * 2 if top > y0 else y1 + size // 4
        _chip(image, ", ".join(face.quality.hints), x0, below, 13 * unit, WARNING, WARNING)


def _chip(
    image: ImageU8, text: str, left: int, top: int, size: int, text_colour: Colour, edge: Colour
) -> None:
    height, pad = round(size * 1.45), size // 2
    top = min(max(0, top), image.shape[0] - height)
    width = text_mask(text, size).shape[1] + 2 * pad
    left = min(max(0, left), max(0, image.shape[1] - width))
    right = left + width
    shade(image, left, top, right, top + height, 0.68)
    cv2.rectangle(image, (left, top), (left + max(2, size // 6), top + height - 1), edge, cv2.FILLED)
    draw_text(image, text, left + pad, top + round(size * 0.12), size, text_colour)


def draw_bars(image: ImageU8, predictions: list[Prediction]) -> None:
    """Draws the expression bars of each face, side by side from the upper left corner.

    Args:
        image: (H,W,3) uint8 RGB, changed in place.
        predictions: newest prediction of each face, in the order of the ids.
    """
    unit = max(1, round(image.shape[0] / 480))
    row, name_width, bar_width, pad = 17 * unit, 62 * unit, 64 * unit, 8 * unit
    left = pad
    for prediction in predictions:
        width = name_width + bar_width + 2 * pad
        height = row * len(prediction.labels) + 2 * pad
        if left + width > image.shape[1]:
            return  # no room for more panels on this picture
        shade(image, left, pad, left + width, pad + height, 0.55)
        colour = face_colour(prediction.face_id)
        for number, (name, value) in enumerate(zip(prediction.labels, prediction.probabilities, strict=True)):
            top = 2 * pad + number * row
            strong = name == prediction.label
            draw_text(image, name, left + pad, top, 12 * unit, WHITE if strong else MUTED)
            x0, y0 = left + pad + name_width, top + row // 4
            x1, y1 = x0 + round(bar_width * float(value)), top + row - row // 4
            cv2.rectangle(image, (x0, y0), (x0 + bar_width, y1), (58, 62, 70), cv2.FILLED)
            if x1 > x0:
                cv2.rectangle(image, (x0, y0), (x1, y1), colour if strong else MUTED, cv2.FILLED)
        left += width + pad


def draw_notices(image: ImageU8, notices: tuple[str, ...]) -> None:
    """Draws one line for each notice ("camera lost", "untrained weights") in the upper right corner."""
    unit = max(1, round(image.shape[0] / 480))
    top = 8 * unit
    for notice in notices:
        width = text_mask(notice, 14 * unit).shape[1]
        _chip(image, notice, image.shape[1] - width - 24 * unit, top, 14 * unit, WARNING, WARNING)
        top += 26 * unit


def draw_message(image: ImageU8, text: str) -> None:
    """Draws a sentence large in the middle, in lines that fit."""
    size = 22 * max(1, round(image.shape[0] / 480))
    room = image.shape[1] - 2 * size
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_mask(longer, size).shape[1] <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    step = round(1.6 * size)
    top = (image.shape[0] - step * len(lines)) // 2
    for line in lines:
        draw_text(image, line, (image.shape[1] - text_mask(line, size).shape[1]) // 2, top, size)
        top += step


def dim(image: ImageU8) -> None:
    """Darkens the whole picture in place: what it shows is not live."""
    cv2.convertScaleAbs(image, dst=image, alpha=0.35)
