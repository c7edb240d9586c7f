"""Presentation attack detection metrics, in the terms of ISO/IEC 30107-3 and of the field.

Everywhere a score is the probability of bona fide, and a presentation is accepted as bona fide when
its score reaches the threshold. Rates lie in [0, 1]. A rate over no presentations is NaN.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fas_plugin.evaluation.predictions import Prediction, VideoScore, per_video
from fas_plugin.labels import FasClass

#: Bootstrap replicates behind a confidence interval.
REPLICATES = 1000


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
    """Error rates over all thresholds.

    Args:
        scores: (n,) floats.
        real: (n,) booleans, true for bona fide.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, is_real = scores[order], real[order].astype(float)
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))  # ties are decided together
    accepted_real = np.concatenate([[0.0], np.cumsum(is_real)[last]])
    accepted_attacks = np.concatenate([[0.0], np.cumsum(1 - is_real)[last]])
    with np.errstate(invalid="ignore", divide="ignore"):
        return Roc(
            thresholds=np.concatenate([[np.inf], ordered[last]]),
            apcer=accepted_attacks / np.float64((~real).sum()),
            bpcer=1 - accepted_real / np.float64(real.sum()),
        )


def auc(scores: np.ndarray, real: np.ndarray) -> float:
    """Probability that a bona fide presentation scores above an attack, ties half; NaN for one class."""
    if not 0 < real.sum() < len(real):
        return math.nan
    curve = roc(scores, real)
    return float(np.trapezoid(1 - curve.bpcer, curve.apcer))


def eer(scores: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Equal error rate and its threshold.

    The threshold is the point of the ROC where the two error rates differ least; of several such
    points the strictest. The rate is the mean of both errors there.

    Returns:
        ``(rate, threshold)``; NaN both when a class is missing.
    """
    if not 0 < real.sum() < len(real):
        return math.nan, math.nan
    curve = roc(scores, real)
    point = int(np.argmin(np.abs(curve.apcer - curve.bpcer)))
    return float(curve.apcer[point] + curve.bpcer[point]) / 2, float(curve.thresholds[point])


def hter(scores: np.ndarray, real: np.ndarray, threshold: float) -> float:
    """Half total error rate: the mean of pooled APCER and BPCER at a threshold fixed beforehand."""
    return (_rate(scores[~real] >= threshold) + _rate(scores[real] < threshold)) / 2


def bpcer_at_apcer(scores: np.ndarray, real: np.ndarray, apcer: float) -> float:
    """Lowest BPCER at a pooled APCER of at most ``apcer``."""
    if not 0 < real.sum() < len(real):
        return math.nan
    curve = roc(scores, real)
    return float(curve.bpcer[curve.apcer <= apcer].min())


def apcer_by_instrument(videos: Sequence[VideoScore], threshold: float) -> dict[str, float]:
    """APCER of each attack instrument species."""
    scores: dict[str, list[float]] = defaultdict(list)
    for video in videos:
        if video.label.cls is FasClass.SPOOF:
            scores[video.label.instrument or "unknown"].append(video.score)
    return {name: _rate(np.array(values) >= threshold) for name, values in sorted(scores.items())}


def evaluate(predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Every number of the report, at the level of clips, as JSON-ready values (NaN becomes null).

    The threshold is the equal-error point of the source-domain validation clips, chosen before the
    target is looked at. ``hter_at_target_eer`` repeats the field's idealised convention, whose
    threshold is the target's own equal-error point.
    """
    test = [p for p in predictions if p.split == "test"]
    validation = per_video([p for p in predictions if p.split == "validation"])
    videos = per_video(test)
    scores, real = arrays(videos)
    _, threshold = eer(*arrays(validation))
    target_eer, target_threshold = eer(scores, real)
    by_instrument = apcer_by_instrument(videos, threshold)
    apcer, bpcer = _rate(scores[~real] >= threshold), _rate(scores[real] < threshold)
    interval = bootstrap(videos, threshold)
    result = {
        "frames": len(test),
        "videos": len(videos),
        "bona_fide_videos": int(real.sum()),
        "attack_videos": int((~real).sum()),
        "validation_videos": len(validation),
        "threshold": threshold,
        "hter": (apcer + bpcer) / 2,
        "hter_interval": interval["hter"],
        "hter_at_target_eer": hter(scores, real, target_threshold),
        "target_eer": target_eer,
        "auc": auc(scores, real),
        "auc_interval": interval["auc"],
        "apcer_pooled": apcer,
        "apcer_max": max(by_instrument.values(), default=math.nan),
        "apcer_by_instrument": by_instrument,
        "attack_videos_by_instrument": dict(
            sorted(
                Counter(
                    v.label.instrument or "unknown" for v in videos if v.label.cls is FasClass.SPOOF
                ).items()
            )
        ),
        "bpcer": bpcer,
        "bpcer_at_apcer_10": bpcer_at_apcer(scores, real, 0.10),
        "acer": (max(by_instrument.values(), default=math.nan) + bpcer) / 2,
        "answer_accuracy": _rate([p.answer is p.label.cls for p in test]),
        "non_response": _rate([p.answer is None for p in test]),
        "think_answer_agreement": _rate(
            [p.answer is not None and p.answer is p.stance for p in test]
        ),
    }
    return _without_nan(result)


def arrays(videos: Sequence[VideoScore]) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,) and whether each is bona fide (n,)."""
    return (
        np.array([video.score for video in videos], float),
        np.array([video.label.cls is FasClass.REAL for video in videos], bool),
    )


def bootstrap(
    videos: Sequence[VideoScore], threshold: float, *, seed: int = 0
) -> dict[str, list[float]]:
    """95 % intervals of HTER and AUC. Whole subjects are resampled: clips of one are not independent."""
    scores, real = arrays(videos)
    groups: dict[str, list[int]] = defaultdict(list)
    for index, video in enumerate(videos):
        groups[video.subject].append(index)
    members = [np.array(group) for group in groups.values()]
    random = np.random.default_rng(seed)
    samples: dict[str, list[float]] = {"hter": [], "auc": []}
    for _ in range(REPLICATES if members else 0):
        chosen = np.concatenate(
            [members[i] for i in random.integers(len(members), size=len(members))]
        )
        samples["hter"].append(hter(scores[chosen], real[chosen], threshold))
        samples["auc"].append(auc(scores[chosen], real[chosen]))
    return {name: _percentiles(values) for name, values in samples.items()}


def _percentiles(values: list[float]) -> list[float]:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return [math.nan, math.nan]
    return [float(q) for q in np.percentile(known, (2.5, 97.5))]


def _rate(hits: Any) -> float:
    hits = np.asarray(hits, bool)
    return float(hits.mean()) if hits.size else math.nan


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
