"""Confidence intervals and paired tests by resampling subjects.

Presentations of one person are not independent, so whole subjects are drawn with replacement. A
replicate is a count per subject; scores are sorted once, and every replicate reads its error rates
off one cumulative sum over the sorted scores. Exact, ties included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Replicates behind an interval, and its level.
REPLICATES = 1000
LEVEL = 0.95
#: Both counts of a cumulative sum share one 64-bit number: bona fide above this bit, attacks below.
_SHIFT = 32
_LOW = (1 << _SHIFT) - 1


@dataclass(frozen=True)
class AtThreshold:
    """Error rates of every replicate at one threshold, NaN where it drew none of the class.

    Attributes:
        hter, apcer, bpcer: pooled over instruments; (replicates,).
        by_species: APCER of each instrument; (replicates,).
    """

    hter: np.ndarray
    apcer: np.ndarray
    bpcer: np.ndarray
    by_species: dict[str, np.ndarray]

    @property
    def apcer_max(self) -> np.ndarray:
        """The worst instrument of each replicate."""
        if not self.by_species:
            return np.full(len(self.hter), math.nan)
        return _nanmax(np.array(list(self.by_species.values())))


@dataclass(frozen=True)
class OverThresholds:
    """What every replicate says over all thresholds, NaN where it drew no bona fide or no attack.

    Attributes:
        eer, auc: (replicates,).
        bpcer_on_grid: lowest BPCER at each pooled APCER of the grid; (replicates, grid).
    """

    eer: np.ndarray
    auc: np.ndarray
    bpcer_on_grid: np.ndarray


def draw_subjects(subjects: int, replicates: int = REPLICATES, seed: int = 0) -> np.ndarray:
    """How often each subject is drawn in each replicate; (replicates, subjects)."""
    random = np.random.default_rng(seed)
    draws = np.zeros((replicates, subjects), np.int32)
    for row in draws if subjects else ():
        row[:] = np.bincount(random.integers(subjects, size=subjects), minlength=subjects)
    return draws


def at_threshold(
    scores: np.ndarray,
    real: np.ndarray,
    subject: np.ndarray,
    threshold: float,
    species: np.ndarray,
    draws: np.ndarray,
) -> AtThreshold:
    """Error rates of replicates at a threshold that was fixed beforehand.

    Args:
        scores, real, subject, species: (n,); whose presentation each is, and its instrument.
        threshold: NaN gives NaN.
        draws: from :func:`draw_subjects`, over the subjects in sorted order. The same draws for two
            systems on the same presentations make their metrics paired.
    """
    names, person = np.unique(subject, return_inverse=True)

    def rate(hits: np.ndarray, of: np.ndarray) -> np.ndarray:
        if math.isnan(threshold):
            return np.full(len(draws), math.nan)
        counts = [np.bincount(person[chosen], minlength=len(names)) for chosen in (hits, of)]
        with np.errstate(invalid="ignore", divide="ignore"):
            return (draws @ counts[0]) / (draws @ counts[1])

    accepted = scores >= threshold
    apcer, bpcer = rate(~real & accepted, ~real), rate(real & ~accepted, real)
    by_species = {
        str(name): rate(~real & accepted & (species == name), ~real & (species == name))
        for name in np.unique(species[~real])
    }
    return AtThreshold((apcer + bpcer) / 2, apcer, bpcer, by_species)


def over_thresholds(
    scores: np.ndarray,
    real: np.ndarray,
    subject: np.ndarray,
    draws: np.ndarray,
    grid: Sequence[float] = (),
) -> OverThresholds:
    """EER, AUC and points of the ROC of replicates.

    Args:
        scores, real, subject: (n,); whose presentation each is.
        draws: as for :func:`at_threshold`.
        grid: pooled APCERs at which the lowest BPCER is taken.
    """
    names, person = np.unique(subject, return_inverse=True)
    targets = np.asarray(grid, float)
    eers, aucs = np.full((2, len(draws)), math.nan)
    on_grid = np.full((len(draws), len(targets)), math.nan)
    if not len(scores):
        return OverThresholds(eers, aucs, on_grid)
    order = np.argsort(-scores, kind="stable")
    # A presentation is a column of a table of counts: two columns for each subject, one per class.
    column = (2 * person[order] + real[order]).astype(np.int32)
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    table = np.empty((len(names), 2), np.int64)
    for i, counts in enumerate(draws):
        table[:, 0] = counts
        table[:, 1] = counts.astype(np.int64) << _SHIFT
        sums = np.cumsum(table.ravel()[column])
        if len(ends) < len(sums):
            sums = sums[ends]  # ties are decided together
        attacks, bona_fide = int(sums[-1]) & _LOW, int(sums[-1]) >> _SHIFT
        if not (attacks and bona_fide):
            continue
        eers[i] = _eer(sums, attacks, bona_fide)
        low = (sums & _LOW).astype(np.float64)
        high = (sums >> _SHIFT).astype(np.float64)
        # Bona fide that each step adds, times the attacks above the step and half of those in it.
        steps = high[1:] - high[:-1]
        wins = np.dot(steps, low[:-1]) + np.dot(steps, low[1:]) + high[0] * low[0]
        aucs[i] = 1 - wins / 2 / attacks / bona_fide
        if len(targets):
            # Cumulative counts only grow: the last point within a target is found by halving.
            last = np.searchsorted(low, targets * attacks + 1e-9, side="right") - 1
            on_grid[i] = 1 - np.where(last >= 0, high[last], 0.0) / bona_fide
    return OverThresholds(eers, aucs, on_grid)


def interval(values: np.ndarray) -> tuple[float, float]:
    """The central :data:`LEVEL` of the replicates, NaN left out; NaN both where none is left."""
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan, math.nan
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(known, (tail, 100 - tail))
    return float(low), float(high)


def paired_p_value(differences: np.ndarray) -> float:
    """Two-sided p-value of "no difference", from paired replicates of a difference.

    Twice the smaller share of replicates on one side of zero, both shares counted with one replicate
    more, so that no p-value is 0 (Davison and Hinkley, 1997, section 4.2). NaN replicates are left out.
    """
    known = differences[~np.isnan(differences)]
    if not len(known):
        return math.nan
    below, above = (known <= 0).sum() + 1, (known >= 0).sum() + 1
    return float(min(1.0, 2 * min(below, above) / (len(known) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for the number of comparisons (Holm, 1979); NaN stays NaN."""
    known = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, (p, i) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - rank)))
        adjusted[i] = largest
    return adjusted


def _eer(sums: np.ndarray, attacks: int, bona_fide: int) -> float:
    """The mean of both errors where they differ least; of several points the strictest."""

    def errors(point: int) -> tuple[int, int, int]:
        """Gap in whole numbers, attacks accepted, bona fide rejected. Point -1 accepts nothing."""
        value = int(sums[point]) if point >= 0 else 0
        accepted, rejected = value & _LOW, bona_fide - (value >> _SHIFT)
        return accepted * bona_fide - rejected * attacks, accepted, rejected

    low, high = -1, len(sums) - 1  # the gap grows from negative to positive
    while low < high:
        middle = (low + high) // 2
        if errors(middle)[0] < 0:
            low = middle + 1
        else:
            high = middle
    # Points that add nothing have equal gaps and equal errors, so the neighbour before is enough.
    best = min((p for p in (low - 1, low) if p >= -1), key=lambda p: (abs(errors(p)[0]), p))
    _, accepted, rejected = errors(best)
    return (accepted / attacks + rejected / bona_fide) / 2


def _nanmax(values: np.ndarray) -> np.ndarray:
    nothing = np.isnan(values).all(axis=0)
    return np.where(nothing, math.nan, np.where(np.isnan(values), -np.inf, values).max(axis=0))
