"""Training on clips from the command line to what is served, on a tiny data set."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models import read_spec
from models.convert import DATASET_LABELS
from models.training import evaluate, train
from realtime.inference.engine import make_engine
from realtime.vision.ring import CropRing
from tests.clip_recipes import face_cache, small
from tests.test_engine import push, request
from tests.test_training_recipe import NAMES

ROOT = Path(__file__).resolve().parents[1]
# epochs, batch and rate that suffice on 24 clips, unmixed
QUICK = {
    "ifdd-stream": ("mixing.probability=0.0", "optimisation.epochs=10", "optimisation.peak=3e-3"),
    "ifdd-vit": ("mixing.probability=0.0", "optimisation.epochs=10", "optimisation.peak=5e-4"),
    # batch norms want more clips than 4
    "ial-gca": (
        *("optimisation.batch=8", "optimisation.every=14"),
        *("optimisation.epochs=20", "optimisation.peak=5e-4"),
    ),
}
# and mixed as the recipe says; but for the ten blocks of MViT, which want a warm-up, too, and are slow here
LONG = {
    "ifdd-stream": ("optimisation.epochs=40", "optimisation.peak=2e-3"),
    "ifdd-vit": ("optimisation.epochs=40", "optimisation.peak=3e-4"),
    "ial-gca": (
        *("optimisation.batch=8", "optimisation.every=20"),
        *("optimisation.epochs=30", "optimisation.peak=5e-4"),
    ),
    "ifdd-mvit-xs": (
        *("mixing.probability=0.0", "optimisation.batch=8", "optimisation.warm_up=3"),
        *("optimisation.warm_to=0.0", "optimisation.epochs=20", "optimisation.peak=1e-4"),
    ),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_cache(tmp_path_factory.mktemp("cache") / "tiny").folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def accuracy(weights: Path, cache: Path, split: str, capsys: pytest.CaptureFixture[str]) -> float:
    capsys.readouterr()
    arguments = ["--weights", str(weights), "--data", f"clips:{cache}", "--fold", "1", "--split", split,
                 "--workers", "0"]  # fmt: skip
    assert evaluate.main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["count"] == sum(map(sum, printed["confusion"]))
    return float(printed["war"])


def overfit(
    name: str, changes: tuple[str, ...], cache: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> Path:
    model = name.rpartition("-")[0]
    every = next(each for each in changes if "epochs" in each).partition("=")[2]
    options = small(model, *changes, f"validation.every={every}", "validation.stop_above=0.0")
    assert train.main(["--config", name, "--data", str(cache), "--out", str(out), *options]) == 0
    (weights,) = out.glob("fold-1/*.safetensors")
    assert accuracy(weights, cache, "train", capsys) == 1
    assert accuracy(weights, cache, "test", capsys) == 1  # unseen, and as easy
    return weights


@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", sorted(QUICK))
def test_a_recipe_learns_two_easy_classes(
    model: str, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overfit(f"{model}-sane", QUICK[model], cache, tmp_path / "out", capsys)


# as released its pictures stay in 0..1, with which random weights are still at chance after 30 epochs of 24
# clips at 32 pixels, whatever the rate; centred they learn, with all other quirks of the reading
CENTRED = {
    "ifdd-mvit-xs-published": (
        *("model.overrides.mean=[0.45, 0.45, 0.45]", "model.overrides.std=[0.225, 0.225, 0.225]"),
    )
}


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_learns_two_easy_classes(
    name: str, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = (*LONG[name.rpartition("-")[0]], *CENTRED.get(name, ()))
    overfit(name, changes, cache, tmp_path / "out", capsys)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("dataset", "name", "folds"),
    [("mafw", "ifdd-mvit-xs-sane", ["2"]), ("ferv39k", "ifdd-stream-published", ["1", "2"])],
)
def test_what_is_trained_is_served(
    dataset: str, name: str, folds: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = face_cache(tmp_path / "tiny", clips=10, dataset=dataset, folds=2).folder
    model = name.rpartition("-")[0]
    options = small(model, "optimisation.epochs=1", "validation.share=0.4", "window_seconds=1.5",
                    "optimisation.batch=2")  # fmt: skip
    out = tmp_path / "out"
    chosen = "all" if len(folds) > 1 else folds[0]
    arguments = ["--config", name, "--data", str(tiny), "--out", str(out), *options, "--fold", chosen]
    assert train.main(arguments) == 0
    printed = capsys.readouterr().out
    assert (f"{name} (mean of 2)" in printed) == (len(folds) == 2)
    assert "S2D" in printed  # published on both data sets
    weights = out / "fold-2" / f"{name}-{dataset}-2.safetensors"
    spec = read_spec(weights)
    assert (spec.labels, spec.trained, spec.window_seconds) == (DATASET_LABELS[dataset], True, 1.5)
    assert spec.temperature != 1
    assert spec.intensity_scale != 1
    assert spec.metrics["fold"] == "2"
    assert name in spec.origin
    result = json.loads((out / "fold-2/result.json").read_text())
    assert result["war"] == pytest.approx(accuracy_of_fold(weights, tiny, "2", capsys))
    for picture in ("confusion.png", "fold-2/confusion.png", "fold-2/issm.png"):
        assert (out / picture).is_file()
    summary = json.loads((out / "summary.json").read_text())
    assert list(summary["folds"]) == folds

    engine = make_engine("", str(weights), "cpu", tmp_path)  # as `run_stream.py --weights` does
    assert engine.spec.name == model
    ring = make_ring(spec.frames, spec.window_seconds)
    (reading,) = engine.read([request(ring)])
    assert reading is not None
    assert reading.probabilities.shape == (len(DATASET_LABELS[dataset]),)
    assert reading.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert 0 < reading.intensity < 1

    # nothing is left to do, and nothing is done again
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    assert train.main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == before


def accuracy_of_fold(weights: Path, cache: Path, fold: str, capsys: pytest.CaptureFixture[str]) -> float:
    capsys.readouterr()
    out = weights.parent / "again.json"
    assert evaluate.main(["--weights", str(weights), "--data", f"clips:{cache}", "--fold", fold, "--workers",
                          "0", "--out", str(out)]) == 0  # fmt: skip
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())
    assert (out.with_suffix("") / "confusion.png").is_file()
    return float(json.loads(out.read_text())["war"])


def make_ring(frames: int, span_s: float) -> CropRing:
    ring = CropRing(1, frames=frames, span_s=span_s, gap_s=0.3)
    push(ring, 0, round((span_s + 0.5) * 30))
    return ring


# --- real processes: everything random is on


RUN = (
    *("optimisation.epochs=2", "optimisation.peak=1e-3", "optimisation.average=0.9", "micro=2"),
    *("model.dropout=0.3", "optimisation.clip_norm=1.0", "validation.share=0.4", "augment.area=[0.5, 1.0]"),
    *("save_every=1", "mixing.probability=0.7"),
)


def command(cache: Path, out: Path, *changes: str) -> list[str]:
    options = small("ifdd-stream", *RUN, *changes)
    words = [sys.executable, "-m", "models.training.train", "--config", "ifdd-stream-sane", "--threads", "1"]
    return [*words, "--data", str(cache), "--out", str(out), *options]


def start(words: list[str]) -> "subprocess.Popen[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)  # fmt: skip


def finish(process: "subprocess.Popen[str]") -> None:
    _, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors[-3000:]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_cache(tmp_path_factory.mktemp("cache") / "tiny", clips=20).folder


@pytest.fixture(scope="module")
def straight(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("straight") / "out"
    finish(start(command(tiny, out)))
    return out


def log_of(out: Path, columns: tuple[str, ...]) -> list[list[str]]:
    with (out / "fold-1/log.csv").open() as file:
        return [[row[name] for name in columns] for row in csv.DictReader(file)]


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    (path,) = out.glob("fold-1/*.safetensors")
    return load_file(path)


@pytest.mark.timeout(600)
def test_a_killed_run_goes_on_to_the_same_result(tiny: Path, straight: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    state = out / "fold-1/state.pt"
    process = start(command(tiny, out))
    while not state.is_file() and process.poll() is None:
        time.sleep(0.01)  # until the first state, which is kept within the first epoch
    process.kill()
    process.communicate()
    assert not (out / "fold-1/result.json").exists()
    kept = torch.load(state, weights_only=True)["progress"]
    assert (kept["epoch"], kept["step"]) < (2, 0)
    finish(start(command(tiny, out)))
    columns = ("epoch", "loss", "task", "lifting", "intensity", "auxiliary", "rate", "train_war", "val_war")
    assert log_of(out, columns) == log_of(straight, columns)
    ours, wanted = weights_of(out), weights_of(straight)
    assert ours.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(ours[name], value), name


@pytest.mark.timeout(600)
def test_two_processes_give_the_loss_of_one(tiny: Path, straight: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    finish(start(command(tiny, out, "devices=2")))
    columns = ("epoch", "loss", "task", "lifting", "intensity", "auxiliary", "rate", "train_war")
    ours, wanted = (np.array(log_of(each, columns), float) for each in (out, straight))
    np.testing.assert_allclose(ours, wanted, rtol=2e-4, atol=1e-7)
    trained = weights_of(straight)
    for name, value in weights_of(out).items():
        if "running_" not in name and "num_batches" not in name:  # each process averages its own batches
            torch.testing.assert_close(value, trained[name], rtol=1e-3, atol=1e-4)


def test_another_recipe_does_not_go_on_in_the_same_folder(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*changes: str) -> int:
        options = small("ifdd-stream", "optimisation.epochs=1", "optimisation.batch=24", *changes)
        where = ["--data", str(cache), "--out", str(tmp_path / "out")]
        return train.main(["--config", "ifdd-stream-sane", *where, *options])

    assert run() == 0
    (tmp_path / "out/fold-1/result.json").unlink()
    assert run("seed=2") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "expected a run of the same recipe and clips, got another" in error


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("--fold", "9"), "fold: expected one of 1, 2, 3, 4, 5, got '9'"),
        (("--data", "nowhere"), "nowhere: expected a clip cache"),
        (("--from", "nothing.safetensors"), "nothing.safetensors: expected a safetensors file, got no file"),
        (("--set", "optimisation.batch=64"), "expected at most the 24 clips of the fold, got 64"),
        (("--set", "micro=3"), "micro: expected a divisor of a device's 4 clips, got 3"),
        (("--set", "micro=1"), "micro: expected at least 2 clips where batches are mixed, got 1"),
    ],
)
def test_what_does_not_fit_is_one_line(
    changes: tuple[str, str], message: str, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--config", "ifdd-stream-sane", "--data", str(cache), "--out", str(tmp_path / "out"),
                 *small("ifdd-stream"), *changes]  # fmt: skip
    assert train.main(arguments) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


def test_a_start_is_told_and_taken(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data", str(cache), *small("ifdd-stream", "optimisation.epochs=1", "optimisation.batch=24",
               "optimisation.peak=1e-9", "optimisation.clip_norm=0.0")]  # fmt: skip
    first, second = tmp_path / "first", tmp_path / "second"
    assert train.main(["--config", "ifdd-stream-sane", *options, "--out", str(first), "--set", "seed=5"]) == 0
    (weights,) = first.glob("fold-1/*.safetensors")
    capsys.readouterr()
    assert (
        train.main(["--config", "ifdd-stream-sane", *options, "--out", str(second), "--from", str(weights)])
        == 0
    )
    assert f"start from {weights}: " in capsys.readouterr().err
    ours, theirs = weights_of(second), weights_of(first)
    torch.testing.assert_close(ours["head.weight"], theirs["head.weight"], rtol=0, atol=1e-6)
    assert f"from {weights.name}" in read_spec(next(second.glob("fold-1/*.safetensors"))).origin
