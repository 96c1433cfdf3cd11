"""The picture as a mirror shows it: what is drawn moves along, text stays readable."""

from __future__ import annotations

import dataclasses

import numpy as np

from realtime.values import Face, Observation

Box = tuple[float, float, float, float]


def mirrored(observation: Observation, width: int) -> Observation:
    """The observation of the flipped picture of `width` pixels; for drawing, angles stay the camera's."""
    guard = observation.guard
    if guard is not None:
        hidden = tuple(
            dataclasses.replace(each, box_xyxy=_flip(each.box_xyxy, width)) for each in guard.hidden
        )
        boxes = tuple(_flip(each, width) for each in guard.boxes)
        guard = dataclasses.replace(guard, hidden=hidden, boxes=boxes)
    faces = tuple(_flip_face(face, width) for face in observation.faces)
    return dataclasses.replace(observation, faces=faces, guard=guard)


def _flip_face(face: Face, width: int) -> Face:
    landmarks = face.landmarks * np.array([-1, 1, 1], np.float32) + np.array([width - 1, 0, 0], np.float32)
    return dataclasses.replace(face, box_xyxy=_flip(face.box_xyxy, width), landmarks=landmarks)


def _flip(box: Box, width: int) -> Box:
    return width - 1 - box[2], box[1], width - 1 - box[0], box[3]
