"""The rest of a person, on made logits; tests/test_persons.py has the demo clip."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from models import ModelSpec
from realtime.clock import to_ns
from realtime.inference.calibration import BOUND, FADE, LEAD, Neutral, RestCollector, from_json
from realtime.inference.scores import intensity_of, probabilities_of
from realtime.values import FloatArray, Quality

SPEC = ModelSpec("m", 16, 48, temperature=1.5, trained=True)
LABELS = SPEC.labels
HAPPY, NEUTRAL, SAD = LABELS.index("happy"), LABELS.index("neutral"), LABELS.index("sad")
GOOD = Quality(150, 0, 0, 0, 80, 0.5)
POOR = Quality(150, 0, 0, 0, 80, 0.1, ("too dark",))


def logits(**odds: float) -> FloatArray:
    """Logits whose log-odds against neutral are as given, -4 for the others."""
    values = [0.0 if name == "neutral" else odds.get(name, -4.0) for name in LABELS]
    return np.array(values, np.float32) * np.float32(SPEC.temperature) + np.float32(0.7)


def rest(**odds: float) -> Neutral:
    values = [0.0 if name == "neutral" else odds.get(name, -4.0) for name in LABELS]
    return Neutral("head", LABELS, np.array(values, np.float32))


def collector(seconds: float = 8.0, begun_s: float = 10.0) -> RestCollector:
    return RestCollector("head", SPEC, to_ns(begun_s), seconds=seconds, span_s=1.0, hz=7.5)


def feed(made: RestCollector, seconds: float = 8.2, begun_s: float = 10.0, **how: Any) -> None:
    quality, shown = how.get("quality", lambda k: GOOD), how.get("shown", lambda k: logits(happy=2.0))
    for k in range(round(seconds * 7.5)):
        t = begun_s + k / 7.5
        made.take((to_ns(t - 1), to_ns(t)), shown(k), quality(k))


def shown(neutral: Neutral | None, given: FloatArray) -> tuple[str, FloatArray]:
    scores = probabilities_of(given, SPEC) if neutral is None else neutral.scores(given, SPEC).probabilities
    return LABELS[int(scores.argmax())], scores


# --- the scores ----------------------------------------------------------------------------------------


def test_a_rest_that_smiles_reads_neutral_afterwards_and_the_smile_still_happy() -> None:
    neutral = rest(happy=2.0)
    assert shown(None, logits(happy=2.0))[0] == "happy"
    assert shown(neutral, logits(happy=2.0))[0] == "neutral"
    assert shown(neutral, logits(happy=2.0 + FADE))[0] == "happy"
    np.testing.assert_allclose(
        shown(neutral, logits(happy=2.0 + FADE))[1], shown(None, logits(happy=2.0 + FADE))[1], atol=1e-5
    )


def test_at_rest_the_lead_of_neutral_is_what_the_method_promises() -> None:
    _, scores = shown(rest(happy=3.0), logits(happy=3.0))
    assert np.log(scores[NEUTRAL] / scores[HAPPY]) == pytest.approx(LEAD, abs=1e-4)


def test_a_rest_that_is_neutral_already_changes_nothing() -> None:
    neutral = rest(happy=-2.0)
    for given in (logits(), logits(happy=1.0), logits(sad=3.0), logits(happy=-2.0, sad=-1.0)):
        np.testing.assert_allclose(shown(neutral, given)[1], shown(None, given)[1], atol=1e-6)


def test_other_expressions_keep_their_margin_over_neutral() -> None:
    given = logits(happy=2.0, sad=4.0)
    before, after = shown(None, given)[1], shown(rest(happy=2.0), given)[1]
    assert after[SAD] / after[NEUTRAL] == pytest.approx(before[SAD] / before[NEUTRAL], rel=1e-4)
    assert after[HAPPY] < before[HAPPY]


def test_a_stronger_smile_never_reads_less_happy() -> None:
    neutral = rest(happy=2.0)
    scores = [shown(neutral, logits(happy=odds))[1][HAPPY] for odds in np.arange(-4, 10, 0.05)]
    assert (np.diff(scores) > -1e-6).all()


def test_no_class_is_lowered_by_more_than_the_bound() -> None:
    given = logits(happy=30.0)
    scores = rest(happy=30.0).scores(given, SPEC).probabilities
    wanted = probabilities_of(logits(happy=30.0 - BOUND), SPEC)
    np.testing.assert_allclose(scores, wanted, atol=1e-6)


def test_intensity_counts_from_the_rest() -> None:
    neutral = rest(happy=2.0)
    weak, strong = logits(happy=2.0 + FADE), logits(happy=9.0)
    assert neutral.scores(weak, SPEC).intensity < intensity_of(weak, SPEC)
    rise = np.array([0.0, FADE * SPEC.temperature], np.float32)
    assert neutral.scores(weak, SPEC).intensity == pytest.approx(intensity_of(rise, SPEC), abs=1e-5)
    assert neutral.scores(strong, SPEC).intensity > neutral.scores(weak, SPEC).intensity
    assert neutral.scores(weak, SPEC).calibrated


# --- collecting ----------------------------------------------------------------------------------------


def test_eight_good_seconds_make_a_rest_a_little_above_the_middle_of_its_flicker() -> None:
    made = collector()
    flicker = np.random.default_rng(1).normal(2.0, 0.2, 100)
    feed(made, shown=lambda k: logits(happy=float(flicker[k])))
    assert made.ended
    assert made.reason == ""
    assert made.neutral is not None
    assert 2.0 < made.neutral.rest[HAPPY] < 2.4
    assert made.neutral.rest[NEUTRAL] == 0
    assert made.left_s(to_ns(30)) == 0


def test_it_tells_how_far_it_is() -> None:
    made = collector()
    feed(made, seconds=2.0)
    assert not made.ended
    assert made.progress(to_ns(12)) == pytest.approx(0.25)
    assert made.left_s(to_ns(12)) == pytest.approx(6)


def test_windows_that_began_before_do_not_count() -> None:
    made = collector(seconds=1.5)
    feed(made, seconds=0.9)
    made.tick(to_ns(11.6))
    assert made.reason == "few"
    assert made.neutral is None


@pytest.mark.parametrize(
    ("how", "reason", "words"),
    [
        ({"quality": lambda k: POOR if k % 2 else GOOD}, "quality", "too dark"),
        ({"quality": lambda k: Quality(150, (k % 4) * 15, 0, 0, 80, 0.5)}, "moved", "head moved"),
        ({"shown": lambda k: logits(happy=2.0 + 4 * (k % 2))}, "unsteady", "face changed"),
    ],
)
def test_what_is_no_rest_is_refused_with_the_reason(how: Any, reason: str, words: str) -> None:
    made = collector()
    feed(made, **how)
    assert (made.reason, made.neutral) == (reason, None)
    assert words in made.message


def test_a_blink_and_a_glance_do_no_harm() -> None:
    made = collector()
    feed(
        made,
        quality=lambda k: Quality(150, 30 if k % 10 == 0 else 0, 0, 0, 80, 0.5),
        shown=lambda k: logits(happy=2.0, disgust=3.0) if k % 10 == 5 else logits(happy=2.0),
    )
    assert made.neutral is not None
    assert made.neutral.rest[HAPPY] == pytest.approx(2.0, abs=1e-3)
    assert made.neutral.rest[LABELS.index("disgust")] == pytest.approx(-4.0, abs=1e-3)


def test_a_lost_face_and_one_never_seen_end_it() -> None:
    made = collector()
    feed(made, seconds=3)
    made.lost()
    assert made.reason == "lost"
    made.tick(to_ns(100))
    assert made.reason == "lost"
    unseen = collector()
    unseen.tick(to_ns(17.9))
    assert not unseen.ended
    unseen.tick(to_ns(18))
    assert unseen.reason == "few"


# --- keeping -------------------------------------------------------------------------------------------


def test_a_rest_goes_through_json() -> None:
    neutral = rest(happy=2.0)
    text = json.dumps(neutral.to_json())
    assert len(text) < 300
    back = from_json(json.loads(text), LABELS)
    assert (back.head, back.labels) == (neutral.head, LABELS)
    np.testing.assert_allclose(back.rest, neutral.rest, atol=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        None, [], "x", {}, {"head": "", "rest": {}}, {"head": 1}, {"head": "h" * 200},
        {"rest": {"happy": 1}}, {"rest": dict.fromkeys(LABELS, "1")}, {"rest": dict.fromkeys(LABELS, True)},
        {"rest": dict.fromkeys(LABELS, 1.0)}, {"rest": {**dict.fromkeys(LABELS, 0.0), "happy": 1e9}},
        {"rest": {**dict.fromkeys(LABELS, 0.0), "happy": float("nan")}}, {"rest": None}, {"more": 1},
    ],
)  # fmt: skip
def test_what_is_no_rest_is_refused_in_one_line(change: Any) -> None:
    value = {**rest().to_json(), **change} if isinstance(change, dict) and change else change
    with pytest.raises(ValueError, match=r"expected .*got") as caught:
        from_json(value, LABELS)
    assert "\n" not in str(caught.value)
