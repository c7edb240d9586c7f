"""The fast bootstrap against the slow one: every replicate is a data set, measured in the plain way."""

import math

import numpy as np
import pytest

from fas_plugin.evaluation import metrics
from fas_plugin.evaluation.bootstrap import (
    at_threshold,
    draw_subjects,
    holm,
    interval,
    over_thresholds,
    paired_p_value,
)

GRID = (0.0, 0.05, 0.1, 0.29, 0.5, 1.0)


def problem(seed, size=60, subjects=7):
    random = np.random.default_rng(seed)
    real = random.random(size) < 0.4
    scores = np.round(
        np.clip(random.normal(np.where(real, 0.6, 0.4), 0.25), 0, 1), [1, 2, 12][seed % 3]
    )
    species = random.choice(["print", "replay"], size)
    return scores, real, random.integers(0, subjects, size), species


@pytest.mark.parametrize("seed", range(12))
def test_a_replicate_is_what_the_metrics_say_of_the_drawn_presentations(seed):
    scores, real, subject, species = problem(seed)
    draws = draw_subjects(len(set(subject)), replicates=20, seed=seed)
    fixed = at_threshold(scores, real, subject, 0.5, species, draws)
    fast = over_thresholds(scores, real, subject, draws, GRID)
    for i, counts in enumerate(draws):
        chosen = np.concatenate(
            [np.flatnonzero(subject == s).repeat(c) for s, c in enumerate(counts)]
        )
        s, r, kind = scores[chosen], real[chosen], species[chosen]
        assert fixed.hter[i] == pytest.approx(metrics.hter(s, r, 0.5), abs=1e-12, nan_ok=True)
        assert fast.eer[i] == pytest.approx(metrics.eer(s, r)[0], abs=1e-12, nan_ok=True)
        assert fast.auc[i] == pytest.approx(metrics.auc(s, r), abs=1e-12, nan_ok=True)
        assert fixed.apcer_max[i] == pytest.approx(
            metrics.apcer_max(s, r, kind, 0.5), abs=1e-12, nan_ok=True
        )
        for j, target in enumerate(GRID):
            expected = metrics.bpcer_at_apcer(s, r, target)
            assert fast.bpcer_on_grid[i, j] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_subjects_are_drawn_with_replacement_and_the_same_way_for_a_seed():
    draws = draw_subjects(50, replicates=200, seed=1)
    assert (draws.sum(axis=1) == 50).all()
    assert draws.mean() == 1 and draws.var() == pytest.approx(1, abs=0.05)
    assert (draws == draw_subjects(50, replicates=200, seed=1)).all()
    assert not (draws == draw_subjects(50, replicates=200, seed=2)).all()


def test_intervals_cover_what_they_should():
    """Of 200 studies with 40 subjects, whose clips resemble each other, about 95 % hold the truth."""
    random = np.random.default_rng(0)
    covered = 0
    for study in range(200):
        level = random.normal(0, 0.7, 40)  # a person is easy or hard
        subject = np.repeat(np.arange(40), 6)
        real = np.tile([True, True, False, False, False, False], 40)
        scores = random.normal(np.where(real, 1.0, -1.0) + level[subject])
        draws = draw_subjects(40, 200, seed=study)
        found = at_threshold(scores, real, subject, 0.0, real, draws)
        low, high = interval(found.hter)
        covered += low <= 0.2062 <= high  # P(N(1, 1 + 0.7²) < 0)
    assert 0.88 <= covered / 200 <= 0.99


def test_pairs_on_the_same_draws_see_a_small_constant_gain():
    scores, real, subject, _ = problem(2, size=600, subjects=40)
    better = scores + np.where(real, 0.05, -0.05)
    draws = draw_subjects(40, 500)
    gain = (
        over_thresholds(better, real, subject, draws).auc
        - over_thresholds(scores, real, subject, draws).auc
    )
    assert paired_p_value(gain) < 0.01
    assert paired_p_value(np.zeros(100)) == 1.0
    assert math.isnan(paired_p_value(np.array([math.nan])))


def test_no_effect_is_rarely_called_one():
    random = np.random.default_rng(1)
    hits = 0
    for study in range(100):
        subject = np.repeat(np.arange(30), 6)
        real = np.tile([True, True, False, False, False, False], 30)
        draws = draw_subjects(30, 200, seed=study)
        first, second = (
            over_thresholds(random.normal(real * 1.0), real, subject, draws).auc for _ in range(2)
        )
        hits += paired_p_value(first - second) < 0.05
    assert hits <= 13


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, math.nan, 0.9])[0] == 1.0 and math.isnan(holm([math.nan])[0])


def test_a_missing_class_gives_nan():
    scores, real, subject = np.array([0.5, 0.6]), np.array([True, True]), np.array(["a", "b"])
    draws = draw_subjects(2)
    fixed = at_threshold(scores, real, subject, 0.5, real, draws)
    assert np.isnan(over_thresholds(scores, real, subject, draws).auc).all()
    assert np.isnan(fixed.hter).all() and np.isnan(fixed.apcer_max).all()
    assert not np.isnan(fixed.bpcer).any()
    assert all(map(math.isnan, interval(fixed.hter)))
    assert np.isnan(at_threshold(scores, real, subject, math.nan, real, draws).bpcer).all()
