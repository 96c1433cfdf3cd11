from pathlib import Path

import pytest

from models.errors import ModelError
from models.training.settings import load_settings

ROOT = Path(__file__).resolve().parents[1]


def test_values_are_read_and_the_rest_keeps_its_defaults(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("seed = 4\n[stills]\npeak = 1\n[data]\nextra_weights = { sad = 2 }\n")
    settings = load_settings(path)
    assert settings.seed == 4
    assert settings.stills.peak == 1.0
    assert settings.clips.epochs == load_settings_default_epochs()
    assert settings.data.extra_weights == {"sad": 2}


def load_settings_default_epochs() -> int:
    from models.training.settings import StageSettings

    return StageSettings().epochs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sead = 1", "expected one of .*seed.*, got 'sead'"),
        ("[stills]\nepoch = 1", "stills: expected one of .*epochs.*, got 'epoch'"),
        ("seed = 'one'", "seed: expected int, got 'one'"),
        ("stills = 3", "stills: expected a table, got 3"),
        ("[stills", "expected TOML"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ModelError, match=message):
        load_settings(path)


def test_the_shipped_configuration_is_valid() -> None:
    assert load_settings(ROOT / "assets/weights/ifdd-stream.toml").model.name == "ifdd-stream"
