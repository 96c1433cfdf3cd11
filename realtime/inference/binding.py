"""Which face something belongs to that was learnt from a person; it never moves to another one unseen."""

from __future__ import annotations

from realtime.clock import to_ns
from realtime.values import Face, Observation

Box = tuple[float, float, float, float]


class Binding:
    """Follows one face's id. Faces are not recognised, so an id that ends leaves one narrow way on.

    Where the face was alone in view, is lost, and within `carry_s` a single face is found at about the same
    place, with nobody else seen in between, that face is taken for the same person under a new id. In every
    other case the binding ends: someone must say whose it is (`face_id`), or no face is bound.

    One thread calls `observe`.

    Attributes:
        face_id: the face, or None.
        carried: whether it came to its present face in that way.
    """

    def __init__(self, face_id: int | None, *, any_lone: bool = False, carry_s: float = 3.0) -> None:
        """Binds.

        Args:
            face_id: the face; None for none yet.
            any_lone: take whichever face is alone in view while no face is bound.
            carry_s: how long after a loss a face at the same place counts as the same person.
        """
        self.face_id = face_id
        self.carried = False
        self._any_lone, self._carry_ns = any_lone, to_ns(carry_s)
        self._box: Box | None = None
        self._seen_ns: int | None = None

    def leave(self) -> None:
        """Ends the binding for good, because the source changed."""
        self.face_id = self._box = None

    def observe(self, observation: Observation) -> None:
        """Takes what vision found in a frame."""
        faces, t_ns = observation.faces, observation.t_ns
        if self.face_id is not None:
            own = _find(faces, self.face_id)
            if own is not None:
                self._box, self._seen_ns = own.box_xyxy, t_ns
                if len(faces) > 1:
                    self._box = None  # with others in view, a face that comes back may be theirs
            elif self.face_id in observation.lost:
                self.face_id = None
            elif faces:
                self._box = None  # somebody else is there while this face is not
        if self.face_id is not None or not faces:
            return
        lone = faces[0] if len(faces) == 1 else None
        if lone is None:
            self._box = None
        elif self._any_lone:
            self.face_id = lone.face_id
        elif self._box is not None and self._seen_ns is not None:
            if t_ns - self._seen_ns <= self._carry_ns and _overlap(lone.box_xyxy, self._box) >= 0.3:
                self.face_id, self.carried = lone.face_id, True
            self._box = None  # there is one try


def _find(faces: tuple[Face, ...], face_id: int) -> Face | None:
    return next((each for each in faces if each.face_id == face_id), None)


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (_area(one) + _area(other) - both)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
