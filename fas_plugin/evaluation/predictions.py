"""The predictions file: one JSON object a line, one line a frame."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fas_plugin.labels import FasClass, Label

SPLITS = ("validation", "test")


class PredictionsError(ValueError):
    """A predictions file that cannot be evaluated."""


@dataclass(frozen=True)
class Prediction:
    """What the policy made of one frame.

    Attributes:
        score: probability of bona fide, in [0, 1].
        answer, stance: what the stored completion answers and argues for; None for neither.
        image: path of the face image.
        n_samples: completions that the score averages over.
    """

    record_id: str
    video: str
    subject: str
    domain: str
    label: Label
    split: str
    score: float
    completion: str
    answer: FasClass | None
    stance: FasClass | None
    image: str
    n_samples: int


@dataclass(frozen=True)
class VideoScore:
    """The mean score of a clip's frames."""

    video: str
    subject: str
    label: Label
    score: float


def read_predictions(path: Path) -> list[Prediction]:
    """Read and check a predictions file.

    Raises:
        PredictionsError: missing file, a malformed row (with its line), a score outside [0, 1] or
            not a number, or a record twice (with the count and the first five).
    """
    if not path.is_file():
        raise PredictionsError(f"{path}: no predictions there; run `fas-plugin predict` first")
    rows = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                rows.append(_parse(json.loads(line)))
            except (ValueError, TypeError, KeyError) as error:
                reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
                raise PredictionsError(f"{path}, line {number}: {reason}") from None
    if not rows:
        raise PredictionsError(f"{path}: no predictions in it")
    counts = Counter((row.split, row.record_id) for row in rows)
    twice = [record_id for (_, record_id), count in counts.items() if count > 1]
    if twice:
        raise PredictionsError(
            f"{path}: {len(twice)} records more than once: {', '.join(twice[:5])}"
        )
    return rows


def _parse(row: dict) -> Prediction:
    score = float(row["score"])
    if not 0 <= score <= 1:  # false for NaN, too
        raise ValueError(f"score {row['score']!r} of {row['record_id']!r}: expected 0 to 1")
    if row["split"] not in SPLITS:
        raise ValueError(f"split {row['split']!r}: expected one of {', '.join(SPLITS)}")
    return Prediction(
        record_id=str(row["record_id"]),
        video=str(row["video"]),
        subject=str(row["subject"]),
        domain=str(row["domain"]),
        label=Label.parse(row["label"]),
        split=row["split"],
        score=score,
        completion=str(row["completion"]),
        answer=None if row["answer"] is None else FasClass(row["answer"]),
        stance=None if row["stance"] is None else FasClass(row["stance"]),
        image=str(row["image"]),
        n_samples=int(row["n_samples"]),
    )


def per_video(predictions: Sequence[Prediction]) -> list[VideoScore]:
    """The mean score of each clip, as the field's published code does it."""
    groups: dict[str, list[Prediction]] = defaultdict(list)
    for prediction in predictions:
        groups[prediction.video].append(prediction)
    return [
        VideoScore(
            video, group[0].subject, group[0].label, math.fsum(p.score for p in group) / len(group)
        )
        for video, group in sorted(groups.items())
    ]
