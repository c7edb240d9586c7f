"""Every metric against independent implementations, on 200 random problems with ties and lone classes."""

import math
import warnings

import numpy as np
import pytest
from pyeer import eer_stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score, roc_curve

from fas_plugin.evaluation import metrics

EXACT = 1e-9


def problem(seed):
    """Scores, classes and instruments; every tenth problem has one class, most have ties."""
    random = np.random.default_rng(seed)
    size = int(random.integers(2, 80))
    real = random.random(size) < random.uniform(0.1, 0.9)
    if seed % 10 == 0:
        real[:] = seed % 20 == 0
    scores = np.clip(random.normal(np.where(real, 0.6, 0.4), 0.3), 0, 1)
    decimals = [0, 1, 2, 12][seed % 4]
    species = random.choice(["print", "replay", "mask"], size)
    return np.round(scores, decimals), real, species


PROBLEMS = [problem(seed) for seed in range(200)]
BOTH = [p for p in PROBLEMS if 0 < p[1].sum() < len(p[1])]
LONE = [p for p in PROBLEMS if not 0 < p[1].sum() < len(p[1])]


def equal(found, expected):
    assert found == pytest.approx(expected, abs=EXACT, nan_ok=True)


def test_the_problems_are_as_said():
    assert len(PROBLEMS) == 200 and len(LONE) >= 20
    assert sum(len(set(s)) < len(s) for s, _, _ in PROBLEMS) > 100


def bob_farfrr(negatives, positives, threshold):
    """bob.measure.farfrr: a score that reaches the threshold is accepted."""
    far = sum(score >= threshold for score in negatives) / len(negatives) if negatives else math.nan
    frr = sum(score < threshold for score in positives) / len(positives) if positives else math.nan
    return far, frr


def bob_eer_threshold(negatives, positives):
    """bob.measure.eer_threshold as documented: where |FAR − FRR| is least, the later of equals."""
    best, found = math.inf, None
    for threshold in [*sorted({*negatives, *positives}), math.inf]:
        accepted = sum(score >= threshold for score in negatives)
        rejected = sum(score < threshold for score in positives)
        gap = abs(accepted * len(positives) - rejected * len(negatives))
        if gap <= best:
            best, found = gap, threshold
    return found


def test_rates_at_a_threshold_are_bobs_and_scikit_learns():
    for scores, real, _species in PROBLEMS:
        for threshold in (0.0, 0.3, 0.5, 1.0, math.inf):
            far, frr = bob_farfrr(list(scores[~real]), list(scores[real]), threshold)
            equal(metrics.apcer(scores, real, threshold), far)
            equal(metrics.bpcer(scores, real, threshold), frr)
            equal(metrics.hter(scores, real, threshold), (far + frr) / 2)
            decided = scores >= threshold
            equal(metrics.accuracy(scores, real, threshold), accuracy_score(real, decided))
            [[tn, fp], [fn, tp]] = confusion_matrix(real, decided, labels=[False, True])
            if tn + fp:
                equal(metrics.apcer(scores, real, threshold), fp / (tn + fp))
            if fn + tp:
                equal(metrics.bpcer(scores, real, threshold), fn / (fn + tp))


def test_apcer_by_species_is_bobs_far_of_each_and_apcer_their_maximum():
    for scores, real, species in PROBLEMS:
        expected = {
            name: bob_farfrr(list(scores[~real & (species == name)]), [], 0.5)[0]
            for name in set(species[~real])
        }
        found = metrics.apcer_by_species(scores, real, species, 0.5)
        assert found.keys() == expected.keys()
        for name in found:
            equal(found[name], expected[name])
        equal(
            metrics.apcer_max(scores, real, species, 0.5), max(expected.values(), default=math.nan)
        )


def test_auc_and_roc_are_scikit_learns_and_pyeers():
    for scores, real, _ in BOTH:
        equal(metrics.auc(scores, real), roc_auc_score(real, scores))
        fpr, tpr, _ = roc_curve(real, scores, drop_intermediate=False)
        curve = metrics.roc(scores, real)
        np.testing.assert_allclose(curve.apcer, fpr, atol=EXACT)
        np.testing.assert_allclose(1 - curve.bpcer, tpr, atol=EXACT)
        thresholds, fmr, fnmr = eer_stats.calculate_roc(scores[real], scores[~real])
        np.testing.assert_allclose(curve.thresholds[:0:-1], thresholds, atol=EXACT)
        np.testing.assert_allclose(curve.apcer[:0:-1], fmr, atol=EXACT)
        np.testing.assert_allclose(curve.bpcer[:0:-1], fnmr, atol=EXACT)


