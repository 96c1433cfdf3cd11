"""Decodes and aligns a data set's clips, once, into a cache: the clip side of `models.training.prepare`."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from models.errors import ModelError
from models.training.clip_cache import (
    CODINGS,
    MAX_SIDE,
    PARTS,
    CachedClip,
    ClipCache,
    ClipWriter,
    encode_pictures,
)
from models.training.clip_faces import FaceSearcher, Searcher, align_clip, as_is
from models.training.clip_media import FOLDER_FPS, ClipMedia
from models.training.clip_source import ClipSource, Problem, SourceClip, load_label_map, stop_on_problems
from models.training.dfew import read_dfew
from models.training.ferv39k import read_ferv39k
from models.training.mafw import read_mafw
from models.training.own_videos import read_videos
from models.training.workers import end_with_parent, worker_context
from realtime.values import CROP_SIDE

READERS: dict[str, Callable[..., ClipSource]] = {
    "dfew": read_dfew,
    "ferv39k": read_ferv39k,
    "mafw": read_mafw,
    "videos": read_videos,
}
LISTED = 10  # of what is missing, on standard output


@dataclass(frozen=True)
class ClipOptions:
    """How clips are prepared.

    Attributes:
        folds: those to prepare; none: all.
        media: the folder of the clips, where it is not one that the layout names.
        labels: a label map (TOML) for copies with other labels; None: the owners'.
        aligned: the frames are aligned crops of the face already.
        side: of the cached pictures, pixels.
        fps: of frame folders.
        coding: of the cached pictures, "jpeg" or "raw".
        missing: "stop" or "skip": what to do about clips that are missing or cannot be read.
        workers: processes; 1: this one.
    """

    folds: tuple[str, ...] = ()
    media: str = ""
    labels: Path | None = None
    aligned: bool = False
    side: int = CROP_SIDE
    fps: float = FOLDER_FPS
    coding: str = "jpeg"
    missing: str = "stop"
    workers: int = 1

    def __post_init__(self) -> None:
        if self.missing not in ("stop", "skip"):
            raise ModelError(f"missing: expected stop or skip, got {self.missing!r}")
        if self.coding not in CODINGS:
            raise ModelError(f"coding: expected one of {', '.join(CODINGS)}, got {self.coding!r}")
        if not 8 <= self.side <= MAX_SIDE:
            raise ModelError(f"side: expected 8..{MAX_SIDE}, got {self.side}")
        if not 0 < self.fps <= 1000:
            raise ModelError(f"fps: expected a number above 0, up to 1000, got {self.fps}")
        if self.workers < 1:
            raise ModelError(f"workers: expected at least 1, got {self.workers}")


def read_clips(source: str, options: ClipOptions) -> ClipSource:
    """What the data set that a source such as dfew:ROOT names lists and holds.

    Raises:
        ModelError: an unknown kind, no such folder, or one that is not laid out so.
    """
    kind, _, where = source.partition(":")
    if kind not in READERS or not where:
        raise ModelError(f"data: expected {', '.join(f'{each}:ROOT' for each in READERS)}, got {source!r}")
    root = Path(where)
    if not root.is_dir():
        raise ModelError(f"data: expected a folder {root}, got none")
    label_map = None if options.labels is None else load_label_map(options.labels)
    return READERS[kind](root, options.folds, options.media, label_map)


@dataclass(frozen=True, eq=False)
class _Made:
    """What a worker makes of a clip; `coded` is empty where no frame could be read."""

    coded: list[bytes]
    times_s: npt.NDArray[np.float64]
    found: npt.NDArray[np.bool_]
    damaged: list[str]


_SEARCHER: list[Searcher] = []


def _make(options: ClipOptions, clip: SourceClip) -> _Made:
    media = ClipMedia(clip.path, options.fps)
    try:
        if options.aligned:
            aligned = as_is(media.frames, options.side)
        else:
            if not _SEARCHER:
                cv2.setNumThreads(1)
                _SEARCHER.append(FaceSearcher())
            aligned = align_clip(media.frames, _SEARCHER[0], options.side)
    except ModelError as error:
        return _Made([], np.zeros(0), np.zeros(0, np.bool_), [str(error)])
    coded = encode_pictures(aligned.pictures, options.coding)
    return _Made(coded, aligned.times_s, aligned.found, list(media.damaged))


def _make_all(clips: Sequence[SourceClip], options: ClipOptions) -> Iterator[tuple[SourceClip, _Made]]:
    """The clips in their order; with workers only some are made ahead, so that memory stays small."""
    make = partial(_make, options)
    if options.workers == 1:
        yield from ((clip, make(clip)) for clip in clips)
        return
    ahead: deque[tuple[SourceClip, Future[_Made]]] = deque()
    with ProcessPoolExecutor(options.workers, worker_context(__name__), end_with_parent) as pool:
        try:
            for clip in clips:
                ahead.append((clip, pool.submit(make, clip)))
                if len(ahead) >= 4 * options.workers:
                    first, made = ahead.popleft()
                    yield first, made.result()
            for first, made in ahead:
                yield first, made.result()
        except BrokenProcessPool:
            raise ModelError(
                "workers: expected them to live, got one that died: run the same again to go on"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def prepare_clips(source: ClipSource, folder: Path, options: ClipOptions, progress: bool = True) -> ClipCache:
    """Makes the cache of a data set, or goes on with one that was stopped.

    Args:
        source: what to prepare.
        folder: of the cache.
        options: how; the options that decide what lies in the cache must be those of the stopped run.
        progress: a bar on standard error.

    Raises:
        ModelError: something is missing or unreadable and `options.missing` is "stop", or a finished cache is
            there already. What was prepared so far stays, and the next run goes on from there.
    """
    if options.missing == "stop":
        stop_on_problems(source)
    writer = ClipWriter(
        folder,
        dataset=source.dataset,
        labels=source.labels,
        side=options.side,
        coding=options.coding,
        facts={"media": source.media, "aligned": options.aligned, "fps": options.fps},
    )
    unreadable: list[Problem] = []
    try:
        rest = [clip for clip in source.clips if clip.name not in writer.done]
        made = _make_all(rest, options)
        for clip, each in tqdm(made, "clips", len(rest), disable=not progress, file=sys.stderr):
            if each.damaged and options.missing == "stop":
                raise ModelError(
                    f"clip {clip.name}: expected readable frames, got {len(each.damaged)} damaged: "
                    f"{each.damaged[0]} (--missing skip goes on without)"
                )
            if each.coded:
                writer.add_coded(clip.name, each.coded, each.times_s, each.found, len(each.damaged))
            else:
                unreadable.append(Problem(clip.name, each.damaged[0]))
        lost = {each.name for each in unreadable}
        clips = [
            CachedClip(clip.name, clip.target, clip.parts) for clip in source.clips if clip.name not in lost
        ]
        problems = [{"name": each.name, "reason": each.reason} for each in (*source.problems, *unreadable)]
        facts: Mapping[str, Any] = {
            "label_map": dict(source.label_map),
            "published": source.published,
            "treatment": "as they are" if options.aligned else "found and aligned by realtime.vision",
        }
        return writer.finish(clips, source.folds, problems, facts)
    finally:
        writer.close()


def table(cache: ClipCache) -> str:
    """What lies in a cache, for a person: clips by class, fold and part; frames; what is missing."""
    counts = np.array([cache.count(number) for number in range(len(cache))])
    header = ["class", "clips", "frames"] + [f"{fold} {part}" for fold in cache.folds for part in PARTS]
    members = {
        (fold, part): cache.in_part(fold, part) for fold in cache.folds for part in PARTS
    }  # masks over the clips
    rows = []
    for target, label in [*enumerate(cache.labels), (-1, "all")]:
        mine = (cache.targets == target) | (target < 0)
        row = [label, int(mine.sum()), int(counts[mine].sum())]
        rows.append([str(each) for each in [*row, *(int((mine & each).sum()) for each in members.values())]])
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(each.rjust(width) for each, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in [header, *rows]
    ]
    facts, missing = cache.facts, cache.facts["missing"]
    published = facts.get("published")
    lines += ["", f"clips: {len(cache)}" + (f" of {published} published" if published else "")]
    lines.append(
        f"pictures: {cache.side}x{cache.side}, {facts.get('treatment', 'unknown')}, from {facts.get('media')}"
    )
    lines.append(f"frames: {counts.min()} to {counts.max()} a clip, median {np.median(counts):g}")
    if not facts.get("aligned"):
        seen = [cache.found(number) for number in range(len(cache))]
        without, whole = sum(int((~each).sum()) for each in seen), sum(not each.any() for each in seen)
        lines.append(
            f"no face found: {without} of {int(counts.sum())} frames; in none of the frames of {whole} clips"
        )
    damaged = cache.damaged[cache.damaged > 0]
    lines.append(f"damaged frames left out: {int(damaged.sum())} in {len(damaged)} clips")
    lines.append(f"missing or unreadable: {len(missing)}")
    lines += [f"  {each['name']}: {each['reason']}" for each in missing[:LISTED]]
    if len(missing) > LISTED:
        lines.append(f"  and {len(missing) - LISTED} more, all in {cache.folder / 'cache.json'}")
    return "\n".join(lines)
