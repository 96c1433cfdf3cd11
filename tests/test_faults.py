"""Faults injected into the real pipeline: the picture goes on, it is said what is wrong, all comes back.

Each test prints how long the recovery took (`pytest -s`); realtime/README.md has the table.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from realtime.config import Config
from realtime.pipeline import Application
from realtime.supervise import LONGEST_BACK_OFF_S
from tests.faulty import GARBAGE, SIZES, CameraFault, LandmarkerFault, ModelFault, Watcher

pytestmark = pytest.mark.timeout(180)
# the longest back-off, one window to fill, and a slow machine
RECOVERY_S = LONGEST_BACK_OFF_S + 1 + 20

Run = Callable[..., tuple[Application, Watcher]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Starts the pipeline on the demo clip with a model of random weights, and stops it."""
    running: list[tuple[Application, list[threading.Event]]] = []

    def start(
        model: ModelFault | None = None,
        landmarker: LandmarkerFault | None = None,
        camera: CameraFault | None = None,
    ) -> tuple[Application, Watcher]:
        model, landmarker = model or ModelFault(), landmarker or LandmarkerFault()
        monkeypatch.setattr("realtime.pipeline.build_engine", model.engine)
        monkeypatch.setattr("realtime.stream.build_landmarker", landmarker.make)
        config = Config(source="demo")
        application = Application(config) if camera is None else Application(config, opener=camera)
        running.append((application, [model.release, landmarker.release]))
        watcher = Watcher(application.streams["main"])
        application.start()
        watcher.more_predictions()
        return application, watcher

    yield start
    for application, releases in running:
        for each in releases:
            each.set()
        application.stop()


def degraded(application: Application, part: str) -> Callable[[], bool]:
    return lambda: application.health()["parts"].get(part) == "degraded"


def recovered(what: str, application: Application, watcher: Watcher) -> float:
    """Waits until predictions come and all is well; how long that took, seconds."""
    begun = time.monotonic()
    watcher.more_predictions()
    took_s = time.monotonic() - begun
    watcher.until(lambda: bool(application.health()["ok"]), "health")
    print(f"{what}: predictions again after {took_s:.1f} s")
    assert took_s < RECOVERY_S
    return took_s


