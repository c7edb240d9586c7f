"""From predictions to every number of ``metrics.json`` (its schema lies beside this module)."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fas_plugin import __version__
from fas_plugin.datasets.protocols import ProtocolError, load_protocol
from fas_plugin.evaluation import bootstrap, metrics
from fas_plugin.evaluation.explanations import explanations, read_reasoning
from fas_plugin.evaluation.predictions import SCHEMA_VERSION, Prediction, PredictionSet
from fas_plugin.labels import FasClass

#: How a clip's frames become its score; the first is the field's, and the report's.
LEVELS: dict[str, Callable[[np.ndarray], float] | None] = {
    "video_mean": lambda scores: math.fsum(scores) / len(scores),
    "video_median": lambda scores: float(np.median(scores)),
    "video_vote": lambda scores: float(np.mean(scores >= 0.5)),
    "frame": None,
}
MAIN = "video_mean"
#: Error rate that the thresholds "from a target" allow on the validation clips.
TARGET = 0.05
#: ISO's BPCER10, BPCER20 and BPCER100: the lowest BPCER at these APCERs.
ISO_TARGETS = {"bpcer10": 0.1, "bpcer20": 0.05, "bpcer100": 0.01}
#: Pooled APCERs at which the ROC's band is drawn.
GRID = (0.0, *np.geomspace(0.001, 1, 60).tolist())


@dataclass(frozen=True)
class Scored:
    """Presentations: frames, or clips with one score each."""

    scores: np.ndarray
    real: np.ndarray
    species: np.ndarray
    subject: np.ndarray
    names: tuple[str, ...]


def scored(predictions: Sequence[Prediction], level: str = MAIN) -> Scored:
    """The presentations of a level, clips in the order of their names."""
    merge = LEVELS[level]
    if merge is None:
        groups = {p.sample.record_id: [p] for p in predictions}
    else:
        groups = defaultdict(list)
        for prediction in predictions:
            groups[prediction.sample.video].append(prediction)
    names = sorted(groups)
    firsts = [groups[name][0].sample for name in names]
    values = [np.array([p.score for p in groups[name]]) for name in names]
    return Scored(
        scores=np.array([merge(v) if merge else v[0] for v in values], float),
        real=np.array([s.label.cls is FasClass.REAL for s in firsts], bool),
        species=np.array([s.label.instrument or "unknown" for s in firsts], object),
        subject=np.array([s.subject for s in firsts], object),
        names=tuple(names),
    )


def measure(made: PredictionSet, name: str) -> dict[str, Any]:
    """Every number about a system, as JSON values; a number that cannot be had is None.

    The main threshold is the equal-error point of the source-domain validation clips, chosen before
    the target is looked at. ``target_eer`` repeats the field's idealised convention, whose threshold
    is the target's own equal-error point.
    """
    test, validation = made.split("test"), made.split("validation")
    reasonings = [read_reasoning(p) for p in test]
    levels = {level: _level(scored(test, level), scored(validation, level)) for level in LEVELS}
    main = scored(test)
    threshold = source_threshold(made)
    result = {
        "schema_version": SCHEMA_VERSION,
        "fas_plugin": __version__,
        "name": name,
        "made_by": dict(made.made_by),
        "protocol": _protocol(made.protocol),
        "synthetic": made.synthetic,
        "counts": {
            "frames": len(test),
            "videos": len(main.names),
            "bona_fide_videos": int(main.real.sum()),
            "attack_videos": int((~main.real).sum()),
            "attack_videos_by_instrument": dict(sorted(Counter(main.species[~main.real]).items())),
            "subjects": len(set(main.subject)),
            "validation_videos": len(scored(validation).names),
            "domains": dict(Counter(p.sample.domain for p in test)),
        },
        "scoring": _scoring(test),
        "levels": levels,
        "domains": {
            domain: domain_result(made, domain, threshold)
            for domain in sorted({p.sample.domain for p in test})
        },
        "answers": _answers(test),
        "calibration": _calibration(main),
        "explanations": explanations(test, reasonings),
    }
    return without_nan(result)


def source_threshold(made: PredictionSet) -> float:
    """The equal-error threshold of the source-domain validation clips; NaN where there are none."""
    validation = scored(made.split("validation"))
    return metrics.eer(validation.scores, validation.real)[1]


def domain_result(made: PredictionSet, domain: str, threshold: float) -> dict[str, Any]:
    """What tables of several targets need of one: HTER, EER and AUC of its clips."""
    test = scored([p for p in made.split("test") if p.sample.domain == domain])
    return {
        "videos": len(test.names),
        "hter": metrics.hter(test.scores, test.real, threshold)
        if not math.isnan(threshold)
        else math.nan,
        "eer": metrics.eer(test.scores, test.real)[0],
        "auc": metrics.auc(test.scores, test.real),
    }


def _level(test: Scored, validation: Scored) -> dict[str, Any]:
    scores, real, species = test.scores, test.real, test.species
    draws = bootstrap.draw_subjects(len(set(test.subject)))
    curves = bootstrap.over_thresholds(scores, real, test.subject, draws, GRID)
    rate, own = metrics.eer(scores, real)
    source = (validation.scores, validation.real)
    thresholds = {
        "source_eer": metrics.eer(*source)[1] if len(source[0]) else math.nan,
        "target_eer": own,
        "fixed_0.5": 0.5,
        "source_apcer_5": metrics.threshold_at_apcer(*source, TARGET)
        if len(source[0])
        else math.nan,
        "source_bpcer_5": metrics.threshold_at_bpcer(*source, TARGET)
        if len(source[0])
        else math.nan,
    }
    counts = Counter(species[~real])
    return {
        "presentations": len(scores),
        "auc": metrics.auc(scores, real),
        "auc_interval": bootstrap.interval(curves.auc),
        "eer": rate,
        "eer_interval": bootstrap.interval(curves.eer),
        "operating_points": {
            name: _operating_point(test, threshold, draws) for name, threshold in thresholds.items()
        },
        # At thresholds of the target itself, as the standard's figures are meant.
        **{
            key: metrics.bpcer_at_apcer(scores, real, target, species)
            for key, target in ISO_TARGETS.items()
        },
        # Fewer attacks of a species than this cannot show such a low APCER.
        "too_few_attacks": {
            key: sorted(s for s, n in counts.items() if n < 1 / target)
            for key, target in ISO_TARGETS.items()
        },
        "bpcer_at_apcer_pooled": {
            f"{target:g}": metrics.bpcer_at_apcer(scores, real, target)
            for target in ISO_TARGETS.values()
        },
        "apcer_pooled_at_bpcer": {
            f"{target:g}": metrics.apcer_at_bpcer(scores, real, target)
            for target in ISO_TARGETS.values()
        },
    }


def _operating_point(test: Scored, threshold: float, draws: np.ndarray) -> dict[str, Any]:
    scores, real, species = test.scores, test.real, test.species
    known = not math.isnan(threshold)
    resampled = bootstrap.at_threshold(scores, real, test.subject, threshold, species, draws)
    by_species = metrics.apcer_by_species(scores, real, species, threshold) if known else {}
    worst = max(by_species, key=lambda name: by_species[name], default=None)
    pooled = metrics.apcer(scores, real, threshold) if known else math.nan
    rejected = metrics.bpcer(scores, real, threshold) if known else math.nan
    highest = by_species[worst] if worst is not None else math.nan
    return {
        "threshold": threshold if math.isfinite(threshold) or not known else 2.0,
        "hter": (pooled + rejected) / 2,
        "hter_interval": bootstrap.interval(resampled.hter),
        "acer": (highest + rejected) / 2,
        "apcer_pooled": pooled,
        "apcer_pooled_interval": bootstrap.interval(resampled.apcer),
        "apcer_max": highest,
        "apcer_max_interval": bootstrap.interval(resampled.apcer_max),
        "worst_instrument": worst,
        "apcer_by_instrument": by_species,
        "apcer_by_instrument_interval": {
            name: bootstrap.interval(values) for name, values in resampled.by_species.items()
        }
        if known
        else {},
        "bpcer": rejected,
        "bpcer_interval": bootstrap.interval(resampled.bpcer),
        "accuracy": metrics.accuracy(scores, real, threshold) if known else math.nan,
        "accuracy_bona_fide": 1 - rejected,
        "accuracy_attacks": 1 - pooled,
    }


def _protocol(name: str) -> dict[str, Any]:
    try:
        protocol = load_protocol(name)
    except ProtocolError:  # one of the user's own, whose file is not at hand
        return {"name": name or None, "title": name or "no protocol", "reference": None}
    return {"name": name, "title": protocol.title, "reference": protocol.reference}


def _scoring(test: Sequence[Prediction]) -> dict[str, Any]:
    sources = Counter(source for p in test for source in p.sources)
    total = sum(sources.values())
    seconds = np.array([p.seconds for p in test])
    return {
        "sources": {name: count / total for name, count in sources.most_common()},
        "samples": max((len(p.scores) for p in test), default=0),
        "distinct_scores": len({p.score for p in test}),
        "seconds_median": float(np.median(seconds)) if len(seconds) else math.nan,
        "seconds_p95": float(np.percentile(seconds, 95)) if len(seconds) else math.nan,
    }


def _answers(test: Sequence[Prediction]) -> dict[str, Any] | None:
    """What is stated in words, over frames; None for a system that gives no text."""
    if not any(p.completions for p in test):
        return None
    by_instrument: dict[str, list[bool]] = defaultdict(list)
    by_class: dict[FasClass, list[Prediction]] = {cls: [] for cls in FasClass}
    for p in test:
        by_class[p.sample.label.cls].append(p)
        if p.sample.label.cls is FasClass.SPOOF:
            by_instrument[p.sample.label.instrument or "unknown"].append(p.answer is FasClass.SPOOF)
    confusion = {
        cls.value: {
            (answer.value if answer else "none"): sum(p.answer is answer for p in group)
            for answer in (*FasClass, None)
        }
        for cls, group in by_class.items()
    }
    agreeing = [
        max(Counter(a.answer for a in p.parsed).values()) / len(p.parsed)
        for p in test
        if len(p.parsed) > 1
    ]
    return {
        "accuracy": _rate([p.answer is p.sample.label.cls for p in test]),
        "accuracy_bona_fide": _rate([p.answer is FasClass.REAL for p in by_class[FasClass.REAL]]),
        "accuracy_attacks": _rate([p.answer is FasClass.SPOOF for p in by_class[FasClass.SPOOF]]),
        "accuracy_by_instrument": {k: _rate(v) for k, v in sorted(by_instrument.items())},
        "confusion": confusion,
        # ISO: attack and bona fide presentation non-response rates.
        "non_response": _rate([p.answer is None for p in test]),
        "apnrr": _rate([p.answer is None for p in by_class[FasClass.SPOOF]]),
        "bpnrr": _rate([p.answer is None for p in by_class[FasClass.REAL]]),
        "self_agreement": float(np.mean(agreeing)) if agreeing else math.nan,
    }


def _calibration(main: Scored) -> dict[str, Any]:
    error, bins = metrics.calibration(main.scores, main.real)
    return {"ece": error, "bins": [asdict(b) for b in bins]}


def _rate(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else math.nan


def without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinity: None."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
