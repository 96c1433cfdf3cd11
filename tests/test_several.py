from __future__ import annotations

from pathlib import Path

import pytest

from realtime import several
from realtime.cli import parse_streams
from realtime.config import settings
from realtime.errors import ConfigError

TWO = """
[[stream]]
name = "door"
source = "rtsp://10.0.0.2/door"
fps = 15
mirror = true

[[stream]]
name = "seat"
source = "/dev/video3"
profile = "driver"
width = 1280
"""


def written(folder: Path, text: str) -> str:
    path = folder / "streams.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["0"], ["main"]),
        (["demo"], ["main"]),
        (["0", "/dev/video2"], ["camera-0", "camera-2"]),
        (["demo", "browser", "clips/Front Door.mp4"], ["demo", "browser", "Front-Door"]),
        (["demo", "demo", "demo"], ["demo", "demo-2", "demo-3"]),
        (["rtsp://me:secret@nvr/door", "rtsp://nvr/yard?key=1"], ["nvr-door", "nvr-yard"]),
        (["rtsp://door.lan:554/stream", "http://10.0.0.7/mjpg"], ["door-lan", "10-0-0-7"]),
        (["rtsp://nvr/user=me&pw=secret", "rtsp://nvr/user=me&pw=other"], ["nvr", "nvr-2"]),
        (["a/x.mp4", "b/x.mp4", "x-2.mp4"], ["x", "x-2", "x-2-2"]),
        (["/dev/v4l/by-id/usb-Cam_1", "ありがとう.mp4"], ["camera-usb-Cam_1", "stream"]),
    ],
)
def test_streams_get_readable_names_of_their_sources(sources: list[str], names: list[str]) -> None:
    _, streams = parse_streams([word for each in sources for word in ("--source", each)])
    assert list(streams) == names
    assert [each.source for each in streams.values()] == sources
    assert all(several.NAME.fullmatch(each) for each in names)


def test_a_file_gives_each_stream_settings_of_its_own(tmp_path: Path) -> None:
    config, streams = parse_streams(["--streams", written(tmp_path, TWO), "--fps", "25", "--port", "9001"])
    door, seat = streams["door"], streams["seat"]
    assert list(streams) == ["door", "seat"]
    assert (door.fps, door.mirror, door.profile, door.width) == (15, True, "expression", 640)
    assert (seat.fps, seat.mirror, seat.profile, seat.width) == (25.0, False, "driver", 1280)
    assert config.port == 9001


def test_what_is_of_the_driver_profile_goes_to_the_streams_that_have_it(tmp_path: Path) -> None:
    _, streams = parse_streams(["--streams", written(tmp_path, TWO), "--mqtt", "broker"])
    assert (streams["door"].mqtt, streams["seat"].mqtt) == ("", "broker")
    with pytest.raises(ConfigError, match="expected together with --profile driver"):
        parse_streams(["--source", "demo", "--source", "browser", "--mqtt", "broker"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected \[\[stream\]\] tables and nothing else, got none"),
        ("port = 80\n" + TWO, r"expected \[\[stream\]\] tables and nothing else, got 'port'"),
        ("stream = 3", r"expected \[\[stream\]\] tables and nothing else"),
        ("stream = []", r"streams: expected 1 to 64, got 0"),
        ("[[stream]\n", r"expected TOML, got"),
        ('[[stream]]\nsource = "demo"', r"stream 1: expected a name of 1 to 40 letters.*, got none"),
        ('[[stream]]\nname = "a b"\nsource = "demo"', r"stream 1: expected a name .*, got 'a b'"),
        ('[[stream]]\nname = "a"', r"stream 1: expected a source in quotes, got none"),
        ('[[stream]]\nname = "a"\nsource = 0', r"stream 1: expected a source in quotes, got 0"),
        (TWO + '[[stream]]\nname = "door"\nsource = "demo"', r"stream 3: .*, got 'door' again"),
        (TWO + '[[stream]]\nname = "b"\nsource = "3"', r"stream b: expected a camera of its own, got /dev/v"),
        (TWO + "port = 80", r"seat: expected settings of one stream, got 'port', which is the whole program"),
        (TWO + "colour = 1", r"seat: expected name or one of bars, .*, got 'colour'"),
        (TWO + "height = 1", r"seat: height: expected 64 to 4320, got 1"),
        (TWO + '[[stream]]\nname = "c"\nsource = "auto"', r"stream c: .* among several, got 'auto'"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_streams(["--streams", written(tmp_path, text)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--source", "0", "--source", "00"],
            "expected a camera of its own, got /dev/video0 of camera-0",
        ),
        (["--source", "0", "--source", "/dev/video0"], "expected a camera of its own"),
        (["--source", "demo", "--source", "auto"], "among several, got 'auto'"),
        (["--source", "demo", "--streams", "x.toml"], "--streams: expected without --source"),
        (["--streams", "no-such.toml"], "no-such.toml: expected a readable text file"),
        (["--no-serve", "--source", "a.mp4", "--source", "b.mp4"], "expected one source, got 2"),
        (["--source", "demo"] * 65, "expected 1 to 64, got 65"),
        (
            ["--source", "demo", "--source", "0", "--consent"],
            "stream demo: --consent: expected together with",
        ),
    ],
)
def test_streams_that_do_not_fit_together_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_streams(arguments)
    assert message in str(caught.value)


def test_every_setting_of_a_stream_is_a_setting() -> None:
    assert {each.name for each in settings()} > several.OF_A_STREAM


def test_what_is_published_is_the_first_stream_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    where = ["--publish", "https://a.example/whip", "--publish-token", "t"]
    _, streams = parse_streams(["--source", "demo", "--source", "browser", *where])
    assert [each.publish for each in streams.values()] == ["https://a.example/whip", ""]
    text = TWO + 'publish = "https://b.example/whip"'
    _, streams = parse_streams(["--streams", written(tmp_path, text), *where])
    assert [each.publish for each in streams.values()] == ["https://a.example/whip", "https://b.example/whip"]
    assert {each.publish_token for each in streams.values()} == {"t"}
