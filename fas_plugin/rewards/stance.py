"""What a reasoning argues for: a deterministic, local judge.

Explicit verdicts ("so this is a live face") decide; where there are none, evidence that is said to
be visible does ("ripples run across the cheek"). What words are evidence is learned (``evidence``),
what is said of them is read by rules (``wording``). Task talk, questions, hypotheses, keyword lists
and words to the grader count for nothing; hedging and unresolved conflict give no stance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fas_plugin.labels import FasClass
from fas_plugin.tokens import encode, read, token_spans
from fas_plugin.wording import Clause, clauses, resolve

#: Only the end of a longer reasoning is read, where conclusions stand. Characters.
MAX_REASONING = 20_000

#: Weight of evidence in a clause that concedes, contrasts, or may be.
_CONCEDED, _STRESSED, _MODAL = 0.25, 2.0, 0.3
#: What a contrast leaves of the evidence before it.
_OVERRULED = 0.4
#: No clause counts for more than this.
_CLAUSE = 4.0
#: Evidence alone decides from this weight on, and if it outweighs the other side so many times.
_ENOUGH, _CLEAR = 1.0, 2.0
#: ... or, beside a hedged verdict, from this weight on.
_SURE = 2.5

#: Three or more words without a sentence: "moire, bezel, halftone".
_KEYWORDS = re.compile(r"(?:[_xBRS]{1,2},){3,}[_xBRS]{0,3}[.]?|[_xBRSp:]{1,3}[.]?|[_xBRS]{4,12}[.]?|[RSraox,.]+")


@dataclass(frozen=True)
class Span:
    """A piece of the reasoning that speaks for a class. ``polarity`` has negation resolved."""

    start: int
    end: int
    polarity: FasClass


@dataclass(frozen=True)
class Stance:
    """The class argued for, or None; how clearly, in [0, 1]; and the words that count."""

    cls: FasClass | None
    confidence: float
    evidence: tuple[Span, ...]


def stance(reasoning: str) -> Stance:
    """The class that ``reasoning`` argues for. Never raises on a string; linear in its length."""
    offset = max(0, len(reasoning) - MAX_REASONING)
    text = reasoning[offset:]
    cls, confidence, read = judge(text)
    mentions = [m for c in read for m in c.mentions]
    places = token_spans(text) if mentions else []
    spans = tuple(Span(places[m.at][0] + offset, places[m.at][1] + offset, m.cls) for m in mentions)
    return Stance(cls, confidence, spans)


def judge(reasoning: str) -> tuple[FasClass | None, float, list[Clause]]:
    """Class, confidence and the clauses that were weighed."""
    letters, weights = read(encode(reasoning[-MAX_REASONING:]))
    if _KEYWORDS.fullmatch(letters):
        return None, 0.0, []
    said = [c for c in clauses(letters, weights) if not c.ignored]
    real, spoof = _weigh(said)
    balance = (real - spoof) / (real + spoof) if real + spoof else 0.0
    cls = resolve(said).cls
    if cls:
        agreement = balance if cls is FasClass.REAL else -balance
        return cls, round(0.75 + 0.25 * agreement, 4), said
    winner, loser = max(real, spoof), min(real, spoof)
    contested = any(
        "u" in c.roles
        or any(m.claimed and ("m" not in c.roles or m.weight * balance < 0) for m in c.mentions)
        for c in said
    )
    if contested or winner < _ENOUGH or winner < _CLEAR * loser:
        return None, 0.0, said
    hedged = any(m.claimed for c in said for m in c.mentions)
    if hedged and winner < _SURE:
        return None, 0.0, said
    cls = FasClass.REAL if balance > 0 else FasClass.SPOOF
    return cls, round(abs(balance) * min(1.0, 0.25 + winner / 16), 4), said


def _weigh(said: list[Clause]) -> tuple[float, float]:
    """The evidence for real and for spoof, each clause as strong as the way it is put."""
    real = spoof = 0.0
    for clause in said:
        letters = clause.roles
        factor = 1.0
        if "Q" in letters:
            factor = _CONCEDED
        elif "K" in letters or "T" in letters:
            factor = _STRESSED
            real *= _OVERRULED
            spoof *= _OVERRULED
        if "m" in letters or "u" in letters:
            factor *= _MODAL
        real += factor * min(_CLAUSE, clause.real)
        spoof += factor * min(_CLAUSE, clause.spoof)
    return real, spoof
