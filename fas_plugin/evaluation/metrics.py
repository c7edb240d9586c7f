"""Presentation attack detection metrics, in the terms of ISO/IEC 30107-3 and of the field.

Everywhere a score is the probability of bona fide, and a presentation is accepted as bona fide when
its score reaches the threshold. ``real`` marks bona fide, ``species`` holds the attack instrument of
each presentation (anything for bona fide). Rates lie in [0, 1]; a rate over no presentations is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Roc:
    """Error rates at every threshold that changes a decision, from strict to lax.

    Attributes:
        thresholds: descending; the first, infinity, accepts nothing.
        apcer: share of attacks accepted (all instruments pooled), ascending.
        bpcer: share of bona fide rejected, descending.
    """

    thresholds: np.ndarray
    apcer: np.ndarray
    bpcer: np.ndarray


def roc(scores: np.ndarray, real: np.ndarray) -> Roc:
    """Error rates over all thresholds; a class without presentations gives NaN.

    Args:
        scores: (n,) floats.
        real: (n,) booleans, true for bona fide.
    """
    thresholds, attacks, bona_fide = _accepted(scores, real)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Roc(
            thresholds=thresholds,
            apcer=attacks / np.float64(attacks[-1]),
            bpcer=(bona_fide[-1] - bona_fide) / np.float64(bona_fide[-1]),
        )


def auc(scores: np.ndarray, real: np.ndarray) -> float:
    """Probability that a bona fide presentation scores above an attack, ties half; NaN for one class."""
    if not 0 < real.sum() < len(real):
        return math.nan
    curve = roc(scores, real)
    return float(np.trapezoid(1 - curve.bpcer, curve.apcer))


def eer(scores: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Equal error rate and its threshold.

    As in bob.measure: the threshold where the two error rates differ least, of several the strictest;
    the rate is the mean of both errors there. Compared in whole numbers, so that rounding breaks no tie.

    Returns:
        ``(rate, threshold)``; NaN both when a class is missing.
    """
    if not 0 < real.sum() < len(real):
        return math.nan, math.nan
    thresholds, attacks, bona_fide = _accepted(scores, real)
    rejected = bona_fide[-1] - bona_fide
    point = int(np.argmin(np.abs(attacks * bona_fide[-1] - rejected * attacks[-1])))
    rate = (attacks[point] / attacks[-1] + rejected[point] / bona_fide[-1]) / 2
    return float(rate), float(thresholds[point])


def apcer(scores: np.ndarray, real: np.ndarray, threshold: float) -> float:
    """Share of attacks accepted, all instruments pooled (the false acceptance rate)."""
    return _rate(scores[~real] >= threshold)


def bpcer(scores: np.ndarray, real: np.ndarray, threshold: float) -> float:
    """Share of bona fide rejected (the false rejection rate)."""
    return _rate(scores[real] < threshold)


def hter(scores: np.ndarray, real: np.ndarray, threshold: float) -> float:
    """Half total error rate: the mean of pooled APCER and BPCER at a threshold fixed beforehand."""
    return (apcer(scores, real, threshold) + bpcer(scores, real, threshold)) / 2


def accuracy(scores: np.ndarray, real: np.ndarray, threshold: float) -> float:
    """Share of right decisions."""
    return _rate((scores >= threshold) == real)


def apcer_by_species(
    scores: np.ndarray, real: np.ndarray, species: np.ndarray, threshold: float
) -> dict[str, float]:
    """APCER of each attack instrument species, by name; ISO's APCER is their maximum."""
    return {
        str(name): _rate(scores[~real & (species == name)] >= threshold)
        for name in np.unique(species[~real])
    }


def apcer_max(scores: np.ndarray, real: np.ndarray, species: np.ndarray, threshold: float) -> float:
    """APCER of ISO/IEC 30107-3: that of the worst species."""
    return max(apcer_by_species(scores, real, species, threshold).values(), default=math.nan)


