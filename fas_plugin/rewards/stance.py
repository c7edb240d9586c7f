"""What a reasoning argues for: a deterministic, local judge without a model.

Explicit verdicts ("so this is a live face") decide; where there are none, evidence that is said to
be visible does ("moire bands run across the cheek"). Task talk, questions, hypotheses, keyword lists
and words to the grader count for nothing; hedging and unresolved conflict give no stance.
"""

from __future__ import annotations

from dataclasses import dataclass

from fas_plugin.labels import FasClass
from fas_plugin.lexicon import Role
from fas_plugin.wording import Clause, clauses, resolve

#: Only the end of a longer reasoning is read, where conclusions stand. Characters.
MAX_REASONING = 20_000

#: Weight of evidence that a concession grants and of evidence that a contrast stresses.
_CONCEDED, _STRESSED = 0.25, 2.0
#: Evidence alone decides from this weight on, and if it outweighs the other side so many times.
_ENOUGH, _CLEAR = 0.75, 2.5


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
    read = [c for c in clauses(reasoning[offset:]) if not c.ignored]
    weights = _weigh(read)
    spans = tuple(
        Span(m.start + offset, m.end + offset, m.cls) for c in read if c.states for m in c.mentions
    )
    real, spoof = weights[FasClass.REAL], weights[FasClass.SPOOF]
    balance = (real - spoof) / (real + spoof) if real + spoof else 0.0
    verdict = resolve(read)
    if cls := verdict.cls:
        agreement = balance if cls is FasClass.REAL else -balance
        return Stance(cls, round(0.75 + 0.25 * agreement, 4), spans)
    contested = any(m.claimed for c in read for m in c.mentions) or any(
        Role.UNDECIDED in c.roles for c in read
    )
    cls = FasClass.REAL if balance > 0 else FasClass.SPOOF
    winner, loser = max(real, spoof), min(real, spoof)
    if contested or winner < _ENOUGH or winner < _CLEAR * loser:
        return Stance(None, 0.0, spans)
    return Stance(cls, round(abs(balance) * min(1.0, 0.25 + winner / 8), 4), spans)


def _weigh(read: list[Clause]) -> dict[FasClass, float]:
    """The evidence for either class, each clause as strong as the way it is put."""
    weights = dict.fromkeys(FasClass, 0.0)
    for clause in read:
        if not clause.states or clause.roles & {Role.MODAL, Role.UNDECIDED}:
            continue
        factor = 1.0
        if Role.CONCESSION in clause.roles:
            factor = _CONCEDED
        elif clause.roles & {Role.CONTRAST, Role.TURN}:
            factor = _STRESSED
        for mention in clause.mentions:
            if mention.evidence:
                weights[mention.cls] += factor * mention.weight
    return weights
