from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from models.training.bench_loader import Figures, Work, batches, main, make_step, rate, report
from models.training.clip_cache import ClipCache
from models.training.recipe import find_recipe, load_recipe
from models.training.train_clips import make_model
from tests.clip_recipes import small
from tests.tiny_datasets import make_cache


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ClipCache:
    return make_cache(tmp_path_factory.mktemp("bench") / "cache", 6, 8, side=32)


def work(cache: ClipCache) -> Work:
    changes = small("ifdd-stream")[1::2]
    recipe = load_recipe(find_recipe("ifdd-stream-sane"), "dfew", changes)
    fabric = Fabric(accelerator="cpu", devices=1)
    return Work(recipe, make_model(recipe, cache.labels), fabric, batch=2)


def test_all_figures_are_printed_for_a_recipe(cache: ClipCache, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    try:
        code = main(["--data", str(cache.folder), "--model", "ifdd-stream", "--workers", "0", "--seconds",
                     "0.05", "--threads", "1", *small("ifdd-stream")])  # fmt: skip
    finally:
        torch.set_num_threads(threads)
    shown = capsys.readouterr().out
    assert code == 0
    assert shown.startswith("ifdd-stream-sane: 8 frames of 32 px, batch 4, on cpu; cache of 32 px, jpeg\n")
    step, loader = (float(re.search(f"{name} +([0-9.]+) clips/s", shown)[1])  # type: ignore[index]
                    for name in ("training step", "0 workers"))  # fmt: skip
    ratio = float(re.search(r"([0-9.]+) of the step", shown)[1])  # type: ignore[index]
    assert ratio == pytest.approx(loader / step, rel=0.02)
    assert "a core's second" in shown
    assert re.search(r"training with 0 workers waits for clips \d+\.\d% of the time", shown)
    assert ("the limit: the model, from 0 workers on" in shown) == (loader >= step)


def test_a_step_changes_the_weights(cache: ClipCache) -> None:
    mine = work(cache)
    before = [each.detach().clone() for each in mine.model.parameters()]
    pictures, labels, _ = next(batches(cache, mine, 0))
    make_step(mine)(pictures, labels)
    changed = [not torch.equal(a, b) for a, b in zip(before, mine.model.parameters(), strict=True)]
    assert sum(changed) > len(changed) / 2


def test_a_small_cache_is_read_again_and_again(cache: ClipCache) -> None:
    clips = [int(clip) for batch in itertools.islice(batches(cache, work(cache), 0), 20) for clip in batch[2]]
    assert len(clips) == 40
    assert set(clips) == set(range(6))


def test_rates_count_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(float(second) for second in range(100))
    monkeypatch.setattr("models.training.bench_loader.time.perf_counter", lambda: next(now))
    calls: list[int] = []
    wall, _ = rate(4, lambda: calls.append(1), seconds=3)
    assert wall == pytest.approx(4 * len(calls) / (len(calls) + 1), rel=0.3)
    assert len(calls) >= 2


@pytest.mark.parametrize(
    ("loader", "told"),
    [
        ({0: 5.0, 1: 9.0, 2: 15.0}, "the limit: the model, from 2 workers on"),
        ({0: 5.0, 1: 9.0}, "the limit: the loader"),
    ],
)
def test_the_limit_is_told(cache: ClipCache, loader: dict[int, float], told: str) -> None:
    shown = report(work(cache), cache, Figures(10.0, loader, 0.25))
    assert shown.splitlines()[-1] == told
    assert "0.90 of the step" in shown
    assert "25.0% of the time" in shown
    assert "a core's second" not in shown


def test_wrong_arguments_are_told(
    cache: ClipCache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path), "--model", "ifdd-stream"]) == 2
    assert "expected a clip cache" in capsys.readouterr().err
    assert main(["--data", str(cache.folder), "--model", "resnet"]) == 2
    assert "bench_loader: config: expected a TOML file or one of" in capsys.readouterr().err
    assert main(["--data", str(cache.folder), "--model", "ifdd-stream", "--workers", "few"]) == 2
    assert "workers: expected numbers such as 0,1,2, got 'few'" in capsys.readouterr().err
