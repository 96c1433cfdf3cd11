import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import models
from models.spec import BASIC_LABELS, ModelSpec
from models.training import evaluate, stills, train
from models.training.augment import Random
from models.training.prepared import SIDE, Prepared
from models.training.run import load_state
from models.training.settings import StageSettings
from models.training.stills import finished

CONFIG = """
accelerator = "cpu"
precision = "32-true"
origin = "self-made"
[model]
overrides = {{ encoder = "resnet-narrow", width = 32, heads = 2, frames = 4, size = 32, grey = true }}
[data]
main = "{main}"
shapes = "{shapes}"
public_shapes = "{shapes}"
denied = "{denied}"
denied_weight = 2.0
versions = 1
[stills]
epochs = 2
batch = 16
peak = 0.05
average = 0.5
strength = 0.1
[again]
epochs = 2
batch = 16
peak = 0.02
average = 0.5
strength = 0.1
teacher = 0.5
filmed = 0.4
[clips]
epochs = 2
batch = 16
peak = 3e-3
average = 0.5
strength = 0.1
teacher = 0.5
[whole]
epochs = 2
batch = 16
round_clips = 32
peak = 1e-3
average = 0.5
strength = 0.1
keep = 0.5
[head]
epochs = 20
teacher = 0.5
"""


def seven_patterns(count: int) -> Prepared:
    """Pictures that a model can tell apart: a bright bar whose place is the class."""
    rng = np.random.default_rng(1)
    labels = np.arange(count) % 7
    crops = rng.integers(0, 60, (count, SIDE, SIDE), dtype=np.uint8)
    for crop, label in zip(crops, labels, strict=True):
        crop[8 + 14 * label : 20 + 14 * label] += 180
    inside = np.tile(np.eye(2, 3, dtype=np.float32) / SIDE, (count, 1, 1))
    landmarks = np.full((count, 478, 3), np.nan, np.float16)
    splits = np.minimum(np.arange(count) // (count // 2), 1) + (np.arange(count) % 4 == 3)
    return Prepared(crops, labels, np.minimum(splits, 2), np.ones(count, bool), landmarks, inside)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    pictures = seven_patterns(168)
    pictures.save(tmp_path / "main.npz")
    levels = np.repeat(pictures.crops[:14, None], 2, axis=1)
    levels[:, 0] //= 2  # the face at rest
    np.savez(tmp_path / "shapes.npz", crops=levels, labels=pictures.labels[:14], strengths=(0.0, 1.0))
    pictures.split("train").take(np.arange(7)).save(tmp_path / "denied.npz")
    names = {name: tmp_path / f"{name}.npz" for name in ("main", "shapes", "denied")}
    config = CONFIG.format(**names)
    (tmp_path / "tiny.toml").write_text(config)
    return tmp_path


def test_a_run_trains_resumes_ships_and_is_evaluated(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--config", str(run / "tiny.toml"), "--out", str(run / "out")]
    assert train.main([*arguments, "--stage", "stills"]) == 0
    with (run / "out/stills.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    # goes on where it stopped: no epoch is left, so the state does not change
    before = (run / "out/stills.pt").read_bytes()
    assert train.main(arguments) == 0
    assert (run / "out/stills.pt").read_bytes() == before
    with (run / "out/again.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    teacher = load_state(run / "out/again-teacher.pt")
    assert teacher is not None
    assert torch.allclose(teacher["answers"].sum(1), torch.ones(len(teacher["answers"])))
    encoder = {name: value for name, value in finished(run / "out", again=True).items() if "encoder" in name}
    first = finished(run / "out")
    assert any(not torch.equal(value, first[name]) for name, value in encoder.items())
    with (run / "out/whole.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["round"] for row in rows] == ["1", "2"]
    assert all(0 <= float(row["public_clips_war"]) <= 1 for row in rows)
    for stage in ("again", "whole"):
        assert len((run / f"out/{stage}-shares.csv").read_text().splitlines()) == 5
    states: list[dict[str, torch.Tensor]] = []
    for name in ("clips-best", "whole-best", "whole-kept"):
        state = load_state(run / f"out/{name}.pt")
        assert state is not None
        states.append(state)
    began, best, kept = states
    halfway = (began["head.weight"] + best["head.weight"]) / 2
    assert torch.allclose(kept["head.weight"], halfway, atol=1e-6)
    weights = run / "out/ifdd-stream.safetensors"
    shipped = models.load_checkpoint(weights).state_dict()
    changed = {name for name, value in shipped.items() if not torch.equal(value, kept[name])}
    assert changed == {"head.weight", "head.bias"}
    spec = models.read_spec(weights)
    assert spec.trained
    assert spec.origin == "self-made"
    assert spec.temperature != 1
    assert 0 <= spec.metrics["public_war"] <= 1

    capsys.readouterr()
    code = evaluate.main(["--weights", str(weights), "--data", f"prepared:{run / 'main.npz'}",
                          "--out", str(run / "result.json")])  # fmt: skip
    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert printed == json.loads((run / "result.json").read_text())
    assert (run / "result.png").stat().st_size > 1000
    assert set(printed["recall"]) == set(BASIC_LABELS)
    assert printed["count"] == sum(sum(row) for row in printed["confusion"])
    for name in ("war", "uar", "ece_before", "ece_after"):
        assert 0 <= printed[name] <= 1
    assert printed["ms_per_frame"] > 0
    assert printed["no_face"] == 0

    answers = {}
    for form in ("clips", "held", "frame"):
        arguments = ["--weights", str(weights), "--data", f"prepared:{run / 'main.npz'}", "--as", form]
        code = evaluate.main([*arguments, "--shapes", str(run / "shapes.npz")])
        answers[form] = json.loads(capsys.readouterr().out)
        assert code == 0
        assert answers[form]["count"] == 14  # those that are drawn
    # three readings of the same faces
    assert len({answer["ece_before"] for answer in answers.values()}) == 3


def test_the_sequel_wants_stage_one_first(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--config", str(run / "tiny.toml"), "--out", str(run / "out"), "--stage", "again"]
    assert train.main(arguments) == 2
    assert "expected a finished stage one (stills-best.pt), got none" in capsys.readouterr().err


def test_half_of_a_batch_can_look_filmed() -> None:
    crops = torch.randint(0, 256, (8, SIDE, SIDE), dtype=torch.uint8)
    inside = torch.eye(2, 3).expand(8, 2, 3) / SIDE
    spec = ModelSpec("m", 4, 32, mean=(0.5,) * 3, std=(0.25,) * 3, grey=True)

    def made(filmed: float) -> torch.Tensor:
        settings = StageSettings(filmed=filmed, strength=0.0)
        return stills.changed(Random(1, torch.device("cpu")), crops, inside, spec, settings)

    plain, half, every = made(0.0), made(0.5), made(1.0)
    assert plain.shape == half.shape == every.shape == (8, 3, 32, 32)
    assert torch.equal(half[:4], made(0.5)[:4])
    assert not torch.equal(half[4:], plain[4:])
    assert not torch.equal(every, plain)


def test_a_wrong_hardness_is_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", f"prepared:{run / 'main.npz'}", "--as", "clips", "--hardness", "2"]
    assert evaluate.main(arguments) == 2
    assert capsys.readouterr().err == "evaluate: hardness: expected 0..1, got 2.0\n"


def test_a_wrong_configuration_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.toml").write_text("sead = 1\n")
    assert train.main(["--config", str(tmp_path / "a.toml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_unknown_weights_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--weights", "nobody", "--data", "prepared:x.npz"]) == 2
    assert "got 'nobody'" in capsys.readouterr().err
