from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from realtime.config import Config, from_mapping, read_toml
from realtime.errors import ConfigError


def test_defaults_are_valid_and_whole_numbers_serve_as_floats() -> None:
    assert Config().port == 8080
    assert from_mapping({"fps": 25}).fps == 25


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prot": 1}, "unknown setting 'prot'"),
        ({"port": "80"}, "port: expected int, got str '80'"),
        ({"port": True}, "port: expected int, got bool True"),
        ({"port": 65536}, "port: expected 0 to 65535, got 65536"),
        ({"device": "tpu"}, "device: expected one of auto, cpu, cuda, got 'tpu'"),
        ({"fps": float("nan")}, "fps: expected 1 to 240, got nan"),
    ],
)
def test_a_bad_value_is_one_line_with_expected_and_got(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping(values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_toml_is_read_and_a_broken_file_named(tmp_path: Path) -> None:
    good = tmp_path / "good.toml"
    good.write_text('source = "demo"\nport = 9000\n')
    assert from_mapping(read_toml(good)).port == 9000
    bad = tmp_path / "bad.toml"
    bad.write_text("port = = 1")
    for path in (bad, tmp_path / "missing.toml", tmp_path):
        with pytest.raises(ConfigError, match=path.name):
            read_toml(path)
