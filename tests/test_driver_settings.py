from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from realtime.driver import settings
from realtime.driver.settings import DriverSettings, from_mapping, load, table
from realtime.errors import ConfigError

README = Path(settings.__file__).parent / "README.md"


def test_every_threshold_has_a_unit_a_meaning_a_source_and_a_valid_default() -> None:
    DriverSettings()
    for each in dataclasses.fields(DriverSettings):
        assert each.metadata["unit"]
        assert each.metadata["text"]
        assert each.metadata["source"]
        assert each.metadata["low"] <= each.default <= each.metadata["high"]


def test_the_readme_tells_them_all_as_they_are() -> None:
    assert table() in README.read_text(encoding="utf-8")


def test_a_file_changes_some(tmp_path: Path) -> None:
    file = tmp_path / "driver.toml"
    file.write_text("microsleep_s = 2\noff_yaw_deg = 20.5\n")
    changed = load(str(file))
    assert (changed.microsleep_s, changed.off_yaw_deg, changed.sleep_s) == (2, 20.5, 3)
    assert load("") == DriverSettings()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"microsleep": 1.5}, "unknown name 'microsleep'"),
        ({"sleep_s": "3"}, "sleep_s: expected a number, got str '3'"),
        ({"sleep_s": True}, "sleep_s: expected a number"),
        ({"sleep_s": 0}, "sleep_s: expected 1 to 10 s, got 0"),
        ({"sleep_s": float("nan")}, "sleep_s: expected 1 to 10 s, got nan"),
    ],
)
def test_a_bad_value_is_one_line(values: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping(values)
    assert message in str(caught.value)
