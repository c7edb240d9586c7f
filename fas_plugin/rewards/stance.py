"""What a reasoning argues for: a deterministic, local judge.

Explicit verdicts ("so this is a live face") decide; where there are none, evidence that is said to
be visible does ("ripples run across the cheek"). What words are evidence is learned (``evidence``),
what is said of them is read by rules (``wording``). Task talk, questions, hypotheses, keyword lists
and words to the grader count for nothing; hedging and unresolved conflict give no stance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from fas_plugin.labels import FasClass
from fas_plugin.lexicon import Role
from fas_plugin.tokens import LINE, encode, read, token_spans
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
_ENOUGH, _CLEAR = 1.0, 1.4
#: ... or, beside a hedged verdict, from this weight on.
_SURE = 2.5

#: Words without a statement: "moire, bezel, halftone", "skin edges light".
_KEYWORDS = re.compile(r"(?:[_x+BRS]{1,2},){3,}[_x+BRS]{0,3}[.]?|[RSr+]{3,}[.]?")
#: The same for a whole text: "spoof", "Answer: real", "skin edges light", "real real. spoof spoof."
_BARE = re.compile(r"[_x+BRSp:]{0,3}[.]?|[_+BRS]{4,12}[.]?|(?=.*[RS].*[RS])[_+BRSrao,.]+")
#: Longer texts are never bare. Characters.
_MAX_BARE = 200

_SENTENCE = re.compile(r"[^.!?;\n。！？；…]*[.!?;\n。！？；…]*\s*")
#: A longer sentence is not remembered. Characters.
_MAX_SENTENCE = 400
#: As many sentences are remembered before the memory starts anew.
_MAX_MEMORY = 50_000


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
    cls, confidence = judge(reasoning)
    offset = max(0, len(reasoning) - MAX_REASONING)
    spans: list[Span] = []
    for i, sentence in enumerate(_sentences(reasoning[offset:])):
        letters, weights = read(encode(sentence))
        places = token_spans(sentence)
        for clause in _MEMORIES[i > 0][sentence].clauses:
            for at, weight in clause.evidence(weights):
                last = at
                while letters[last + 1 : last + 2] == Role.PADDING:
                    last += 1
                start, end = places[at][0] + offset, places[last][1] + offset
                spans.append(Span(start, end, FasClass.REAL if weight > 0 else FasClass.SPOOF))
        offset += len(sentence)
    return Stance(cls, confidence, tuple(spans))


def judge(reasoning: str) -> tuple[FasClass | None, float]:
    """Class and confidence: ``stance`` without the evidence, for those who need it fast."""
    sentences = _sentences(reasoning[-MAX_REASONING:])
    if len(reasoning) <= _MAX_BARE and _BARE.fullmatch(read(encode(reasoning))[0]):
        return None, 0.0
    real = spoof = 0.0
    telling: list[Clause] = []
    memory = _MEMORIES[False]
    for sentence in sentences:
        said = memory[sentence]
        real = real * said.leaves + said.real
        spoof = spoof * said.leaves + said.spoof
        telling += said.telling
        memory = _MEMORIES[True]
    balance = (real - spoof) / (real + spoof) if real + spoof else 0.0
    cls = resolve(telling).cls
    if cls:
        agreement = balance if cls is FasClass.REAL else -balance
        return cls, round(0.75 + 0.25 * agreement, 4)
    winner, loser = max(real, spoof), min(real, spoof)
    if winner < _ENOUGH or winner < _CLEAR * loser or _contested(telling, winner, balance):
        return None, 0.0
    cls = FasClass.REAL if balance > 0 else FasClass.SPOOF
    return cls, round(abs(balance) * min(1.0, 0.25 + winner / 16), 4)


class _Sentence(NamedTuple):
    """What a sentence contributes.

    ``leaves``: the share of the evidence before it that it leaves; ``real`` and ``spoof``: its own;
    ``telling``: the clauses that can matter to the verdict.
    """

    leaves: float
    real: float
    spoof: float
    telling: list[Clause]
    clauses: list[Clause]


class _Memory(dict[str, _Sentence]):
    """What sentences contribute. A policy says many sentences again and again."""

    def __init__(self, others_before: bool) -> None:
        self._others_before = others_before

    def __missing__(self, sentence: str) -> _Sentence:
        letters, weights = read(encode(sentence))
        said: list[Clause] = []
        if not _KEYWORDS.fullmatch(letters):
            found = clauses(letters, weights, others_before=self._others_before)
            said = [c for c in found if not c.ignored and (c.telling or c.real or c.spoof)]
        result = _Sentence(*_weigh(said), [c for c in said if c.telling], said)
        if len(sentence) <= _MAX_SENTENCE:
            if len(self) >= _MAX_MEMORY:
                self.clear()
            self[sentence] = result
        return result


#: For the first sentence of a text and for those after it.
_MEMORIES = (_Memory(False), _Memory(True))


def forget() -> None:
    """Empties the memory of sentences; for measuring."""
    for memory in _MEMORIES:
        memory.clear()


def _sentences(text: str) -> list[str]:
    """``text`` in pieces that can be read one by one; together they are ``text``."""
    if "\n" in text:
        text = LINE.sub(lambda match: ";" + " " * (len(match.group()) - 1), text).replace("\n", " ")
    return _SENTENCE.findall(text)[:-1] or [""]


def _contested(telling: list[Clause], winner: float, balance: float) -> bool:
    """Whether there is a verdict that was taken back, doubted, or hedged against the evidence."""
    for clause in telling:
        if "u" in clause.roles:
            return True
        for mention in clause.mentions:
            if mention.claimed:
                hedged = "m" in clause.roles
                if not hedged or winner < _SURE or mention.weight * balance < 0:
                    return True
    return False


def _weigh(said: list[Clause]) -> tuple[float, float, float]:
    """What is left of the evidence before, and the evidence for real and for spoof.

    Each clause is as strong as the way it is put.
    """
    leaves, real, spoof = 1.0, 0.0, 0.0
    for clause in said:
        letters = clause.roles
        factor = 1.0
        if "Q" in letters:
            factor = _CONCEDED
        elif "K" in letters or "T" in letters:
            factor = _STRESSED
            leaves *= _OVERRULED
            real *= _OVERRULED
            spoof *= _OVERRULED
        if "m" in letters or "u" in letters:
            factor *= _MODAL
        real += factor * min(_CLAUSE, clause.real)
        spoof += factor * min(_CLAUSE, clause.spoof)
    return leaves, real, spoof
