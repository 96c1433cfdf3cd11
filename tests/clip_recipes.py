"""Recipes at a small size, quick enough to train in a test: what is overridden, and why it still tests them.

Size, depth and numbers of clips and epochs shrink; a published batch, rate and schedule are made for many
thousand clips and would take hours here, so that the rate is raised and the warm-up cut. Loss, reading,
sampling, mixing, optimiser and what chooses the epoch stay the recipe's own.
"""

from __future__ import annotations

SMALL_MODEL: dict[str, tuple[str, ...]] = {
    "ial-gca": ("model.overrides.size=32", "model.overrides.frames=4"),
    "ifdd-mvit-xs": ("model.overrides.size=32", "model.overrides.frames=8", "model.drop_path=0.0"),
    "ifdd-vit": ("model.overrides.size=32", "model.overrides.frames=8", "model.overrides.depth=2"),
    "ifdd-stream": (
        *("model.overrides.size=32", "model.overrides.frames=8", "model.overrides.width=32"),
        *("model.overrides.encoder=resnet-narrow", "model.overrides.view=1.0"),
    ),
}
QUICK = (
    *(
        "accelerator=cpu",
        "precision=32-true",
        "workers=0",
        "optimisation.batch=4",
        "validation.share=0.25",
        "optimisation.warm_up=1",
    ),
    *("model.dropout=0.0", "augment.area=[0.9, 1.0]", "augment.hue=0.0", "optimisation.average=0.0"),
)


def small(model: str, *changes: str) -> list[str]:
    """What `--set` takes to make a model's recipes small, then `changes`, as command line arguments."""
    return [word for change in (*SMALL_MODEL[model], *QUICK, *changes) for word in ("--set", change)]
