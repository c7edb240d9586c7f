"""What a reasoning argues for: a deterministic, local judge.

A small network (``rewards.network``) that was trained on labelled reasonings reads words, clauses and
their order: stated verdicts, evidence that is said to be visible, negation, concession, revision. Rules
add what a short text says in so many words (``rewards.saying``). Task talk, questions, hypotheses,
keyword lists, words to the grader, hedging and unresolved conflict give no stance. What was read before
changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fas_plugin.labels import FasClass
from fas_plugin.rewards.saying import LONGEST, OUTPUTS, said

if TYPE_CHECKING:
    from fas_plugin.rewards.network import Network

#: Only the end of a longer reasoning is read, where conclusions stand. Characters.
MAX_REASONING = 20_000
#: Of a text's clauses, only so many at its end are weighed as evidence; fewer of a long text, so that
#: no more than so many characters are read again.
_MAX_CLAUSES, _MAX_REREAD = 64, 200_000
#: A clause is evidence if leaving it out moves the odds by this, and by this share of the most that
#: any clause moves them. Natural logarithm.
_MOVES, _SHARE = 0.25, 0.15

#: What stands around a clause and is no part of it.
_AROUND = ' \t\r\n.,;:!?()"=-*#|~—–…。，、；：！？（）“”'

_CLASSES = tuple(FasClass(name) if name != "none" else None for name in OUTPUTS)


@dataclass(frozen=True)
class Span:
    """A clause that speaks for a class: without it, the text would speak less for that class."""

    start: int
    end: int
    polarity: FasClass


@dataclass(frozen=True)
class Stance:
    """The class argued for, or None; how clearly, in [0, 1]; and the clauses that count."""

    cls: FasClass | None
    confidence: float
    evidence: tuple[Span, ...]


def network() -> Network:
    """The judge's network, with its compiler: they load for longer than the rest of the package."""
    from fas_plugin.rewards.network import network

    return network()


def classes(reasonings: Sequence[str]) -> list[FasClass | None]:
    """The class that each reasoning argues for. Never raises on strings; linear in their length."""
    odds = _odds([reasoning[-MAX_REASONING:].strip() for reasoning in reasonings])
    return [_CLASSES[best] for best in odds.argmax(1).tolist()]


def judge(reasoning: str) -> tuple[FasClass | None, float]:
    """Class and confidence: ``stance`` without the evidence, for those who need it fast.

    The confidence is the probability of the class, 0 where there is none.
    """
    odds = _odds([reasoning[-MAX_REASONING:].strip()])[0].tolist()
    best = max(odds)
    cls = _CLASSES[odds.index(best)]
    total = math.fsum(math.exp(odd - best) for odd in odds)
    return cls, round(1 / total, 4) if cls else 0.0


def stance(reasoning: str) -> Stance:
    """The class that ``reasoning`` argues for, and why. Never raises on a string."""
    cls, confidence = judge(reasoning)
    text = reasoning[-MAX_REASONING:].lstrip()
    offset = len(reasoning) - len(text)
    text = text.rstrip()
    spans = _clauses(text)[-min(_MAX_CLAUSES, _MAX_REREAD // max(1, len(text))) :]
    texts = [text, *(text[:start] + text[end:] for start, end in spans)]
    with_all, *without = _odds(texts, rules=len(text) <= LONGEST).tolist()
    moved = [_lean(with_all) - _lean(odds) for odds in without]
    least = max(_MOVES, _SHARE * max(map(abs, moved), default=0.0))
    evidence = tuple(
        Span(start + offset, end + offset, FasClass.REAL if by > 0 else FasClass.SPOOF)
        for (start, end), by in zip(spans, moved, strict=True)
        if abs(by) >= least
    )
    return Stance(cls, confidence, evidence)


def _odds(texts: Sequence[str], *, rules: bool = True) -> np.ndarray:
    """(texts, 3): the logarithms of the odds of ``OUTPUTS``, up to a constant for each text.

    Without ``rules``, of the network alone: for parts of a text that is too long for the rules.
    """
    reader = network()
    odds = reader.outputs(texts) / reader.unit
    return odds + said(texts) if rules else odds


def _lean(odds: Sequence[float]) -> float:
    """How much the odds speak for real; negative for spoof."""
    return odds[OUTPUTS.index("real")] - odds[OUTPUTS.index("spoof")]


def _clauses(text: str) -> list[tuple[int, int]]:
    """Start and end of each clause, without white space and marks around it."""
    starts = network().vocabulary.clause_starts(text)
    spans = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        piece = text[start:end]
        if stripped := piece.strip(_AROUND):
            start += piece.index(stripped)
            spans.append((start, start + len(stripped)))
    return spans
