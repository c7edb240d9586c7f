"""What the reasoning is worth: does it agree with the answer and with the truth, and what is it like?

Counted over the test images, on the first completion of each.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fas_plugin.evaluation.predictions import Prediction
from fas_plugin.labels import FasClass
from fas_plugin.rewards.instrument import family, instruments_named
from fas_plugin.rewards.stance import Stance, stance

#: Words in a row that count as repeated where they come again, and cues that are listed.
REPEATED, LISTED = 4, 6


@dataclass(frozen=True)
class Reasoning:
    """One completion, read.

    Attributes:
        answer, stance: what the completion answers and argues for.
        cues: words that speak for a class, and for which.
        words: length of the reasoning.
        repeated: share of its runs of :data:`REPEATED` words that were there before, in [0, 1].
        language: ``latin``, ``chinese``, ``other``, ``mixed`` or ``none``.
    """

    text: str
    answer: FasClass | None
    stance: FasClass | None
    cues: tuple[tuple[str, FasClass], ...]
    words: int
    repeated: float
    language: str
    faults: tuple[str, ...]
    instruments: frozenset[str]


def read_reasoning(prediction: Prediction) -> Reasoning | None:
    """The first completion of a prediction; None for a system that gives no text."""
    if not prediction.completions:
        return None
    parsed = prediction.parsed[0]
    think = parsed.think or ""
    argued = stance(think) if think else Stance(None, 0.0, ())
    words = think.split()
    return Reasoning(
        text=prediction.completions[0],
        answer=parsed.answer,
        stance=argued.cls,
        cues=tuple((think[s.start : s.end].lower(), s.polarity) for s in argued.evidence),
        words=len(words),
        repeated=_repeated(words),
        language=_language(think),
        faults=parsed.faults,
        instruments=instruments_named(parsed.answer_text or "")
        if parsed.answer is FasClass.SPOOF
        else frozenset(),
    )


def explanations(
    predictions: Sequence[Prediction], reasonings: Sequence[Reasoning | None]
) -> dict[str, Any] | None:
    """The section of ``metrics.json``; None for a system that gives no reasoning.

    Args:
        reasonings: :func:`read_reasoning` of each prediction.
    """
    pairs = [
        (p.sample.label, r) for p, r in zip(predictions, reasonings, strict=True) if r is not None
    ]
    if not any(r.words for _, r in pairs):
        return None
    answered = [(label, r) for label, r in pairs if r.answer]
    right = [(label, r) for label, r in answered if r.answer is label.cls]
    lengths = np.array([r.words for _, r in pairs])
    texts = Counter(r.text for _, r in pairs)
    attacks = [(label, r) for label, r in pairs if label.instrument and r.answer is FasClass.SPOOF]
    named = [(label, r) for label, r in attacks if r.instruments]
    return {
        "completions": len(pairs),
        "agreement": _share(r.stance is r.answer for _, r in answered),
        "stance_right": _share(r.stance is label.cls for label, r in pairs),
        "stance_wrong": _share(r.stance is label.cls.other for label, r in pairs),
        "stance_none": _share(r.stance is None for _, r in pairs),
        "right_for_wrong_reason": _share(r.stance is label.cls.other for label, r in right),
        "right_without_reason": _share(r.stance is None for _, r in right),
        "instrument_named": _share(bool(r.instruments) for _, r in attacks),
        "instrument_right": _share(
            family(label.instrument or "") in {family(i) for i in r.instruments}
            for label, r in named
        ),
        "evidence": _evidence(pairs),
        "words": {
            "mean": float(lengths.mean()),
            **{f"p{q}": float(np.percentile(lengths, q)) for q in (5, 50, 95)},
        },
        "language": _shares(r.language for _, r in pairs),
        "repetition": float(np.mean([r.repeated for _, r in pairs])),
        "distinct": len(texts) / len(pairs),
        "most_frequent": max(texts.values()) / len(pairs),
        "faults": _shares(fault for _, r in pairs for fault in r.faults or ()) if pairs else {},
        "format": _share(not r.faults for _, r in pairs),
    }


def _evidence(pairs: Sequence[tuple[Any, Reasoning]]) -> dict[str, dict[str, dict[str, float]]]:
    """Instrument (or ``bona fide``) -> class spoken for -> cue -> share of its reasonings."""
    counts: dict[str, dict[FasClass, Counter[str]]] = defaultdict(
        lambda: {cls: Counter() for cls in FasClass}
    )
    totals: Counter[str] = Counter()
    for label, reasoning in pairs:
        name = "bona fide" if label.cls is FasClass.REAL else label.instrument or "unknown"
        totals[name] += 1
        for cue, polarity in set(reasoning.cues):
            counts[name][polarity][cue] += 1
    return {
        name: {
            cls.value: {cue: n / totals[name] for cue, n in counts[name][cls].most_common(LISTED)}
            for cls in FasClass
        }
        for name in sorted(totals)
    }


def _repeated(words: Sequence[str]) -> float:
    runs = [tuple(words[i : i + REPEATED]) for i in range(len(words) - REPEATED + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def _language(text: str) -> str:
    letters = [c for c in text[:2000] if c.isalpha()]
    if not letters:
        return "none"
    kinds = Counter(
        "latin" if c.isascii() else "chinese" if "CJK" in unicodedata.name(c, "") else "other"
        for c in letters
    )
    kind, count = kinds.most_common(1)[0]
    return kind if count >= 0.8 * len(letters) else "mixed"


def _share(hits: Any) -> float:
    hits = list(hits)
    return sum(hits) / len(hits) if hits else math.nan


def _shares(items: Any) -> dict[str, float]:
    counts = Counter(items)
    total = sum(counts.values())
    return {name: count / total for name, count in counts.most_common(8)}
