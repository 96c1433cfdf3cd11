"""Who may import what: the rules that keep the parts apart."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
THREADS = (
    "realtime.capture.thread",
    "realtime.vision.thread",
    "realtime.inference.thread",
    "realtime.picture.thread",
)


def imported(path: Path) -> set[str]:
    """The modules a file imports, anywhere in it, by their full names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", files("realtime"), ids=lambda path: str(path.relative_to(ROOT)))
def test_realtime_keeps_its_heavy_imports_in_their_rooms(path: Path) -> None:
    inside = path.relative_to(ROOT).as_posix()
    if inside != "realtime/vision/landmarks.py":
        assert "mediapipe" not in roots(path)
    # the bridge is a process of its own; elsewhere only serving has an event loop
    if not inside.startswith("realtime/serving/") and inside != "realtime/remote/bridge.py":
        assert not roots(path) & {"aiortc", "aiohttp", "asyncio"}
    if inside != "realtime/remote/bridge.py":
        assert "ray" not in roots(path)
        assert "realtime.remote.bridge" not in imported(path)


@pytest.mark.parametrize("path", files("realtime/driver"), ids=lambda path: path.name)
def test_driver_rules_know_nothing_of_pictures_threads_and_the_network(path: Path) -> None:
    if path.name != "record.py":  # measures a clip
        assert roots(path) <= {"realtime", *sys.stdlib_module_names, "numpy", "cv2"}
        parts = (
            "capture",
            "vision",
            "inference",
            "picture",
            "serving",
            "session",
            "worker",
            "stream",
            "pipeline",
        )
        assert not [name for name in imported(path) if name.startswith(tuple(f"realtime.{p}" for p in parts))
                    and path.name != "replay.py"]  # fmt: skip


@pytest.mark.parametrize("path", files("models"), ids=lambda path: str(path.relative_to(ROOT)))
def test_models_need_torch_numpy_and_safetensors_only(path: Path) -> None:
    if path.relative_to(ROOT).parts[:2] != ("models", "training"):
        assert not roots(path) & {
            "realtime",
            "cv2",
            "mediapipe",
            "aiortc",
            "av",
            "aiohttp",
            "torchvision",
            "timm",
        }


@pytest.mark.parametrize(
    "path",
    [path for part in ("vision", "inference", "picture") for path in files(f"realtime/{part}")
     if path.name != "thread.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)  # fmt: skip
def test_stages_know_nothing_of_threads_and_wiring(path: Path) -> None:
    names = imported(path)
    assert not names & {
        "realtime.worker",
        "realtime.stream",
        "realtime.pipeline",
        "realtime.offline",
        "realtime.cli",
        *THREADS,
    }
