"""Trains and measures on prepared clips: `python -m models.training.train --config RECIPE --data CACHE`.

Reached through `models.training.train`, as every training. A run goes on where it was stopped. For each fold
it leaves weights that `run_stream.py --weights` serves, figures and pictures; over the folds a summary, side
by side with what was published.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from models.checkpoint import save_checkpoint
from models.errors import ModelError
from models.model import Model
from models.registry import create_model
from models.training.clip_answers import read_clips
from models.training.clip_cache import ClipCache
from models.training.clip_optimiser import set_regularisation
from models.training.clip_trainer import Progress, Trainer
from models.training.comparison import summarise_folds, table
from models.training.figures import draw_answers, draw_confusion
from models.training.finish import fit_reading
from models.training.folds import divide
from models.training.metrics import summarise
from models.training.recipe import Recipe, find_recipe, load_recipe
from models.training.start import start_from

if TYPE_CHECKING:
    from collections.abc import Sequence

CALIBRATION_LEAST = 2  # clips without which temperature and intensity stay as they are


def make_fabric(recipe: Recipe) -> Fabric:
    """Devices, nodes and precision as the recipe says; not launched."""
    several = recipe.devices * recipe.nodes > 1
    # a head whose loss has no weight gets no gradient, so that not all parameters take part
    return Fabric(
        accelerator=recipe.accelerator,
        devices=recipe.devices,
        num_nodes=recipe.nodes,
        strategy=DDPStrategy(find_unused_parameters=True) if several else "auto",
        precision=recipe.precision,  # type: ignore[arg-type]
    )


def make_model(recipe: Recipe, labels: tuple[str, ...]) -> Model:
    """The recipe's model for some classes, with random weights that hang on the recipe's seed alone."""
    torch.manual_seed(recipe.seed)
    model = create_model(recipe.model.name, labels=labels, **recipe.model.overrides)
    set_regularisation(model, recipe.model)
    return model


def train_fold(
    fabric: Fabric, recipe: Recipe, cache: ClipCache, fold: str, folder: Path, start: tuple[Path, str] | None
) -> dict[str, Any]:
    """Trains and measures one fold; what lies in its `result.json` then.

    Args:
        fabric: launched.
        recipe: see Recipe.
        cache: prepared clips.
        fold: one of the cache's.
        folder: of the fold; a fold that is finished is not done again.
        start: weights to start from and the data set of published ones, or None.

    Raises:
        ModelError: what does not fit.
    """
    result_path = folder / "result.json"
    if result_path.is_file():
        result: dict[str, Any] = json.loads(result_path.read_text(encoding="utf-8"))
        fabric.print(f"fold {fold}: done before, {result_path}", file=sys.stderr)
        return result
    parts = divide(cache, fold, recipe.validation, recipe.seed)
    model = make_model(recipe, cache.labels)
    if start is not None:
        fabric.print(start_from(model, *start).lines(), file=sys.stderr)
    trainer = Trainer(fabric, recipe, model, cache, parts, folder)
    progress = trainer.run()
    read: dict[str, Any] = {"batch": trainer.share.micro, "workers": recipe.workers, "fabric": fabric}
    fitted: dict[str, float] = {}
    if len(parts.validation) >= CALIBRATION_LEAST:
        shown = read_clips(model, cache, parts.validation, recipe.test_sampling, title="validation", **read)
        fitted = fit_reading(shown.logits, shown.labels)
    answers = read_clips(model, cache, parts.test, recipe.test_sampling, title="test", **read)
    result = {
        **summarise(answers.logits, answers.labels, fitted.get("temperature", 1.0), None, cache.labels),
        "fold": fold,
        "dataset": cache.dataset,
        "recipe": recipe.title,
        "model": recipe.model.name,
        "epoch": progress.best_epoch,
        "validation": recipe.validation.on,
        "validation_war": progress.best if progress.best >= 0 else None,
        "clips": {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)},
        "start": str(start[0]) if start is not None else "",
        "seed": recipe.seed,
    }
    if fabric.is_global_zero:
        _export(model.cpu(), recipe, result, fitted, progress, folder)
        draw_answers(answers, cache.labels, folder)
        _write_json(result_path, result)  # last: a fold with this file is done
    fabric.barrier()
    return result


def _export(
    model: Model, recipe: Recipe, result: dict[str, Any], fitted: dict[str, float], progress: Progress,
    folder: Path,
) -> None:  # fmt: skip
    """Writes the weights as the live program takes them."""
    dataset, fold = result["dataset"], result["fold"]
    figures = {
        name: result[name] if not isinstance(result[name], float) else round(result[name], 4)
        for name in ("war", "uar", "ece_after", "validation", "validation_war", "dataset", "fold", "recipe")
    }
    changes: dict[str, Any] = dict(fitted)
    if recipe.window_seconds:
        changes["window_seconds"] = recipe.window_seconds
    origin = recipe.origin or (
        f"trained by IFDD Live's recipe {recipe.title} on {dataset}, fold {fold}, epoch {progress.best_epoch}"
        + (f", from {Path(result['start']).name}" if result["start"] else "")
    )
    save_checkpoint(
        folder / f"{recipe.title}-{dataset}-{fold}.safetensors", model, trained=True, origin=origin,
        metrics={**figures, "test_sampling": asdict(recipe.test_sampling)}, **changes,
    )  # fmt: skip


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def train(
    recipe: Recipe, cache: ClipCache, folds: Sequence[str], folder: Path, start: tuple[Path, str] | None
) -> dict[str, Any]:
    """Trains and measures folds one after the other; the summary over them, also in `summary.json`.

    Args:
        recipe: see Recipe.
        cache: prepared clips.
        folds: of the cache.
        folder: of the run.
        start: weights to start from and the data set of published ones, or None.

    Raises:
        ModelError: what does not fit.
    """
    fabric = make_fabric(recipe)
    fabric.launch()
    results = {
        fold: train_fold(fabric, recipe, cache, fold, folder / f"fold-{fold}", start) for fold in folds
    }
    summary = {"recipe": recipe.title, "model": recipe.model.name, "dataset": cache.dataset,
               **summarise_folds(results, cache.labels)}  # fmt: skip
    if fabric.is_global_zero:
        draw_confusion(summary["confusion"], cache.labels, folder / "confusion.png")
        _write_json(folder / "summary.json", summary)
        print(table(summary, recipe.title, cache.dataset, recipe.model.name))
    return summary


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains on clips; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.training.train", description=__doc__)
    parser.add_argument("--config", required=True, help="a recipe: TOML file, or name of a shipped one")
    parser.add_argument("--data", required=True, help="folder that models.training.prepare made of clips")
    parser.add_argument(
        "--fold", "--folds", dest="fold", default="", help='name, or "all"; default: the first'
    )
    parser.add_argument("--from", dest="start", type=Path, help="weights to start from: safetensors of this "
                        "project, or published ones that torch.save wrote")  # fmt: skip
    parser.add_argument("--from-dataset", default="", help="what published weights were trained on: dfew, "
                        "ferv39k or mafw (default: the data's own)")  # fmt: skip
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes",
                        help="changes a value, as optimisation.epochs=20; can be given again")  # fmt: skip
    parser.add_argument("--out", type=Path, help="folder of the run (default out/training/RECIPE-DATASET)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of a process")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier run")
    args = parser.parse_args(arguments)
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    try:
        cache = ClipCache.open(args.data.removeprefix("clips:"))
        path = find_recipe(args.config)
        recipe = load_recipe(path, cache.dataset, args.changes)
        folds = cache.folds if args.fold == "all" else (args.fold or cache.folds[0],)
        folder = args.out or Path("out/training") / f"{path.stem}-{cache.dataset}"
        if args.fresh:
            shutil.rmtree(folder, ignore_errors=True)  # several processes may do so at once
        start = (args.start, args.from_dataset or cache.dataset) if args.start is not None else None
        train(recipe, cache, folds, folder, start)
    except ModelError as error:
        print(f"train: {error}", file=sys.stderr)
        return 2
    return 0
