"""Every metric against an independent implementation, ties and missing classes included."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from fas_plugin.evaluation.metrics import (
    apcer_by_instrument,
    auc,
    bpcer_at_apcer,
    eer,
    evaluate,
    hter,
    roc,
)
from fas_plugin.evaluation.predictions import Prediction, VideoScore
from fas_plugin.labels import FasClass, Label

problems = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5001, 0.9, 1.0]), st.booleans()),
    min_size=1,
    max_size=60,
)


def split(problem):
    scores, real = zip(*problem, strict=True)
    return np.array(scores, float), np.array(real, bool)


@given(problems)
@settings(max_examples=200, deadline=None)
def test_auc_and_roc_equal_scikit_learn(problem):
    scores, real = split(problem)
    if real.all() or not real.any():
        assert math.isnan(auc(scores, real))
        return
    assert auc(scores, real) == pytest.approx(roc_auc_score(real, scores), abs=1e-9)
    accepted_attacks, accepted_real, _ = roc_curve(real, scores, drop_intermediate=False)
    curve = roc(scores, real)
    np.testing.assert_allclose(curve.apcer, accepted_attacks, atol=1e-12)
    np.testing.assert_allclose(1 - curve.bpcer, accepted_real, atol=1e-12)


@given(problems)
@settings(max_examples=200, deadline=None)
def test_hter_is_the_mean_of_both_errors_counted_one_by_one(problem):
    scores, real = split(problem)
    if real.all() or not real.any():
        assert math.isnan(hter(scores, real, 0.5))
        return
    accepted = sum(s >= 0.5 for s, r in zip(scores, real, strict=True) if not r) / (~real).sum()
    rejected = sum(s < 0.5 for s, r in zip(scores, real, strict=True) if r) / real.sum()
    assert hter(scores, real, 0.5) == pytest.approx((accepted + rejected) / 2, abs=1e-12)


@given(problems)
@settings(max_examples=200, deadline=None)
def test_eer_threshold_is_a_best_point_of_the_curve(problem):
    scores, real = split(problem)
    rate, threshold = eer(scores, real)
    if real.all() or not real.any():
        assert math.isnan(rate) and math.isnan(threshold)
        return
    assert rate == pytest.approx(hter(scores, real, threshold), abs=1e-12)
    gaps = [
        abs((scores[~real] >= t).mean() - (scores[real] < t).mean())
        for t in [np.inf, *np.unique(scores)]
    ]
    gap = abs((scores[~real] >= threshold).mean() - (scores[real] < threshold).mean())
    assert gap == pytest.approx(min(gaps), abs=1e-12)


def test_eer_on_separable_and_on_reversed_scores():
    real = np.array([True, True, False, False])
    assert eer(np.array([0.9, 0.8, 0.2, 0.1]), real)[0] == 0.0
    assert eer(np.array([0.1, 0.2, 0.8, 0.9]), real)[0] == 1.0


def test_bpcer_at_apcer_reads_the_curve():
    scores = np.array([0.9, 0.6, 0.3, 0.7, 0.2, 0.1, 0.05])
    real = np.array([True, True, True, False, False, False, False])
    assert bpcer_at_apcer(scores, real, 0.0) == pytest.approx(2 / 3)  # only 0.9 beats every attack
    assert bpcer_at_apcer(scores, real, 0.25) == 0.0


def test_apcer_is_counted_per_instrument():
    videos = [
        VideoScore("a", "s", Label(FasClass.SPOOF, "print.flat"), 0.9),
        VideoScore("b", "s", Label(FasClass.SPOOF, "print.flat"), 0.1),
        VideoScore("c", "s", Label(FasClass.SPOOF, "replay.phone"), 0.2),
        VideoScore("d", "s", Label(FasClass.REAL), 0.9),
    ]
    assert apcer_by_instrument(videos, 0.5) == {"print.flat": 0.5, "replay.phone": 0.0}


def prediction(video, label, split, score, answer=None, stance=None, frame=0):
    return Prediction(
        f"{video}#{frame}",
        video,
        video,
        "M",
        Label.parse(label),
        split,
        score,
        "",
        answer,
        stance,
        "",
        1,
    )


def test_threshold_comes_from_the_sources_and_is_fixed_before_the_target():
    """A target whose scores are all shifted keeps its errors: the threshold is not tuned to it."""
    validation = [
        prediction("v1", "real", "validation", 0.6),
        prediction("v2", "spoof:print.flat", "validation", 0.4),
    ]
    target = [
        prediction("t1", "real", "test", 0.3, FasClass.REAL, FasClass.REAL),
        prediction("t2", "spoof:print.flat", "test", 0.1, FasClass.SPOOF, FasClass.REAL),
    ]
    numbers = evaluate(validation + target)
    assert numbers["threshold"] == 0.6
    assert numbers["hter"] == 0.5 and numbers["bpcer"] == 1.0
    assert numbers["hter_at_target_eer"] == 0.0 and numbers["auc"] == 1.0
    assert numbers["think_answer_agreement"] == 0.5


def test_a_missing_class_gives_null_not_a_number():
    numbers = evaluate([prediction("t1", "real", "test", 0.3)])
    assert numbers["auc"] is None and numbers["hter"] is None and numbers["apcer_max"] is None


def test_a_clip_counts_once_whatever_its_frames():
    rows = [
        prediction("v1", "real", "validation", 0.6),
        prediction("v2", "spoof", "validation", 0.4),
        *(
            prediction("t1", "spoof", "test", s, frame=i)
            for i, s in enumerate((0.9, 0.9, 0.0, 0.0))
        ),
        prediction("t2", "real", "test", 0.9),
    ]
    numbers = evaluate(rows)
    assert numbers["videos"] == 2 and numbers["frames"] == 5
    assert numbers["apcer_pooled"] == 0.0  # the mean, 0.45, is below the threshold
