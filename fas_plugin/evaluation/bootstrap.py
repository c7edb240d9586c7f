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
class Replicates:
    """Metrics of every replicate, NaN where it drew no bona fide or no attack.

    Attributes:
        hter, apcer, bpcer: at the given threshold, pooled over instruments; (replicates,).
        eer, auc: (replicates,).
        apcer_by_species: (replicates,) for each instrument, at the given threshold.
        bpcer_on_grid: lowest BPCER at each pooled APCER of the grid; (replicates, grid).
    """

    hter: np.ndarray
    apcer: np.ndarray
    bpcer: np.ndarray
    eer: np.ndarray
    auc: np.ndarray
    apcer_by_species: dict[str, np.ndarray]
    bpcer_on_grid: np.ndarray

    @property
    def apcer_max(self) -> np.ndarray:
        """The worst instrument of each replicate."""
        known = [v for v in self.apcer_by_species.values()]
        if not known:
            return np.full(len(self.hter), math.nan)
        return _nanmax(np.array(known))


def draw_subjects(subjects: int, replicates: int = REPLICATES, seed: int = 0) -> np.ndarray:
    """How often each subject is drawn in each replicate; (replicates, subjects)."""
    random = np.random.default_rng(seed)
    draws = np.zeros((replicates, subjects), np.int32)
    for row in draws:
        row += np.bincount(random.integers(subjects, size=subjects), minlength=subjects).astype(
            np.int32
        )
    return draws


def bootstrap(
    scores: np.ndarray,
    real: np.ndarray,
    subject: Sequence[str] | np.ndarray,
    *,
    threshold: float = math.nan,
    species: np.ndarray | None = None,
    draws: np.ndarray | None = None,
    grid: Sequence[float] = (),
) -> Replicates:
    """Metrics of replicates that draw subjects.

    Args:
        scores, real, subject: (n,); whose presentation each is.
        threshold: at which HTER, APCER and BPCER are taken; NaN gives NaN.
        species: instruments, for APCER by instrument.
        draws: from :func:`draw_subjects` over the subjects in sorted order. The same draws for two
            systems on the same presentations make their metrics paired.
        grid: pooled APCERs at which the lowest BPCER is taken.
    """
    names, person = np.unique(np.asarray(subject), return_inverse=True)
    if draws is None:
        draws = draw_subjects(len(names))
    replicates = len(draws)
    accepted = scores >= threshold
    fixed = {
        "attacks": _per_subject(person, ~real, len(names)),
        "accepted": _per_subject(person, ~real & accepted, len(names)),
        "bona_fide": _per_subject(person, real, len(names)),
        "rejected": _per_subject(person, real & ~accepted, len(names)),
    }
    known = not math.isnan(threshold)
    apcers = _ratio(draws @ fixed["accepted"], draws @ fixed["attacks"], known)
    bpcers = _ratio(draws @ fixed["rejected"], draws @ fixed["bona_fide"], known)
    by_species = {}
    for name in [] if species is None else np.unique(species[~real]):
        mine = ~real & (species == name)
        by_species[str(name)] = _ratio(
            draws @ _per_subject(person, mine & accepted, len(names)),
            draws @ _per_subject(person, mine, len(names)),
            known,
        )
    eers, aucs = np.full(replicates, math.nan), np.full(replicates, math.nan)
    on_grid = np.full((replicates, len(grid)), math.nan)
    targets = np.asarray(grid, float)
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    # A presentation is a column of a table of counts: two columns for each subject, one per class.
    column = (2 * person[order] + real[order]).astype(np.int32)
    ends = np.flatnonzero(np.append(np.diff(ordered) != 0, True)) if len(ordered) else np.array([])
    tied = len(ends) < len(ordered)
    table = np.empty((len(names), 2), np.int64)
    for i in range(replicates if len(ordered) else 0):
        table[:, 0] = draws[i]
        table[:, 1] = draws[i].astype(np.int64) << _SHIFT
        sums = np.cumsum(table.ravel()[column])
        if tied:
            sums = sums[ends]
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
    return Replicates((apcers + bpcers) / 2, apcers, bpcers, eers, aucs, by_species, on_grid)


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


def _per_subject(person: np.ndarray, chosen: np.ndarray, subjects: int) -> np.ndarray:
    return np.bincount(person[chosen], minlength=subjects).astype(np.int64)


def _ratio(hits: np.ndarray, of: np.ndarray, known: bool) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return hits / of if known else np.full(len(hits), math.nan)


def _nanmax(values: np.ndarray) -> np.ndarray:
    nothing = np.isnan(values).all(axis=0)
    return np.where(nothing, math.nan, np.where(np.isnan(values), -np.inf, values).max(axis=0))