def threshold_at_apcer(
    scores: np.ndarray, real: np.ndarray, target: float, species: np.ndarray | None = None
) -> float:
    """The laxest threshold whose APCER is at most ``target``.

    Args:
        target: in [0, 1].
        species: with it the APCER of every species has to reach the target, as in ISO's BPCER20;
            without it the pooled one.

    Returns:
        One of the scores, or infinity, which accepts nothing; NaN without attacks.
    """
    if real.all():
        return math.nan
    groups = [~real] if species is None else [~real & (species == s) for s in set(species[~real])]
    candidates = np.append(np.unique(scores), np.inf)
    strictest = 0
    for group in groups:
        attacks = np.sort(scores[group])
        accepted = len(attacks) - np.searchsorted(attacks, candidates, side="left")
        strictest = max(strictest, int(np.argmax(accepted / len(attacks) <= target)))
    return float(candidates[strictest])


def threshold_at_bpcer(scores: np.ndarray, real: np.ndarray, target: float) -> float:
    """The strictest threshold whose BPCER is at most ``target``; NaN without bona fide."""
    if not real.any():
        return math.nan
    candidates = np.append(np.unique(scores), np.inf)
    rejected = np.searchsorted(np.sort(scores[real]), candidates, side="left")
    return float(candidates[np.flatnonzero(rejected / real.sum() <= target)[-1]])


def bpcer_at_apcer(
    scores: np.ndarray, real: np.ndarray, target: float, species: np.ndarray | None = None
) -> float:
    """Lowest BPCER at an APCER of at most ``target``: 1 − TPR@FPR with attacks as the negatives.

    With ``species`` ISO's figures: BPCER10, BPCER20 and BPCER100 for a target of 1/10, 1/20, 1/100.
    """
    if not 0 < real.sum() < len(real):
        return math.nan
    return bpcer(scores, real, threshold_at_apcer(scores, real, target, species))


def apcer_at_bpcer(scores: np.ndarray, real: np.ndarray, target: float) -> float:
    """Lowest pooled APCER at a BPCER of at most ``target``: 1 − TPR@FPR with bona fide as negatives."""
    if not 0 < real.sum() < len(real):
        return math.nan
    return apcer(scores, real, threshold_at_bpcer(scores, real, target))


@dataclass(frozen=True)
class CalibrationBin:
    """Presentations whose score lies in [``low``, ``high``), the last bin's end included.

    Attributes:
        score: mean score; NaN in an empty bin.
        real: share of bona fide; NaN in an empty bin.
    """

    low: float
    high: float
    count: int
    score: float
    real: float


def calibration(
    scores: np.ndarray, real: np.ndarray, bins: int = 10
) -> tuple[float, list[CalibrationBin]]:
    """Expected calibration error of the score as a probability of bona fide, and its bins.

    The error is the mean over presentations of |mean score − share of bona fide| of their bin, over
    ``bins`` bins of equal width in [0, 1]. NaN without presentations.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, bins - 1)
    found, error = [], 0.0
    for i in range(bins):
        inside = place == i
        count = int(inside.sum())
        score, share = (
            (float(scores[inside].mean()), float(real[inside].mean())) if count else (math.nan,) * 2
        )
        found.append(CalibrationBin(float(edges[i]), float(edges[i + 1]), count, score, share))
        if count:
            error += count * abs(score - share)
    return (error / len(scores) if len(scores) else math.nan), found


def _accepted(scores: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds from infinity down to the lowest score; attacks and bona fide accepted at each."""
    order = np.argsort(-scores, kind="stable")
    ordered, is_real = scores[order], real[order].astype(np.int64)
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True)) if len(ordered) else []
    zero = np.zeros(1, np.int64)  # ties are decided together, hence only the last of each
    return (
        np.concatenate([[np.inf], ordered[last]]),
        np.concatenate([zero, np.cumsum(1 - is_real)[last]]),
        np.concatenate([zero, np.cumsum(is_real)[last]]),
    )


def _rate(hits: Any) -> float:
    hits = np.asarray(hits, bool)
    return float(hits.mean()) if hits.size else math.nan
