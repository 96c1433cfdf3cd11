"""Makes the stages from the settings; live and offline runs are built from the same parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import torch

from models.fingerprint import fingerprint
from realtime.config import Config
from realtime.driver.feed import DriverFeed
from realtime.driver.settings import load
from realtime.inference.engine import Engine, load_model, make_engine
from realtime.inference.smoothing import Smoother
from realtime.inference.stage import InferenceStage, Rhythm
from realtime.persons import Persons
from realtime.problems import Problems
from realtime.remote.engine import RemoteEngine
from realtime.remote.link import Link
from realtime.remote.settings import RaySettings, need_ray
from realtime.session.library import Library, default_folder
from realtime.view import View
from realtime.vision.landmarks import FaceMesh, Landmarker
from realtime.vision.ring import CropRing
from realtime.vision.stage import VisionStage

ASSETS = Path(__file__).resolve().parents[1] / "assets"


def limit_threads(config: Config) -> None:
    """Keeps libraries from using every core: the one place where thread counts are set."""
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(1)


def build_engine(config: Config, problems: Problems | None = None) -> Engine:
    """The engine that the settings ask for.

    Args:
        config: the settings.
        problems: where it is noted when a cluster does not do what it should.

    Raises:
        WeightsError: an unknown model, or weights that do not fit.
        ConfigError: settings of Ray that do not fit, or Ray is not installed.
    """
    if config.inference == "ray":
        return build_remote(config, problems or Problems())
    return make_engine(config.model, config.weights, config.device, ASSETS / "weights", config.precision)


def build_remote(config: Config, problems: Problems) -> RemoteEngine:
    """The engine on Ray Serve; its link is not started. Raises as `build_engine`."""
    need_ray()
    model = load_model(config.model, config.weights, ASSETS / "weights")
    weights = Path(config.weights)
    settings = RaySettings(
        model=config.model,
        weights=str(weights.absolute()) if config.weights and weights.is_file() else config.weights,
        device=config.device,
        precision=config.precision,
        fingerprint=fingerprint(model),
        threads=config.threads,
        address=config.ray_address,
        replicas=config.ray_replicas,
        max_replicas=config.ray_max_replicas,
        cpus=config.ray_cpus,
        gpus=config.ray_gpus,
        batch=config.ray_batch,
        batch_wait_s=config.ray_batch_wait,
        deadline_s=config.ray_deadline,
        in_flight=config.ray_in_flight,
        keep=config.ray_keep,
    )
    link = Link(settings, on_error=problems.retrying, on_recovered=problems.clear)
    return RemoteEngine(model, link, on_trouble=problems.retrying, on_relief=problems.clear)


def build_landmarker(config: Config) -> Landmarker:
    """The landmarker; call it on the thread that uses it."""
    return FaceMesh(config.faces)


def build_view(config: Config) -> View:
    """What the settings show of the picture at first."""
    return View(
        box=config.box,
        mesh=config.mesh,
        bars=config.bars,
        strip=config.strip,
        mirror=config.mirror,
        picture=config.picture,
        bystanders=config.bystanders,
        expressions=config.reads_expressions,
    )


def build_vision(
    config: Config, engine: Engine | None, landmarker: Landmarker, view: Callable[[], View] = View
) -> VisionStage:
    """The vision stage, with rings that fit the engine's model; without an engine it keeps no crops."""
    if engine is None:
        return VisionStage(landmarker, config.faces, None, view)

    def make_ring(face_id: int) -> CropRing:
        return CropRing(
            face_id, frames=engine.spec.frames, span_s=config.window_seconds, gap_s=config.gap_seconds
        )

    return VisionStage(landmarker, config.faces, make_ring, view)


def build_driver(config: Config, publish: Callable[[dict[str, Any]], None], origin_ns: int) -> DriverFeed:
    """The driver profile's rules, which publish events.

    Raises:
        ConfigError: the file of thresholds does not fit.
    """
    return DriverFeed(load(config.driver_settings), publish, origin_ns=origin_ns)


def build_persons(
    config: Config,
    engine: Engine,
    hz: float,
    name: str = "main",
    on_error: Callable[[str, BaseException], None] = lambda *_: None,
) -> Persons:
    """What a stream learns of its persons.

    Args:
        config: the settings.
        engine: the model.
        hz: windows a second of one face.
        name: the stream's.
        on_error: told a broken thread's name and its exception.

    Raises:
        WeightsError: `config.person` is no taught head of these weights.
    """
    return Persons(
        engine,
        hz=hz,
        span_s=config.window_seconds,
        calibrate_s=config.calibrate_seconds,
        teach_s=config.teach_seconds,
        person=config.person,
        name=name,
        on_error=on_error,
    )


def build_library(config: Config) -> Library:
    """The folder of recordings."""
    return Library(Path(config.sessions).expanduser() if config.sessions else default_folder())


def build_inference(config: Config, engine: Engine) -> InferenceStage:
    """The inference stage."""
    return InferenceStage(engine, _smoothers(config), hop_s=config.hop_seconds, span_s=config.window_seconds)


def build_rhythm(config: Config, engine: Engine) -> Rhythm:
    """How often one stream's windows are read."""
    return Rhythm(
        _smoothers(config), engine.spec.frames, hop_s=config.hop_seconds, span_s=config.window_seconds
    )


def _smoothers(config: Config) -> Callable[[tuple[str, ...]], Smoother]:
    def make_smoother(labels: tuple[str, ...]) -> Smoother:
        return Smoother(
            labels,
            time_constant_s=config.smoothing_seconds,
            unsure_below=config.unsure_below,
            switch_margin=config.switch_margin,
        )

    return make_smoother
