"""Makes demo.mp4 and demo.json: an animated face with a known schedule, from a public-domain portrait.

The still is NASA's portrait of Eileen Collins (public domain), as scikit-image carries it. Run from the
repository's root, in an environment with the `dev` extras: `python -m assets.demo.make_demo`. Takes some
minutes. The same versions of the packages give the same file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

from realtime.values import ImageU8
from realtime.vision.face_rig import Expression, HeadPose
from realtime.vision.landmarks import FaceMesh
from realtime.vision.mesh_warp import FacePuppet

FOLDER = Path(__file__).resolve().parent
WIDTH, HEIGHT, FPS, SECONDS = 640, 480, 30, 38
SUPERSAMPLING = 2  # drawn this much larger, then shrunk: smooth edges
SEED = 20250101
NOISE = 1.6  # standard deviation of the sensor's noise, grey values


@dataclass(frozen=True, slots=True)
class Action:
    """One action: begins at `start_s`, fully there from `apex_start_s` to `apex_end_s`, over at `end_s`."""

    name: str
    start_s: float
    apex_start_s: float
    apex_end_s: float
    end_s: float

    def strength(self, t_s: float) -> float:
        """0 outside, 1 at the apex, smooth between."""
        if not self.start_s < t_s < self.end_s:
            return 0.0
        rise = (t_s - self.start_s) / max(self.apex_start_s - self.start_s, 1e-9)
        fall = (self.end_s - t_s) / max(self.end_s - self.apex_end_s, 1e-9)
        x = min(1.0, rise, fall)
        return x * x * (3 - 2 * x)


def blink(start_s: float) -> Action:
    """A blink of 0.27 s, closed for 0.07 s."""
    return Action("blink", start_s, start_s + 0.1, start_s + 0.17, start_s + 0.27)


ACTIONS = (
    blink(1.6),
    Action("smile", 3.0, 3.5, 5.5, 6.0),
    blink(6.8),
    Action("brows_raised_open_mouth", 7.6, 8.0, 10.2, 10.7),
    blink(11.4),
    Action("frown", 12.2, 12.7, 14.7, 15.2),
    blink(15.8),
    Action("turn_left", 16.6, 17.3, 18.9, 19.6),
    Action("turn_right", 20.2, 20.9, 22.5, 23.2),
    Action("look_down", 23.8, 24.4, 25.8, 26.4),
    blink(27.0),
    Action("eye_closure", 27.9, 28.1, 30.6, 30.9),
    Action("yawn", 31.7, 33.0, 34.7, 35.7),
    blink(36.6),
)

# What each action adds to the still. The portrait smiles, so a neutral face takes its smile back.
NEUTRAL = {
    "mouth_gap": 0.004,
    "corner_out": -0.065,
    "corner_up": -0.075,
    "pucker": 0.03,
    "lip_full": 0.6,
    "brow_raise": 0.0,
    "brow_frown": 0.0,
    "eye_closure": 0.0,
}
MUSCLES: dict[str, dict[str, float]] = {
    "smile": {"mouth_gap": 0.086, "corner_out": 0.08, "corner_up": 0.095, "pucker": -0.03, "lip_full": -0.6},
    "brows_raised_open_mouth": {
        "mouth_gap": 0.2,
        "pucker": 0.1,
        "corner_out": 0.03,
        "brow_raise": 0.08,
        "eye_closure": -0.15,
    },
    "frown": {"brow_frown": 0.06, "corner_up": -0.055, "eye_closure": 0.15},
    "blink": {"eye_closure": 1.0},
    "eye_closure": {"eye_closure": 1.0},
    "yawn": {"mouth_gap": 0.34, "pucker": 0.08, "corner_out": 0.03, "brow_raise": 0.015, "eye_closure": 0.85},
    "look_down": {"eye_closure": 0.3},
}
TURNS = {
    "turn_left": HeadPose(yaw_deg=23),
    "turn_right": HeadPose(yaw_deg=-23),
    "look_down": HeadPose(pitch_deg=-20),
    "yawn": HeadPose(pitch_deg=4),
}


def schedule() -> list[Action]:
    """All actions in order, with the neutral pieces between them."""
    pieces: list[Action] = []
    end = 0.0
    for action in ACTIONS:
        if action.start_s > end:
            pieces.append(Action("neutral", end, end, action.start_s, action.start_s))
        pieces.append(action)
        end = action.end_s
    return [*pieces, Action("neutral", end, end, SECONDS, SECONDS)]


def at(t_s: float) -> tuple[Expression, HeadPose]:
    """What the face does at a time of the clip."""
    muscles = dict(NEUTRAL)
    yaw, pitch = sway(t_s, 5) * 1.3, sway(t_s, 7) * 0.8
    for action in ACTIONS:
        strength = action.strength(t_s)
        for name, amount in MUSCLES.get(action.name, {}).items():
            muscles[name] += strength * amount
        turn = TURNS.get(action.name, HeadPose())
        yaw, pitch = yaw + strength * turn.yaw_deg, pitch + strength * turn.pitch_deg
    shift = (sway(t_s, 4) * 0.015, sway(t_s, 6) * 0.008)
    return Expression(**muscles), HeadPose(yaw, pitch, sway(t_s, 3) * 1.1, shift)


def sway(t_s: float, cycles: int) -> float:
    """-1 to 1, whole cycles over the clip so that it loops, 0 where the clip begins and ends."""
    return math.sin(2 * math.pi * cycles * t_s / SECONDS)


def portrait() -> ImageU8:
    """The still, cut and enlarged so that the face is about 220 px high in the clip."""
    from skimage import data

    astronaut: Callable[[], ImageU8] = data.astronaut
    scale = SUPERSAMPLING * 2.08
    left, top = 71, 3
    still = cv2.bilateralFilter(astronaut(), 5, 12, 2)  # the blocks of its JPEG would be enlarged too
    moved = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    size_wh = (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING)
    enlarged = cv2.warpAffine(
        still, moved, size_wh, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(enlarged, np.uint8)


def puppet() -> FacePuppet:
    """The portrait as a movable mesh."""
    still = portrait()
    with FaceMesh(max_faces=1, still=True) as mesh:
        faces = mesh.find(still)
    if len(faces) != 1:
        raise RuntimeError(f"portrait: expected one face, got {len(faces)}")
    return FacePuppet(still, faces[0])


def pictures() -> Iterator[ImageU8]:
    """The frames of the clip, (480,640,3) uint8 RGB."""
    face = puppet()
    noise = np.random.default_rng(SEED)
    for frame in range(SECONDS * FPS):
        large = face.render(*at(frame / FPS))
        small = cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
        grain = noise.normal(0, NOISE, (HEIGHT, WIDTH, 1)) + noise.normal(0, NOISE / 2, small.shape)
        yield np.clip(small + grain + 0.5, 0, 255).astype(np.uint8)


def encode(path: Path) -> None:
    """Writes the clip as H.264, one thread so that it is the same each time."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        stream.options = {"crf": "20", "preset": "slow", "threads": "1", "g": "60"}
        for image in tqdm(pictures(), total=SECONDS * FPS, unit="frame"):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def describe(path: Path) -> str:
    """The clip's JSON description."""
    head = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "fps": FPS,
        "size": [WIDTH, HEIGHT],
        "frames": SECONDS * FPS,
        "seconds": SECONDS,
        "sides": "left and right are the person's own: turn_left goes to the picture's right",
        "times": "seconds; an action begins at start, is whole from apex_start to apex_end, over at end",
    }
    rows = [
        json.dumps(
            {
                "action": each.name,
                "start": round(each.start_s, 3),
                "apex_start": round(each.apex_start_s, 3),
                "apex_end": round(each.apex_end_s, 3),
                "end": round(each.end_s, 3),
            }
        )
        for each in schedule()
    ]
    return json.dumps(head, indent=2)[:-2] + ',\n  "schedule": [\n    ' + ",\n    ".join(rows) + "\n  ]\n}\n"


def main() -> None:
    """Writes demo.mp4 and demo.json, each complete or not at all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write")
    folder: Path = parser.parse_args().folder
    cv2.setNumThreads(1)
    part, clip = folder / "demo.part", folder / "demo.mp4"
    encode(part)
    os.replace(part, clip)
    (folder / "demo.json").write_text(describe(clip), encoding="utf-8")


if __name__ == "__main__":
    main()
