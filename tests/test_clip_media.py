from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.training import clip_media
from models.training.clip_media import ClipMedia, natural, picture_files
from tests.tiny_datasets import clip_frames, write_frames, write_video


def test_a_folder_gives_its_pictures_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    pictures = clip_frames("happy", 0, 12, 64)
    write_frames(tmp_path / "a", pictures, ".png")
    (tmp_path / "a" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "a" / "._1.png").write_bytes(b"x")
    media = ClipMedia(tmp_path / "a", fps=10)
    frames = list(media.frames())
    np.testing.assert_array_equal(np.stack([frame.image for frame in frames]), pictures)
    assert [frame.t_s for frame in frames] == [number / 10 for number in range(12)]
    assert media.damaged == []
    for number in (9, 10):
        (tmp_path / "a" / f"00012_{number}.jpg").write_bytes(b"")
    assert [path.stem for path in picture_files(tmp_path / "a")][-3:] == ["12", "00012_9", "00012_10"]
    assert sorted(["10", "9b", "9", "a2", "a10"], key=natural) == ["9", "9b", "10", "a2", "a10"]


def test_a_video_gives_its_pictures_with_their_times(tmp_path: Path) -> None:
    pictures = clip_frames("surprise", 1, 10, 64)
    write_video(tmp_path / "a.mp4", pictures, fps=20)
    frames = list(ClipMedia(tmp_path / "a.mp4").frames())
    assert [frame.t_s for frame in frames] == pytest.approx([number / 20 for number in range(10)])
    assert float(np.abs(np.stack([frame.image for frame in frames]).astype(int) - pictures).mean()) < 4


def test_damaged_pictures_are_left_out_and_named(tmp_path: Path) -> None:
    pictures = clip_frames("happy", 0, 5, 64)
    write_frames(tmp_path / "a", pictures)
    torn = (tmp_path / "a" / "2.jpg").read_bytes()
    (tmp_path / "a" / "2.jpg").write_bytes(torn[: len(torn) // 2])
    (tmp_path / "a" / "4.jpg").write_bytes(b"")
    media = ClipMedia(tmp_path / "a")
    frames = list(media.frames())
    assert [round(frame.t_s * 25) for frame in frames] == [0, 2, 4]  # the others keep their times
    assert [line.partition(":")[0] for line in media.damaged] == ["2.jpg", "4.jpg"]
    assert all("\n" not in line and len(line) > 8 for line in media.damaged)
    assert len(list(media.frames())) == 3
    assert len(media.damaged) == 2  # of the last reading


@pytest.mark.parametrize(
    "kind", ["empty folder", "no picture", "torn only", "tiny", "no video", "torn video"]
)
def test_a_clip_without_a_readable_frame_says_why(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "clip"
    if kind in ("no video", "torn video"):
        path = tmp_path / "clip.mp4"
        write_video(path, clip_frames("happy", 0, 5, 64))
        whole = path.read_bytes()
        path.write_bytes(b"no video" if kind == "no video" else whole[: len(whole) // 2])
    elif kind == "tiny":
        write_frames(path, clip_frames("happy", 0, 2, 64)[:, :4, :4])
    else:
        path.mkdir()
        if kind == "no picture":
            (path / "notes.txt").write_text("x")
        if kind == "torn only":
            (path / "1.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ModelError, match=r"clip(.mp4)?: expected frames, got none: .+") as told:
        list(ClipMedia(path).frames())
    assert "\n" not in str(told.value)


def test_a_video_that_breaks_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"  # whose index does not stand at the end
    write_video(path, clip_frames("happy", 0, 40, 64))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    media = ClipMedia(path)
    count = len(list(media.frames()))
    assert 5 < count < 40


def test_a_clip_that_is_a_film_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_media, "MAX_FRAMES", 4)
    write_frames(tmp_path / "a", clip_frames("happy", 0, 5, 64))
    with pytest.raises(ModelError, match="a: expected at most 4 frames, got more: cut it up"):
        list(ClipMedia(tmp_path / "a").frames())
