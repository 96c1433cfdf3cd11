"""A video file as a source: every picture offline, real time live, one clear line when it is no video."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from realtime.capture.file import FileSource
from realtime.capture.pyav_reader import MediaReader
from realtime.capture.source import NoPicture
from realtime.clock import NS_PER_S
from realtime.errors import SourceError

FPS, FRAMES, SIZE_WH = 25, 50, (64, 48)
INTERVAL_NS = NS_PER_S // FPS


class FakeTime:
    """A clock that only sleeping and the test move."""

    def __init__(self) -> None:
        self.now = 5 * NS_PER_S
        self.slept: list[float] = []

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += round(seconds * NS_PER_S)


def write_clip(path: Path, options: dict[str, str] | None = None, frames: int = FRAMES) -> Path:
    """A clip whose pictures get brighter by four grey values each."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "10", "g": "10"}
        for i in range(frames):
            image = np.full((SIZE_WH[1], SIZE_WH[0], 3), 20 + 4 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", {"movflags": "+faststart"})


def read_all(source: FileSource, limit: int = 1000) -> list[tuple[float, int]]:
    """Mean grey value and time of each picture."""
    found: list[tuple[float, int]] = []
    while len(found) < limit:
        reading = source.read()
        if reading is None:
            break
        if not isinstance(reading, NoPicture):
            found.append((float(reading[0].mean()), reading[1]))
    return found


def test_offline_gives_every_picture_with_its_time(clip: Path) -> None:
    source = FileSource(clip, live=False)
    assert source.frame_count == FRAMES
    assert source.description == "clip.mp4 64x48"
    found = read_all(source)
    assert [t for _, t in found] == [i * INTERVAL_NS for i in range(FRAMES)]
    np.testing.assert_allclose([grey for grey, _ in found], 20 + 4 * np.arange(FRAMES), atol=3)
    assert source.read() is None
    source.close()
    source.close()
    assert source.read() is None


def test_offline_times_go_on_rising_over_loops(clip: Path) -> None:
    source = FileSource(clip, live=False, loop=True)
    found = read_all(source, limit=2 * FRAMES + 10)
    source.close()
    assert [t for _, t in found] == [i * INTERVAL_NS for i in range(2 * FRAMES + 10)]
    assert found[FRAMES][0] == pytest.approx(found[0][0], abs=1)


def test_live_is_paced_by_the_files_times(clip: Path) -> None:
    time = FakeTime()
    start = time.now
    source = FileSource(clip, clock=time, sleep=time.sleep)
    assert [t - start for _, t in read_all(source)] == [i * INTERVAL_NS for i in range(FRAMES)]
    assert source.dropped == 0
    assert max(time.slept) <= 0.2
    source.close()


def test_live_drops_what_is_late(clip: Path) -> None:
    time = FakeTime()
    source = FileSource(clip, clock=time, sleep=time.sleep)
    assert source.read() is not None
    time.now += 4 * INTERVAL_NS + INTERVAL_NS // 2  # pictures 1, 2 and 3 are over, 4 is due
    reading = source.read()
    assert reading is not None
    assert not isinstance(reading, NoPicture)
    assert reading[0].mean() == pytest.approx(20 + 4 * 4, abs=3)
    assert source.dropped == 3
    source.close()


def test_live_goes_on_after_a_long_stall_instead_of_dropping_all(clip: Path) -> None:
    time = FakeTime()
    source = FileSource(clip, clock=time, sleep=time.sleep)
    greys = []
    for _ in range(5):
        reading = source.read()
        assert reading is not None
        assert not isinstance(reading, NoPicture)
        greys.append(float(reading[0].mean()))
        time.now += NS_PER_S  # a machine far too slow
    source.close()
    np.testing.assert_allclose(greys, [20, 24, 28, 32, 36], atol=3)
    assert source.dropped == 0


def test_live_says_not_yet_rather_than_sleep_long(tmp_path: Path) -> None:
    path = tmp_path / "slow.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1)
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuv420p"
        for _ in range(2):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24"))
            )
        container.mux(stream.encode())
    time = FakeTime()
    source = FileSource(path, clock=time, sleep=time.sleep)
    assert source.read() is not NoPicture.YET
    assert [source.read() is NoPicture.YET for _ in range(5)] == [True, True, True, True, False]
    source.close()


