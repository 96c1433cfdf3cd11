"""Tiny data sets of moving faces, made by the tests themselves: the demo actor smiles or raises the brows.

Two easy classes, "happy" and "surprise". Frames are drawn once per process and shared by all layouts.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from assets.demo.make_demo import MUSCLES, NEUTRAL
from models.convert import DATASET_LABELS
from models.training.clip_cache import CachedClip, ClipCache, ClipWriter
from realtime.vision.align import similarity, to_matrix, warp
from realtime.vision.face_rig import Expression, HeadPose
from realtime.vision.landmarks import FaceMesh
from realtime.vision.mesh_warp import FacePuppet

DEMO = Path(__file__).resolve().parents[1] / "assets" / "demo" / "demo.mp4"
ACTIONS = {"happy": "smile", "surprise": "brows_raised_open_mouth"}
CLASSES = tuple(ACTIONS)
FPS = 25.0
STILL_SIDE = 200
# few pictures are drawn by the warp, at 30 ms each; clips are made of them by moving and scaling
LEVELS, YAWS_DEG = 4, (-6, 6)

Pictures = npt.NDArray[np.uint8]


@lru_cache(maxsize=1)
def puppet() -> FacePuppet:
    """The demo actor's first frame, cut about the face, as a movable mesh."""
    with av.open(str(DEMO)) as container:
        still = next(container.decode(video=0)).to_ndarray(format="rgb24")
    with FaceMesh(1, still=True) as mesh:
        landmarks = mesh.find(np.ascontiguousarray(still))[0]
    # as an aligned crop, but wider, so that a face still has to be found and aligned
    a, b = similarity(landmarks, STILL_SIDE)
    middle = complex(STILL_SIDE / 2, STILL_SIDE / 2)
    matrix = to_matrix(a * 0.8, (b - middle) * 0.8 + middle)
    moved = landmarks.copy()
    moved[:, :2] = landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    moved[:, 2] *= abs(a) * 0.8
    return FacePuppet(warp(np.asarray(still, np.uint8), matrix, STILL_SIDE), moved.astype(np.float32))


@lru_cache(maxsize=64)
def drawn(label: str, level: int, yaw_deg: int) -> Pictures:
    """The actor with a class's action at `level` of LEVELS, (STILL_SIDE,STILL_SIDE,3)."""
    share = level / LEVELS
    moved = {name: share * value for name, value in MUSCLES[ACTIONS[label]].items()}
    moved["mouth_gap"] += NEUTRAL["mouth_gap"]  # the demo's first frame is neutral in all else
    muscles = Expression(**moved)
    return puppet().render(muscles, HeadPose(yaw_deg))


@lru_cache(maxsize=256)
def clip_frames(label: str, seed: int, frames: int = 20, side: int = STILL_SIDE) -> Pictures:
    """One clip, (frames,side,side,3) uint8 RGB: the expression comes and stays, the head sways a little.

    Args:
        label: one of CLASSES.
        seed: of onset, pose, sway, size and light.
        frames: how many.
        side: of the pictures, pixels.
    """
    random = np.random.default_rng((seed, CLASSES.index(label)))
    onset, light, size = random.uniform(0.0, 0.25), random.uniform(0.85, 1.15), random.uniform(0.9, 1.1)
    yaw, roll, shift = int(random.choice(YAWS_DEG)), random.uniform(-6, 6), random.uniform(-6, 6, 2)
    out = np.empty((frames, side, side, 3), np.uint8)
    for number in range(frames):
        level = round(LEVELS * float(np.clip((number / max(1, frames - 1) - onset) / 0.3, 0, 1)))
        sway = np.sin(2 * np.pi * number / max(8, frames))
        middle = (STILL_SIDE / 2, STILL_SIDE / 2)
        moved = np.asarray(cv2.getRotationMatrix2D(middle, roll * sway, size), np.float64)
        moved[:, 2] += shift * sway
        picture = cv2.warpAffine(
            drawn(label, level, yaw), moved, (STILL_SIDE, STILL_SIDE), borderMode=cv2.BORDER_REPLICATE
        )
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        out[number] = np.clip(small.astype(np.float32) * light, 0, 255)
    out.flags.writeable = False
    return out


def clip_labels(clips: int) -> list[str]:
    """The classes of so many clips, in turn."""
    return [CLASSES[number % len(CLASSES)] for number in range(clips)]


def in_test(number: int, fold: int, folds: int = 5) -> bool:
    """Whether a clip is in a fold's test part: each pair of classes in one fold's."""
    return number // len(CLASSES) % folds == fold