def test_eer_is_bobs():
    for scores, real, _ in BOTH:
        rate, threshold = metrics.eer(scores, real)
        expected = bob_eer_threshold(list(scores[~real]), list(scores[real]))
        equal(threshold, expected)
        equal(rate, sum(bob_farfrr(list(scores[~real]), list(scores[real]), expected)) / 2)


def test_eer_is_pyeers_where_the_two_definitions_meet():
    """pyeer takes, of the points on both sides of the crossing, the one with the lower sum of errors."""
    met = 0
    for scores, real, _ in BOTH:
        _, fmr, fnmr = eer_stats.calculate_roc(scores[real], scores[~real])
        fmr, fnmr = np.append(fmr, 0.0), np.append(fnmr, 1.0)  # its curve lacks the threshold ∞
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            point, _, _, expected = eer_stats.get_eer_values(fmr, fnmr)
        gaps = np.abs(fmr - fnmr)
        if gaps[point] < np.delete(gaps, point).min() - EXACT:
            met += 1
            equal(metrics.eer(scores, real)[0], expected)
    assert met > 80


@pytest.mark.parametrize("target", [0.0, 0.01, 0.05, 0.1, 0.3, 1.0])
def test_operating_points_are_the_last_within_the_target_on_scikit_learns_curve(target):
    for scores, real, species in BOTH:
        fpr, tpr, _ = roc_curve(real, scores, drop_intermediate=False)
        equal(metrics.bpcer_at_apcer(scores, real, target), 1 - tpr[fpr <= target][-1])
        # Turned around: attacks are the positives, and a low score speaks for them.
        fpr, tpr, _ = roc_curve(~real, -scores, drop_intermediate=False)
        equal(metrics.apcer_at_bpcer(scores, real, target), 1 - tpr[fpr <= target][-1])
        # ISO: every species has to reach the target.
        candidates = [*sorted(set(scores)), math.inf]
        fits = [
            threshold
            for threshold in candidates
            if metrics.apcer_max(scores, real, species, threshold) <= target
        ]
        expected = bob_farfrr([], list(scores[real]), fits[0])[1]
        equal(metrics.bpcer_at_apcer(scores, real, target, species), expected)


def test_calibration_is_scikit_learns():
    compared = 0
    for scores, real, _ in PROBLEMS:
        error, bins = metrics.calibration(scores, real)
        assert sum(b.count for b in bins) == len(scores)
        # scikit-learn puts a score on an edge into the lower bin, so only where there is none:
        if not set(scores) & set(np.linspace(0, 1, 11)[1:-1]):
            shares, means = calibration_curve(real, scores, n_bins=10, strategy="uniform")
            counts = np.array([b.count for b in bins if b.count])
            equal(error, (counts * np.abs(means - shares)).sum() / len(scores))
            compared += 1
        # Counted one by one, with the bins' ends as said: the lower one belongs to the bin.
        expected = 0.0
        for i in range(10):
            low, high = np.linspace(0, 1, 11)[i : i + 2]
            mine = [
                (s, r)
                for s, r in zip(scores, real, strict=True)
                if low <= s < high or (i == 9 and s == 1)
            ]
            if mine:
                mean = sum(s for s, _ in mine) / len(mine)
                share = sum(r for _, r in mine) / len(mine)
                expected += len(mine) * abs(mean - share) / len(scores)
        equal(error, expected)
    assert compared >= 50


def test_a_missing_class_gives_nan():
    for scores, real, species in LONE:
        assert math.isnan(metrics.auc(scores, real))
        assert all(map(math.isnan, metrics.eer(scores, real)))
        assert math.isnan(metrics.hter(scores, real, 0.5))
        assert math.isnan(metrics.bpcer_at_apcer(scores, real, 0.1))
        assert math.isnan(metrics.bpcer_at_apcer(scores, real, 0.1, species))
        assert math.isnan(metrics.apcer_at_bpcer(scores, real, 0.1))
        missing = metrics.bpcer if not real.any() else metrics.apcer
        assert math.isnan(missing(scores, real, 0.5))
        if real.all():
            assert math.isnan(metrics.apcer_max(scores, real, species, 0.5))
            assert math.isnan(metrics.threshold_at_apcer(scores, real, 0.1))
        else:
            assert math.isnan(metrics.threshold_at_bpcer(scores, real, 0.1))
    assert math.isnan(metrics.calibration(np.array([]), np.array([], bool))[0])
