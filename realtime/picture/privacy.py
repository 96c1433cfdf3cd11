"""Pictures that do not show who is there: meshes instead of faces, blurred bystanders, nothing at all.

Only the observation of this very frame may open parts of it. Where a face that was there a moment ago is
not found, nobody knows where it is, so nothing is opened. What is covered is painted over, not mixed in.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from realtime.picture.head import Outline, box_area, box_outline, head_outline
from realtime.picture.mesh import draw_mesh
from realtime.picture.overlay import face_colour
from realtime.picture.text import Colour
from realtime.values import ImageU8, Observation
from realtime.view import View

# margins of a box whose face has landmarks, too: left and right, above, below, in box sizes
OWN = (0.1, 0.3, 0.1)
GROUND: Colour = (24, 28, 36)
RIM: Colour = (70, 80, 98)
# cells across a blurred head: about three on the face itself, which is fewer than tell persons apart
CELLS = 6
# cells across the whole picture while a bystander may be anywhere
WHOLE_CELLS = 20
# steps of brightness that remain, lest many blurred pictures add up to a sharp one
STEP = 16


def fits(view: View, observation: Observation | None) -> bool:
    """Whether the observation says all that this view must know of its frame."""
    if not view.guarded:
        return True
    guard = None if observation is None else observation.guard
    return guard is not None and (guard.only_chosen or view.bystanders != "blur")


def paint_scene(image: ImageU8, source_rgb: ImageU8, observation: Observation | None, view: View) -> str:
    """Fills the picture with what the view lets through of the source; says why, where that is nothing.

    Args:
        image: (H,W,3) uint8, every pixel of it is written.
        source_rgb: (H,W,3), the camera's picture.
        observation: of this very frame; without one nothing of a guarded picture is opened.
        view: the switches.
    """
    if not view.guarded:
        np.copyto(image, source_rgb)
        return ""
    if observation is None or observation.guard is None or not fits(view, observation):
        _cover_all(image)
        return "picture hidden: faces are not known yet"
    guard = observation.guard
    if view.picture == "camera":
        if guard.missing_hidden:
            _blur_all(image, source_rgb, [head_outline(face.landmarks) for face in observation.faces])
        else:
            np.copyto(image, source_rgb)
        for each in guard.hidden:
            _blur(image, box_area(each.box_xyxy))
        return ""
    outlines = [head_outline(face.landmarks) for face in observation.faces]
    outlines += [box_outline(each.box_xyxy) for each in guard.hidden]
    outlines += [box_outline(each, OWN) for each in guard.boxes]
    reason = ""
    if view.picture == "mesh" and guard.missing:
        reason = "picture hidden: a face is out of sight"
    elif view.picture == "mesh" and not outlines:
        reason = "picture hidden: no face in sight"
    if reason or view.picture == "mesh-only":
        _cover_all(image)
    else:
        np.copyto(image, source_rgb)
    for outline in outlines:
        cv2.polylines(image, [outline], True, RIM, 4, cv2.LINE_AA)
    for outline in outlines:
        cv2.fillConvexPoly(image, outline, GROUND, cv2.LINE_8)
    for face in observation.faces:
        draw_mesh(image, face.landmarks, face_colour(face.face_id))
    return reason


def _cover_all(image: ImageU8) -> None:
    np.copyto(image, _backdrop(image.shape[1], image.shape[0]))


@functools.lru_cache(maxsize=4)
def _backdrop(width: int, height: int) -> ImageU8:
    """A dark ground, a little lighter in the middle."""
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    light = np.clip(1.25 - 0.55 * np.hypot(x, y), 0, 2)[..., None]
    ground: ImageU8 = np.clip(np.array(GROUND, np.float32) * light, 0, 255).astype(np.uint8)
    ground.flags.writeable = False
    return ground


def _blur(image: ImageU8, area: tuple[int, int, int, int]) -> None:
    """Replaces a rectangle by a few soft cells of its own mean colours."""
    x0, y0, x1, y1 = area
    x0, y0, x1, y1 = max(0, x0), max(0, y0), min(image.shape[1], x1), min(image.shape[0], y1)
    if x0 >= x1 or y0 >= y1:
        return
    region = image[y0:y1, x0:x1]
    region[:] = _soft(region, CELLS)


def _blur_all(image: ImageU8, source_rgb: ImageU8, kept: list[Outline]) -> None:
    """Blurs the whole picture but the given heads."""
    image[:] = _soft(source_rgb, WHOLE_CELLS)
    if kept:
        mask = np.zeros(image.shape[:2], np.uint8)
        for outline in kept:
            cv2.fillConvexPoly(mask, outline, (255,))
        cv2.copyTo(np.ascontiguousarray(source_rgb), mask, image)


def _soft(region: ImageU8, cells: int) -> ImageU8:
    """The region's size filled with `cells` mean colours across, in coarse steps, without their edges."""
    height, width = region.shape[:2]
    rows = max(1, min(height, round(cells * height / width)))
    small = cv2.resize(region, (min(cells, width), rows), interpolation=cv2.INTER_AREA)
    coarse = np.asarray(small // STEP * STEP + STEP // 2, np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