def make_cache(
    folder: Path, clips: int = 12, frames: int = 20, side: int = 64, dataset: str = "dfew", folds: int = 2
) -> ClipCache:
    """A finished cache of tiny clips, cut as if aligned: no landmarker is needed. Labels as in `dataset`."""
    labels = DATASET_LABELS[dataset]
    writer = ClipWriter(folder, dataset=dataset, labels=labels, side=side, facts={"source": "tiny"})
    named = []
    for number, label in enumerate(clip_labels(clips)):
        name = f"{number:05d}"
        writer.add(name, clip_frames(label, number, frames, side), np.arange(frames) / FPS)
        parts = {str(k + 1): "test" if in_test(number, k, folds) else "train" for k in range(folds)}
        named.append(CachedClip(name, labels.index(label), parts))
    return writer.finish(named, [str(k + 1) for k in range(folds)])


def write_frames(folder: Path, pictures: Pictures, suffix: str = ".jpg", start: int = 1) -> None:
    """A folder of pictures named by their number, without leading zeros, as DFEW's."""
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures, start):
        if not cv2.imwrite(str(folder / f"{number}{suffix}"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
            raise OSError(f"{folder}: could not write")


def write_video(path: Path, pictures: Pictures, fps: float = FPS) -> None:
    """An H.264 video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=round(fps))
        stream.width, stream.height, stream.pix_fmt = pictures.shape[2], pictures.shape[1], "yuv420p"
        stream.options = {"crf": "18", "preset": "ultrafast", "threads": "1"}
        for picture in pictures:
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))
            )
        container.mux(stream.encode())


def make_dfew(
    root: Path, clips: int = 10, frames: int = 20, media: str = "frames", side: int = STILL_SIDE
) -> Path:
    """DFEW as its owners ship it: split lists with labels 1..7, clips in Clip/."""
    numbers = {name: number for number, name in enumerate(DATASET_LABELS["dfew"], 1)}
    for number, label in enumerate(clip_labels(clips), 1):
        pictures = clip_frames(label, number, frames, side)
        if media == "frames":
            write_frames(root / "Clip" / "clip_224x224" / f"{number:05d}", pictures)
        else:
            write_video(root / "Clip" / "original" / f"{number}.mp4", pictures)
    for fold in range(5):
        for part in ("train", "test"):
            rows = [(number, numbers[label]) for number, label in enumerate(clip_labels(clips), 1)
                    if in_test(number - 1, fold) == (part == "test")]  # fmt: skip
            write_csv(root / "EmoLabel_DataSplit" / f"{part}(single-labeled)" / f"set_{fold + 1}.csv",
                      [("video_name", "label"), *rows])  # fmt: skip
    return root


def make_ferv39k(
    root: Path, clips: int = 10, frames: int = 20, media: str = "frames", side: int = STILL_SIDE
) -> Path:
    """FERV39k: space-separated lists in 4_setups, clips by scene and class; videos are in "Clips"."""
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for number, label in enumerate(clip_labels(clips), 1):
        scene = ("Crime", "School")[number % 2]
        name = f"{scene}/{label.capitalize()}/{number:04d}"
        pictures = clip_frames(label, number, frames, side)
        if media == "frames":
            write_frames(root / "2_ClipsforFaceCrop" / name, pictures)
        else:
            write_video(root / "Clips" / f"{name}.mp4", pictures)
        lists["test" if in_test(number - 1, 0) else "train"].append(f"{name} {label.capitalize()}")
    folder = root / "4_setups" / "All_scenes"
    folder.mkdir(parents=True)
    for part, lines in lists.items():
        (folder / f"{part}_All.csv").write_text("\n".join(lines) + "\n")
    return root


def make_mafw(
    root: Path, clips: int = 10, frames: int = 20, media: str = "videos", side: int = STILL_SIDE
) -> Path:
    """MAFW: lists of "00001.mp4 happiness" in five sets; whole pictures as videos or png folders."""
    words = {"happy": "happiness", "surprise": "surprise"}
    for number, label in enumerate(clip_labels(clips), 1):
        pictures = clip_frames(label, number, frames, side)
        if media == "videos":
            write_video(root / "data" / "clips" / f"{number:05d}.mp4", pictures)
        else:
            write_frames(root / "data" / "frames" / f"{number:05d}", pictures, ".png")
    for fold in range(5):
        folder = root / "Train & Test Set" / "single" / "no_caption" / f"set_{fold + 1}"
        folder.mkdir(parents=True)
        for part in ("train", "test"):
            lines = [f"{number:05d}.mp4 {words[label]}" for number, label in enumerate(clip_labels(clips), 1)
                     if in_test(number - 1, fold) == (part == "test")]  # fmt: skip
            (folder / f"{part}.txt").write_text("\n".join(lines) + "\n")
    return root


def make_videos(root: Path, clips: int = 10, frames: int = 20, side: int = STILL_SIDE) -> Path:
    """A user's own videos, root/<label>/*.mp4."""
    for number, label in enumerate(clip_labels(clips), 1):
        write_video(root / label / f"{number}.mp4", clip_frames(label, number, frames, side))
    return root


def write_csv(path: Path, rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