def test_a_looped_live_file_goes_on_without_a_jump(clip: Path) -> None:
    time = FakeTime()
    source = FileSource(clip, loop=True, clock=time, sleep=time.sleep)
    times = [t for _, t in read_all(source, limit=FRAMES + 5)]
    source.close()
    assert {b - a for a, b in itertools.pairwise(times)} == {INTERVAL_NS}


def test_a_phones_rotation_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame noted as turned by a quarter comes upright: its left column is shown on top."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :8] = 255

    class Turned:
        rotation = -90  # counter-clockwise, so: show it turned clockwise

        def to_ndarray(self, format: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
            return image

    from realtime.capture.pyav_reader import to_rgb

    upright = to_rgb(Turned())  # type: ignore[arg-type]
    assert upright.shape == (64, 48, 3)
    assert upright[:8].min() == 255
    assert upright[8:].max() == 0


def no_file(folder: Path) -> Path:
    return folder / "missing.mp4"


def a_directory(folder: Path) -> Path:
    return folder


def an_empty_file(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def a_text_file(folder: Path) -> Path:
    (folder / "text.mp4").write_text("this is no video\n" * 100)
    return folder / "text.mp4"


def a_clip_without_its_index(folder: Path) -> Path:
    data = write_clip(folder / "whole.mp4").read_bytes()  # its index is at the end
    (folder / "cut.mp4").write_bytes(data[: len(data) // 2])
    return folder / "cut.mp4"


def sound_only(folder: Path) -> Path:
    path = folder / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("make", "got"),
    [
        (no_file, "got no such file"),
        (a_directory, "got a directory"),
        (an_empty_file, "got an empty file"),
        (a_text_file, "expected a readable video, got: Invalid data"),
        (a_clip_without_its_index, "expected a readable video, got: Invalid data"),
        (sound_only, "expected a video stream, got only audio"),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_what_is_no_video_is_one_clear_line(
    tmp_path: Path, make: Callable[[Path], Path], got: str, live: bool
) -> None:
    path = make(tmp_path)
    with pytest.raises(SourceError) as raised:
        FileSource(path, live=live)
    text = str(raised.value)
    assert got in text
    assert text.startswith(str(path))
    assert "\n" not in text
    assert raised.value.exit_code == 2


@pytest.fixture
def cut_clip(clip: Path, tmp_path: Path) -> Path:
    """A clip with its index, cut off in its pictures."""
    data = clip.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: data.find(b"mdat") + (len(data) - data.find(b"mdat")) // 2])
    return path


def test_offline_a_cut_off_file_is_an_error(cut_clip: Path) -> None:
    source = FileSource(cut_clip, live=False)
    with pytest.raises(SourceError, match=r"cut\.mp4: expected a whole video, got at \d\.\d s: "):
        read_all(source)
    source.close()


def test_live_a_cut_off_file_ends_with_a_warning(cut_clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    time = FakeTime()
    source = FileSource(cut_clip, clock=time, sleep=time.sleep)
    assert 0 < len(read_all(source)) < FRAMES
    source.close()
    assert "expected a whole video" in caplog.text


def test_a_whole_file_raises_no_doubt_when_looped(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = FileSource(clip, live=False, loop=True)
    read_all(source, limit=3 * FRAMES + 1)
    source.close()
    assert caplog.text == ""


def test_a_closed_reader_has_no_pictures(clip: Path) -> None:
    reader = MediaReader(str(clip), "clip")
    reader.close()
    assert list(reader.pictures()) == []