@pytest.mark.parametrize(
    "kind",
    ["raises", "NaN", "out of device memory", pytest.param("out of memory", marks=pytest.mark.nightly)],
)
def test_a_model_that_fails_says_nothing_and_comes_back_by_itself(run: Run, kind: str) -> None:
    model = ModelFault()
    application, watcher = run(model=model)
    model.kind = kind
    watcher.until(degraded(application, "inference"), "the fault")
    since = time.monotonic()
    watcher.more_pictures(20)
    watcher.until(lambda: model.failed >= 2, "a second try")
    assert watcher.predictions(since) == [], "no number while the model fails"
    assert application.health()["state"] == "degraded"
    model.kind = ""
    recovered(f"model {kind}", application, watcher)
    for each in watcher.predictions(since):
        assert sum(each["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_a_model_that_fails_again_and_again_is_made_anew(run: Run) -> None:
    model = ModelFault()
    application, watcher = run(model=model)
    model.kind = "raises"
    watcher.until(lambda: model.made >= 2, "a new engine")
    model.kind = ""
    recovered("model made anew", application, watcher)


def test_a_model_that_hangs_is_replaced_and_its_late_answer_is_not_shown(run: Run) -> None:
    model = ModelFault()
    application, watcher = run(model=model)
    inference = application._inference
    assert inference is not None
    inference.worker._patience_s = 1.0  # instead of 15 s
    model.kind = "hangs"
    watcher.until(lambda: model.failed >= 1, "the hang")
    model.kind = ""  # what comes after it works; the old thread still hangs
    since = time.monotonic()
    watcher.until(degraded(application, "inference"), "the watchdog")
    watcher.more_pictures(10)
    recovered("model hangs, patience 1 s", application, watcher)
    assert model.made == 2
    before = [each["t"] for each in watcher.predictions(since)]
    model.release.set()
    watcher.until(lambda: not any(each.alive for each in inference.worker._hung), "the old thread's end")
    watcher.more_predictions()
    times = [each["t"] for each in watcher.predictions(since)]
    assert times == sorted(times), "nothing old among the new"
    assert len(times) > len(before)
    assert [each.name for each in threading.enumerate()].count("inference") == 1


@pytest.mark.parametrize("kind", ["raises", "hangs"])
def test_a_landmarker_that_fails_is_made_anew_and_faces_get_new_ids(run: Run, kind: str) -> None:
    landmarker = LandmarkerFault()
    application, watcher = run(landmarker=landmarker)
    vision = application.streams["main"]._vision
    vision.worker._patience_s = 1.0  # instead of 10 s
    landmarker.kind = kind
    watcher.until(degraded(application, "vision-main"), "the fault")
    landmarker.kind = ""
    watcher.more_pictures(10)
    recovered(f"landmarker {kind}", application, watcher)
    assert landmarker.made >= 2
    told = [(each["event"], each["face"]) for _, each in watcher.events if "event" in each]
    assert told[:3] == [("face_found", 1), ("face_lost", 1), ("face_found", 2)]


def test_a_face_is_not_painted_where_it_was_when_the_landmarker_failed(run: Run) -> None:
    landmarker = LandmarkerFault()
    application, watcher = run(landmarker=landmarker)
    composer = application.streams["main"]._composer
    landmarker.kind = "raises"
    watcher.until(degraded(application, "vision-main"), "the fault")

    def shown() -> bool:
        last = composer._last
        observation = None if last is None else composer._observation_of(last)
        return observation is not None and bool(observation.faces)

    watcher.until(lambda: not shown(), "the old face to go")
    landmarker.kind = ""
    recovered("landmarker fails for long", application, watcher)


@pytest.mark.parametrize(
    "kind", ["unplugged", pytest.param("raises", marks=pytest.mark.nightly), "silent", "garbage"]
)
def test_a_camera_that_fails_is_said_on_the_picture_and_opened_again(
    run: Run, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.capture.thread.SILENT_S", 1.0)  # instead of 3 s
    camera = CameraFault()
    application, watcher = run(camera=camera)
    stream = application.streams["main"]
    camera.kind = kind
    watcher.until(lambda: stream.status()["source"]["state"] == "lost", "the loss")
    watcher.more_pictures(2)
    assert watcher.last is not None
    assert watcher.last.image_rgb[200:400, :100].max() < 100, "the old picture is darkened"
    assert stream.status()["source"]["problem"]
    assert application.health()["ok"], "a lost camera is no failure of the program"
    since = time.monotonic()
    camera.kind = ""
    recovered(f"camera {kind}", application, watcher)
    assert stream.status()["source"]["problem"] == ""
    assert stream.status()["source"]["state"] == "live"
    assert watcher.predictions(since)
    assert len(GARBAGE) > 4


def test_a_black_camera_is_said_and_forgotten_with_the_first_light(run: Run) -> None:
    camera = CameraFault()
    application, watcher = run(camera=camera)
    stream = application.streams["main"]
    camera.kind = "black"
    watcher.until(lambda: "black" in stream.status()["source"]["problem"], "the notice")
    since = time.monotonic()
    watcher.more_pictures(20)
    assert stream.status()["source"]["state"] == "live"
    assert watcher.predictions(since + 0.5) == [], "no face, no number"
    camera.kind = ""
    recovered("camera black", application, watcher)
    assert stream.status()["source"]["problem"] == ""


def test_pictures_whose_size_changes_all_the_time_go_through(run: Run) -> None:
    camera = CameraFault()
    application, watcher = run(camera=camera)
    sizes: set[tuple[int, int]] = set()
    application.streams["main"].pictures.subscribe(lambda picture: sizes.add(picture.size_wh))
    camera.kind = "sizes"
    watcher.until(lambda: len(sizes) >= len(SIZES), "every size")
    assert application.health()["ok"]
    camera.kind = ""
    recovered("camera changes its size", application, watcher)


def test_the_wall_clock_does_not_matter(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _, watcher = run()
    real = time.time
    for step_s in (-30 * 365 * 86400.0, 3600.0, 0.0):
        monkeypatch.setattr(time, "time", lambda step_s=step_s: real() + step_s)
        watcher.more_predictions(5)
    times = [each["t"] for each in watcher.predictions()]
    assert times == sorted(times)
    assert max(b - a for a, b in itertools.pairwise(times)) < 10


def test_a_gap_in_the_monotonic_clock_clears_the_window_and_nothing_else(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, watcher = run()
    real, offset_ns = time.monotonic_ns, 0
    monkeypatch.setattr(time, "monotonic_ns", lambda: real() + offset_ns)
    before = watcher.predictions()[-1]["t"]
    offset_ns = 3600 * 10**9  # an hour of suspend on a system whose clock counts it
    watcher.until(lambda: watcher.predictions()[-1]["t"] > before + 3600, "predictions after the gap")
    after = next(each for each in watcher.predictions() if each["t"] > before + 3600)
    assert after["window"][1] - after["window"][0] < 1.5, "no window spans the gap"
    assert application.health()["ok"]
    parts = [*application.streams["main"].supervised]
    assert [part.hangs for part in parts] == [0] * len(parts)
