"""The score of one completion: the probability of the class words where the answer stands.

The probabilities that a model gives to the pieces of an answer form a tree: at the answer's place the
first pieces, below each piece those that may follow it. A class has the mass of all paths that spell
its word (``real``; ``sp`` then ``oof``), and the score is the share of ``real`` in the mass of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fas_plugin.completion import parse_completion
from fas_plugin.labels import FasClass

ANSWER = "<answer>"
#: A path with less than this share of the mass of both words is not asked for what follows it, but
#: counted as if the word went on for sure. No score is further from the exact one than this.
NEGLIGIBLE = 1e-3
#: From this probability of both words together on they are what the model answers in. Below, it uses
#: words of its own, and what it states counts.
TRUSTED = 0.5

#: What may stand between the tag and the word.
_BEFORE_WORD = " \n\r\t\"'`*_:([{"


class Piece(NamedTuple):
    """One token that may come next."""

    text: str
    probability: float
    token: int | None = None


#: Tokens from the answer's place on: ids in process, texts from an endpoint.
Path = tuple[int | str, ...]


@dataclass
class AnswerTree:
    """What is known of the pieces of one answer."""

    known: dict[Path, Sequence[Piece]] = field(default_factory=dict)

    def masses(self) -> dict[FasClass, float]:
        """Probability of each class word; unknown continuations count as certain."""
        mass = dict.fromkeys(FasClass, 0.0)
        for cls, probability, _ in self._leaves():
            mass[cls] += probability
        return mass

    def score(self) -> float | None:
        """Share of ``real`` in the mass of both words, in [0, 1]; None when neither was seen."""
        mass = self.masses()
        total = sum(mass.values())
        return mass[FasClass.REAL] / total if total > 0 else None

    def wanted(self) -> list[Path]:
        """Paths whose continuation could change the score by more than :data:`NEGLIGIBLE`."""
        total = sum(self.masses().values())
        return [
            path
            for _, probability, path in self._leaves()
            if path is not None and probability > NEGLIGIBLE * total
        ]

    def _leaves(self) -> Iterator[tuple[FasClass, float, Path | None]]:
        """Class, probability and, where the word is not complete, the path."""
        stack: list[tuple[Path, str, float]] = [((), "", 1.0)]
        while stack:
            path, said, reach = stack.pop()
            for piece in self.known.get(path, ()):
                below = (*path, piece.text if piece.token is None else piece.token)
                spelled = (said + piece.text.lower()).lstrip(_BEFORE_WORD)
                mass = reach * piece.probability
                if not spelled:  # white space or a mark before the word
                    if below in self.known:
                        stack.append((below, "", mass))
                    continue
                for cls in FasClass:
                    word = cls.value
                    if spelled.startswith(word):
                        if not spelled[len(word) : len(word) + 1].isalpha():
                            yield cls, mass, None
                    elif word.startswith(spelled):
                        if below in self.known:
                            stack.append((below, spelled, mass))
                        else:
                            yield cls, mass, below


@dataclass(frozen=True)
class SampleScore:
    """The score of one completion and where it comes from.

    Attributes:
        value: probability of bona fide, in [0, 1].
        source: ``logprobs``; ``text`` where the model answers in other words or gives no
            probabilities: then 1 or 0, as stated; ``none`` where nothing can be read: then 0.5.
    """

    value: float
    source: str


def sample_score(completion: str, tree: AnswerTree) -> SampleScore:
    """The score of a completion from its answer's tree, or from what it states."""
    score = tree.score()
    if score is not None and sum(tree.masses().values()) >= TRUSTED:
        return SampleScore(score, "logprobs")
    stated = parse_completion(completion).answer
    if stated is not None:
        return SampleScore(float(stated is FasClass.REAL), "text")
    return SampleScore(0.5, "none") if score is None else SampleScore(score, "logprobs")


def answer_start(pieces: Sequence[str]) -> int | None:
    """Index of the first piece after the last ``<answer>``; None where there is none, or no piece.

    A piece that holds both the end of the tag and the start of the word gives None, too.
    """
    text = "".join(pieces)
    at = text.rfind(ANSWER)
    if at < 0:
        return None
    end, position = at + len(ANSWER), 0
    for index, piece in enumerate(pieces):
        if position >= end:
            return index if position == end or not text[end:position].strip() else None
        position += len(piece)
    return None


def along(pieces: Sequence[Sequence[Piece]], chosen: Sequence[Piece]) -> AnswerTree:
    """The tree along the answer that was generated, as far as it spells a word.

    Args:
        pieces: for each place from the answer's start on, the pieces that might have stood there.
        chosen: the piece that does.
    """
    tree, path, said = AnswerTree(), (), ""
    for alternatives, piece in zip(pieces, chosen, strict=True):
        tree.known[path] = alternatives
        path = (*path, piece.text if piece.token is None else piece.token)
        said = (said + piece.text.lower()).lstrip(_BEFORE_WORD)
        if said and not any(cls.value.startswith(said) for cls in FasClass):
            break
        if said in set(FasClass):
            break
    return tree
